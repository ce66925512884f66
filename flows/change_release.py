"""Read and change what this region serves.

The audit record comes first: no change is ever in force without one. A change that then meets another generation is
recorded as superseded. `change_id` makes a repeated change the same change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from audit.records import RecordType
from flows.calls import Call
from flows.current_releases import CurrentReleases
from flows.errors import InvalidRequest, LedgerUnavailable, NotFound, StorageFailed, Superseded, VersionWithdrawn
from flows.ports import Models, Policies, ReleaseStore
from flows.times import format_time
from flows.write_record import Note, WriteRecord
from scoring.faults import Fault
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


class ReadRelease:
    """Reads the row itself, not the memory: who changes a release must see the newest generation."""

    def __init__(self, store: ReleaseStore) -> None:
        self._store = store

    async def __call__(self, model: str) -> Release:
        """Raises NotFound, or LedgerUnavailable where storage fails."""
        try:
            release = await self._store.read(model)
        except StorageFailed as error:
            raise LedgerUnavailable("the release could not be read") from error
        if release is None:
            raise NotFound("release")
        return release


class ChangeRelease:
    def __init__(
        self,
        store: ReleaseStore,
        models: Models,
        policies: Policies,
        releases: CurrentReleases,
        write: WriteRecord,
    ) -> None:
        self._store = store
        self._read = ReadRelease(store)
        self._models = models
        self._policies = policies
        self._releases = releases
        self._write = write

    async def __call__(
        self, call: Call, model: str, change: ReleaseChange, expected_generation: int, change_id: str
    ) -> Release:
        """Change the release. Raises NotFound, InvalidRequest, VersionWithdrawn, Superseded or LedgerUnavailable."""
        present = await self._read(model)
        if change_id and present.change_id == change_id:
            return present
        if present.generation != expected_generation:
            raise Superseded(f"generation {present.generation}")
        faults = check_change(model, change, self._models, self._policies)
        if faults:
            raise InvalidRequest(faults)
        check_permitted(present, change)
        changed = build_release(present, change, change_id)
        await self._write(_note(RecordType.RELEASE_CHANGED, call, present, changed, change.reason))
        await self._replace(call, present, changed, change.reason)
        self._releases.adopt(changed)
        return changed

    async def _replace(self, call: Call, present: Release, changed: Release, reason: str) -> None:
        try:
            await self._store.replace(changed, present.generation)
        except Superseded:
            await self._write(_note(RecordType.RELEASE_SUPERSEDED, call, present, changed, reason))
            raise
        except StorageFailed as error:
            raise LedgerUnavailable("the release could not be written") from error


def check_change(model: str, change: ReleaseChange, models: Models, policies: Policies) -> list[Fault]:
    """Every fault of a wanted release."""
    targets = {"/stable": change.stable, **({"/candidate": change.candidate} if change.candidate else {})}
    faults = [fault for place, target in targets.items() for fault in _target_faults(place, target, model, models)]
    for place, target in targets.items():
        if policies.find(target.policy) is None:
            faults.append(Fault(f"{place}/policy", f"No such policy: {target.policy}."))
    if not 0 <= change.weight <= 100:
        faults.append(Fault("/weight", "Must be 0 to 100."))
    if not 0.0 <= change.shadow_share <= 1.0:
        faults.append(Fault("/shadow_share", "Must be 0.0 to 1.0."))
    if change.candidate is None and (change.weight or change.shadow_share):
        faults.append(Fault("/candidate", "Is required where weight or shadow_share is above 0."))
    return faults


def _target_faults(place: str, target: Target, model: str, models: Models) -> Sequence[Fault]:
    if models.find(model, target.version) is None:
        known = ", ".join(models.versions(model)) or "none"
        return [Fault(f"{place}/version", f"No such version: {target.version}. This region holds: {known}.")]
    return []


def check_permitted(present: Release, change: ReleaseChange) -> None:
    """Raises VersionWithdrawn where a hold stands or a version was withdrawn."""
    if present.hold is not None:
        raise VersionWithdrawn(f"the release is held: {present.hold}")
    for target in (change.stable, change.candidate):
        if target is not None and target.version in present.withdrawn:
            raise VersionWithdrawn(f"{present.model} {target.version} was withdrawn")


def build_release(present: Release, change: ReleaseChange, change_id: str) -> Release:
    """The next generation of a release."""
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
    )


def release_data(release: Release) -> dict[str, object]:
    """A release as JSON values, in answers and audit records alike."""
    return {
        "model": release.model,
        "generation": release.generation,
        "stable": _target_data(release.stable),
        "candidate": _target_data(release.candidate) if release.candidate else None,
        "weight": release.weight,
        "shadow_share": release.shadow_share,
        "rollout_id": release.rollout_id,
        "valid_until": format_time(release.valid_until) if release.valid_until else None,
        "withdrawn": release.withdrawn,
        "hold": release.hold,
        "change_id": release.change_id,
    }


def _target_data(target: Target) -> dict[str, str]:
    return {"version": target.version, "policy": target.policy}


def _note(kind: RecordType, call: Call, before: Release, after: Release, reason: str) -> Note:
    data = {
        "caller": call.caller.id,
        "request_id": call.request_id,
        "reason": reason,
        "before": release_data(before),
        "after": release_data(after),
    }
    return Note(kind, data, {})
