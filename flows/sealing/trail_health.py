"""The health of the audit trail, decided from facts: pure.

A region without its trail goes on deciding deals, since every record is in the ledger; so nothing here is worse than
degraded. Each reason says what is wrong and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MOST_WAITING = 2
SHOWN = 5

HEALTHY, DEGRADED = "healthy", "degraded"


@dataclass(frozen=True, slots=True)
class TrailFacts:
    """`waiting`: windows that are over and not in the chain, `lag_s` since the end of the last one that is;
    `differences`: how many a window's manifests tell of, `unreadable`: manifests of the chain, `late`: windows with
    lanes that no manifest holds; `kept`: why windows past retention were not purged, by window."""

    waiting: int = 0
    lag_s: float = 0.0
    differences: Mapping[str, int] = field(default_factory=dict)
    unreadable: Sequence[str] = ()
    late: Sequence[str] = ()
    witness_fault: str = ""
    schema_fault: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)
    kept_windows: int = 0
    purge_faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TrailHealth:
    status: str
    reasons: tuple[str, ...]


def decide_health(facts: TrailFacts) -> TrailHealth:
    """Healthy, or degraded and why."""
    reasons = tuple(_reasons(facts))
    return TrailHealth(DEGRADED if reasons else HEALTHY, reasons)


def _reasons(facts: TrailFacts) -> Iterator[str]:
    if facts.waiting > MOST_WAITING:
        yield (
            f"{facts.waiting} windows wait to be sealed, the trail lags {facts.lag_s:.0f} s behind: "
            "the log says what keeps them, under vouch.orchestrations"
        )
    for window, count in sorted(facts.differences.items())[:SHOWN]:
        yield f"the counts of window {window} differ in {count} ways: its manifest says where"
    if facts.unreadable:
        yield f"{_some(facts.unreadable)} can't be read: run vouch verify on the lake"
    if facts.late:
        yield f"lanes of {_some(facts.late)} appeared after sealing: a correction is due"
    if facts.witness_fault:
        yield f"the witness does not hold the newest checkpoint: {facts.witness_fault}"
    if facts.schema_fault:
        yield facts.schema_fault
    if facts.kept:
        reasons = ", ".join(f"{window} ({reason})" for window, reason in sorted(facts.kept.items())[:SHOWN])
        yield f"{facts.kept_windows} windows past retention can't be purged: {reasons}: the log says why"
    yield from facts.purge_faults


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
