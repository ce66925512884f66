"""Read and change what this region serves.

The audit record comes first: no change is ever in force without one. A change that then meets another generation is
recorded as superseded. A person who changes the release by hand puts a hold on it, which rollouts respect; who lets
a version answer more deals by hand breaks the glass: a role of its own, a reason, an alarm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from audit.records import RecordType
from flows.calls import Call
from flows.errors import (
    InvalidRequest,
    LedgerUnavailable,
    NotAllowed,
    NotFound,
    RolloutUnderWay,
    StorageFailed,
    Superseded,
)
from flows.ports import Clock, Models, Policies, ReleaseStore
from flows.releasing.current_releases import CurrentReleases
from flows.releasing.release_changes import (
    Closing,
    ReleaseChange,
    Renewal,
    apply_change,
    apply_closing,
    apply_renewal,
    apply_withdrawal,
    check_not_withdrawn,
    check_open_to_rollout,
    is_made,
    lift_hold,
    lift_withdrawal,
    release_data,
)
from flows.write_record import Note, WriteRecord
from scoring.bundle import InvalidBundle
from scoring.faults import Fault
from scoring.policy import InvalidPolicy
from scoring.release import Release, Target, is_promotion

TRIES = 5
CONTROL = "control"
BREAK_GLASS = "breakglass"
alarm_log = logging.getLogger("vouch.alarms")
Step = Callable[[Release], Release | None]


class ReadRelease:
    """Reads the row itself, not the memory: who changes a release must see the newest generation. A region that never
    had one gets its initial release."""

    def __init__(self, store: ReleaseStore, releases: CurrentReleases) -> None:
        self._store = store
        self._releases = releases

    async def __call__(self, model: str) -> Release:
        """Raises NotFound, or LedgerUnavailable where storage fails."""
        try:
            release = await self._store.read(model) or await self._releases.create_initial(model)
        except StorageFailed as error:
            raise LedgerUnavailable("the release could not be read") from error
        if release is None:
            raise NotFound("release")
        return release


class ChangeRelease:
    """`change` is conditional on a generation; the others look again where they meet a newer one."""

    def __init__(
        self,
        store: ReleaseStore,
        models: Models,
        policies: Policies,
        releases: CurrentReleases,
        write: WriteRecord,
        clock: Clock,
    ) -> None:
        self._store = store
        self._read = ReadRelease(store, releases)
        self._models = models
        self._policies = policies
        self._releases = releases
        self._write = write
        self._clock = clock

    async def __call__(
        self, call: Call, model: str, change: ReleaseChange, expected_generation: int, change_id: str
    ) -> Release:
        """Serve this. Raises NotFound, InvalidRequest, VersionWithdrawn, RolloutEnded, RolloutUnderWay, NotAllowed,
        Superseded or LedgerUnavailable."""
        present = await self._read(model)
        if change_id and present.change_id == change_id and is_made(present, change):
            return present
        if present.generation != expected_generation:
            raise Superseded(f"generation {present.generation}")
        faults = await find_change_faults(model, change, self._models, self._policies)
        if faults:
            raise InvalidRequest(faults)
        check_not_withdrawn(present, change)
        changed = apply_change(present, change, change_id)
        if CONTROL in call.caller.roles:
            check_open_to_rollout(present, change, self._clock.now())
            return await self._make(call, "change", present, changed, change.reason)
        return await self._change_by_hand(call, present, changed, change.reason)

    async def renew(self, call: Call, model: str, renewal: Renewal) -> Release:
        """Lengthen the lease of an open rollout. Raises NotFound, Superseded or LedgerUnavailable."""
        return await self._step(call, model, "renew", lambda present: apply_renewal(present, renewal), "")

    async def close(self, call: Call, model: str, closing: Closing, change_id: str) -> Release:
        """End a rollout here. Raises NotFound, Superseded or LedgerUnavailable."""
        step = partial(apply_closing, closing=closing, change_id=change_id)
        return await self._step(call, model, "close", step, closing.reason)

    async def withdraw(self, call: Call, model: str, name: str, reason: str, change_id: str) -> Release:
        """Never serve a version, or a policy. Raises NotFound, NothingToReturnTo, Superseded or LedgerUnavailable."""
        step = partial(apply_withdrawal, name=name, change_id=change_id)
        return await self._step(call, model, "withdraw", step, reason)

    async def unwithdraw(self, call: Call, model: str, name: str, reason: str, change_id: str) -> Release:
        """Let a version, or a policy, be served again. Raises NotFound, Superseded or LedgerUnavailable."""
        step = partial(lift_withdrawal, name=name, change_id=change_id)
        return await self._step(call, model, "unwithdraw", step, reason)

    async def unhold(self, call: Call, model: str, reason: str, change_id: str) -> Release:
        """Lift the hold. Raises NotFound, Superseded or LedgerUnavailable."""
        return await self._step(call, model, "unhold", partial(lift_hold, change_id=change_id), reason)

    async def _change_by_hand(self, call: Call, present: Release, changed: Release, reason: str) -> Release:
        """A person's own change: held against rollouts until somebody lifts that."""
        held = replace(changed, hold=f"changed by hand: {reason or 'no reason given'}")
        now = self._clock.now()
        if not is_promotion(present, changed, now):
            return await self._make(call, "change", present, held, reason)
        if BREAK_GLASS not in call.caller.roles:
            raise NotAllowed([BREAK_GLASS])
        if not reason.strip():
            raise InvalidRequest([Fault("/reason", "Is required where a version is to answer more deals.")])
        if present.is_in_rollout(now):
            raise RolloutUnderWay(present.rollout_id)
        made = await self._make(call, "break-glass", present, held, reason)
        alarm_log.error(
            "Break-glass: %s now serves %s at generation %d, changed by %s. Look at its audit record.",
            made.model,
            made.stable.version,
            made.generation,
            call.caller.id,
        )
        return made

    async def _step(self, call: Call, model: str, action: str, step: Step, reason: str) -> Release:
        for tries_left in reversed(range(TRIES)):
            present = await self._read(model)
            changed = step(present)
            if changed is None:
                break
            try:
                return await self._make(call, action, present, changed, reason)
            except Superseded:
                if not tries_left:
                    raise
        return present

    async def _make(self, call: Call, action: str, present: Release, changed: Release, reason: str) -> Release:
        await self._write(_note(RecordType.RELEASE_CHANGED, call, action, present, changed, reason))
        try:
            await self._store.replace(changed, present.generation)
        except Superseded:
            await self._write(_note(RecordType.RELEASE_SUPERSEDED, call, action, present, changed, reason))
            raise
        except StorageFailed as error:
            raise LedgerUnavailable("the release could not be written") from error
        self._releases.adopt(changed)
        return changed


