"""How a rollback ended: whether every region was taken back, and which were not."""

from __future__ import annotations

from collections.abc import Mapping

from rollouts.phases import Event


def judge_rollback(faults: Mapping[str, str | None]) -> tuple[Event, str]:
    """`faults` says of each region what went wrong, or None. A region that couldn't be taken back makes it fail."""
    left = {region: fault for region, fault in faults.items() if fault is not None}
    if not left:
        return Event.TAKEN_BACK, "every region was taken back"
    told = "; ".join(f"{region}: {fault}" for region, fault in sorted(left.items()))
    return Event.NOT_TAKEN_BACK, f"not taken back, the reconciler goes on: {told}"
