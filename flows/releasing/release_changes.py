"""What can be asked of a release, and the release that comes of it: values and pure functions.

Every function takes the release that stands and gives the one that is to stand next, or None where nothing is left
to do, so that asking twice is harmless. Each next release has a generation of its own, except that a renewal only
lengthens the lease of the generation it names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from flows.errors import NothingToReturnTo, RolloutEnded, Superseded, VersionWithdrawn
from flows.times import format_time
from scoring.release import Release, Target


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """What the region is to serve. `weight` is percent (0 to 100), `shadow_share` a fraction (0.0 to 1.0)."""

    stable: Target
    candidate: Target | None = None
    weight: int = 0
    shadow_share: float = 0.0
    rollout_id: str = ""
    valid_until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A longer lease for the rollout that is open at this generation."""

    rollout_id: str
    generation: int
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Closing:
    """The rollout is over here. `stable` is what to go back to; None: what it promoted stays."""

    rollout_id: str
    stable: Target | None
    reason: str


def apply_change(present: Release, change: ReleaseChange, change_id: str) -> Release:
    """Serve this."""
    return replace(
        present,
        generation=present.generation + 1,
        stable=change.stable,
        candidate=change.candidate,
        weight=change.weight,
        shadow_share=change.shadow_share,
        rollout_id=change.rollout_id,
        valid_until=change.valid_until,
        change_id=change_id,
        previous=present.previous if change.stable == present.stable else present.stable,
    )


def is_made(present: Release, change: ReleaseChange) -> bool:
    """Whether a release is what a change asked for; its lease may have been lengthened since."""
    served = (present.stable, present.candidate, present.weight, present.shadow_share, present.rollout_id)
    return served == (change.stable, change.candidate, change.weight, change.shadow_share, change.rollout_id)


def apply_renewal(present: Release, renewal: Renewal) -> Release | None:
    """Lengthen the lease; a renewal never shortens one. Raises Superseded where the rollout no longer drives it."""
    if present.rollout_id != renewal.rollout_id or present.generation != renewal.generation:
        raise Superseded(f"generation {present.generation}")
    if present.valid_until is not None and present.valid_until >= renewal.valid_until:
        return None
    return replace(present, valid_until=renewal.valid_until)


def apply_closing(present: Release, closing: Closing, change_id: str) -> Release | None:
    """End a rollout here, whether or not it had begun: what comes late from it meets another generation.

    What somebody else changed since stays as it is, and what is stable where the way back is withdrawn."""
    if present.ended_rollout == closing.rollout_id:
        return None
    ended = replace(present, generation=present.generation + 1, ended_rollout=closing.rollout_id, change_id=change_id)
    if present.rollout_id != closing.rollout_id:
        return ended
    ended = replace(ended, candidate=None, weight=0, shadow_share=0.0, rollout_id="", valid_until=None)
    way_back = closing.stable
    if (
        way_back is None
        or way_back == present.stable
        or present.hold is not None
        or way_back.named_in(present.withdrawn)
    ):
        return ended
    return replace(ended, stable=way_back, previous=None)


def apply_withdrawal(present: Release, name: str, change_id: str) -> Release | None:
    """Never serve this version, or this policy; go back to what was stable before. Raises NothingToReturnTo."""
    if name in present.withdrawn:
        return None
    withdrawn = (*present.withdrawn, name)
    candidate = present.candidate if present.candidate and not present.candidate.named_in([name]) else None
    previous = present.previous if present.previous and not present.previous.named_in([name]) else None
    stable = present.stable
    if stable.named_in([name]):
        if previous is None or previous.named_in(withdrawn):
            raise NothingToReturnTo(f"{present.model} {name} is all that this region can serve")
        stable, previous = previous, None
    return replace(
        present,
        generation=present.generation + 1,
        stable=stable,
        previous=previous,
        candidate=candidate,
        weight=present.weight if candidate else 0,
        shadow_share=present.shadow_share if candidate else 0.0,
        withdrawn=withdrawn,
        change_id=change_id,
    )


def lift_withdrawal(present: Release, name: str, change_id: str) -> Release | None:
    """Let a version, or a policy, be served again; nothing is served otherwise than before."""
    if name not in present.withdrawn:
        return None
    left = tuple(other for other in present.withdrawn if other != name)
    return replace(present, generation=present.generation + 1, withdrawn=left, change_id=change_id)


def lift_hold(present: Release, change_id: str) -> Release | None:
    """Let rollouts and the reconciler touch the release again."""
    if present.hold is None:
        return None
    return replace(present, generation=present.generation + 1, hold=None, change_id=change_id)


def check_not_withdrawn(present: Release, change: ReleaseChange) -> None:
    """Raises VersionWithdrawn."""
    for target in (change.stable, change.candidate):
        if target is not None:
            _check_target(present, target)


def check_open_to_rollout(present: Release, change: ReleaseChange, now: datetime) -> None:
    """Raises VersionWithdrawn where a hold stands, RolloutEnded where the rollout was closed or another is open.

    What somebody wrote as the reason of a hold stays in the release: an orchestration is told nothing of people."""
    if present.hold is not None:
        raise VersionWithdrawn(
            "the release is held since somebody changed it by hand; read there why, and lift it with :unhold"
        )
    if change.rollout_id and change.rollout_id == present.ended_rollout:
        raise RolloutEnded(f"rollout {change.rollout_id} was closed here")
    if present.is_in_rollout(now) and present.rollout_id != change.rollout_id:
        raise RolloutEnded(f"rollout {present.rollout_id} is open here")


def release_data(release: Release) -> dict[str, object]:
    """A release as JSON values, in answers and audit records alike."""
    return {
        "model": release.model,
        "generation": release.generation,
        "stable": _target_data(release.stable),
        "candidate": _target_data(release.candidate) if release.candidate else None,
        "weight": release.weight,
        "shadow_share": release.shadow_share,
        "rollout_id": release.rollout_id or None,
        "valid_until": format_time(release.valid_until) if release.valid_until else None,
        "withdrawn": release.withdrawn,
        "hold": release.hold,
        "change_id": release.change_id,
        "previous": _target_data(release.previous) if release.previous else None,
        "ended_rollout": release.ended_rollout or None,
    }


def _check_target(present: Release, target: Target) -> None:
    name = target.named_in(present.withdrawn)
    if name is not None:
        raise VersionWithdrawn(f"{present.model} {name} was withdrawn")


def _target_data(target: Target) -> dict[str, str]:
    return {"version": target.version, "policy": target.policy}