async def find_change_faults(model: str, change: ReleaseChange, models: Models, policies: Policies) -> list[Fault]:
    """Every fault of a wanted release. What it names is brought into memory. Raises LedgerUnavailable."""
    targets = {"/stable": change.stable, **({"/candidate": change.candidate} if change.candidate else {})}
    faults: list[Fault] = []
    for place, target in targets.items():
        faults += await _find_target_faults(place, target, model, models, policies)
    if not 0 <= change.weight <= 100:
        faults.append(Fault("/weight", "Must be 0 to 100."))
    if not 0.0 <= change.shadow_share <= 1.0:
        faults.append(Fault("/shadow_share", "Must be 0.0 to 1.0."))
    if change.candidate is None and (change.weight or change.shadow_share):
        faults.append(Fault("/candidate", "Is required where weight or shadow_share is above 0."))
    return faults


async def _find_target_faults(
    place: str, target: Target, model: str, models: Models, policies: Policies
) -> Sequence[Fault]:
    faults: list[Fault] = []
    try:
        if await models.load(model, target.version) is None:
            known = ", ".join(models.versions(model)) or "none"
            faults.append(Fault(f"{place}/version", f"No such version: {target.version}. This region holds: {known}."))
        if await policies.load(target.policy) is None:
            faults.append(Fault(f"{place}/policy", f"No such policy: {target.policy}."))
    except (InvalidBundle, InvalidPolicy) as error:
        faults.append(Fault(place, f"The region's copy can't be served: {error}"))
    except StorageFailed as error:
        raise LedgerUnavailable("the region's versions could not be read") from error
    return faults


def _note(kind: RecordType, call: Call, action: str, before: Release, after: Release, reason: str) -> Note:
    data = {
        "action": action,
        "caller": call.caller.id,
        "request_id": call.request_id,
        "reason": reason,
        "before": release_data(before),
        "after": release_data(after),
    }
    return Note(kind, data, {})
