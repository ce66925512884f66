"""Activate a snapshot of a reference dataset: from then on every instance of this region looks into it.

1. check:   the manifest is the one that was delivered, every file and row is sound, the models here find what they
            look up, there are rows unless none are meant; nothing is changed before all of that is so;
2. record:  an audit record, before the change (`docs/decisions/0004-audit-before-change.md`);
3. switch:  one row, only if it is still as it was read, so that there is one active snapshot at every moment.

The same again is harmless. An earlier snapshot is activated like any other: that is the way back.
"""

from __future__ import annotations

from dataclasses import asdict

from audit.records import RecordType
from flows.calls import Call
from flows.errors import LedgerUnavailable, StorageFailed, Superseded, UnsoundSnapshot
from flows.ports import Clock, Lake, Models, Row
from flows.reference.active_snapshots import ActiveSnapshot, ActiveSnapshots
from flows.reference.current_references import CurrentReferences
from flows.reference.load_snapshot import load_snapshot
from flows.times import format_time
from flows.write_record import Note, WriteRecord
from scoring.lookups import find_table_faults
from scoring.reference_table import InvalidSnapshot, ReferenceTable

_EMPTY = (
    "it has no row, so every look-up would find nothing: look at what produced it, or activate it with allow_empty "
    "true if none are meant"
)


class ActivateSnapshot:
    def __init__(
        self,
        active: ActiveSnapshots,
        lake: Lake,
        models: Models,
        references: CurrentReferences,
        write: WriteRecord,
        clock: Clock,
    ) -> None:
        self._active = active
        self._lake = lake
        self._models = models
        self._references = references
        self._write = write
        self._clock = clock

    async def __call__(
        self, call: Call, dataset: str, snapshot: str, digest: str, allow_empty: bool = False
    ) -> ActiveSnapshot:
        """What is active now. Raises UnsoundSnapshot, Superseded, LedgerBusy or LedgerUnavailable."""
        before, row = await self._find(dataset)
        if before is not None and (before.snapshot, before.digest) == (snapshot, digest):
            return before
        table = await self._load(dataset, snapshot, digest)
        self._check_needs(table)
        if not table.rows and not allow_empty:
            raise UnsoundSnapshot(_EMPTY)
        generation = before.generation + 1 if before else 1
        now = format_time(self._clock.now())
        active = ActiveSnapshot(dataset, snapshot, digest, len(table.rows), generation, now)
        await self._write(_note(RecordType.REFERENCE_ACTIVATED, call, before, active))
        active = await self._switch(call, before, active, row)
        self._references.adopt(active, table)
        return active

    async def list(self) -> list[dict[str, object]]:
        """Every dataset with its active snapshot, and the one that this instance looks into. Raises
        LedgerUnavailable."""
        try:
            found = await self._active.list()
        except StorageFailed as error:
            raise LedgerUnavailable("the active snapshots could not be read") from error
        return [{**asdict(active), "serving": self._references.serving(active.dataset)} for active in found]

    async def _find(self, dataset: str) -> tuple[ActiveSnapshot | None, Row | None]:
        try:
            found = await self._active.find(dataset)
        except StorageFailed as error:
            raise LedgerUnavailable("the active snapshot could not be read") from error
        return found or (None, None)

    async def _load(self, dataset: str, snapshot: str, digest: str) -> ReferenceTable:
        try:
            return await load_snapshot(self._lake, dataset, snapshot, digest)
        except InvalidSnapshot as error:
            raise UnsoundSnapshot(str(error)) from error
        except StorageFailed as error:
            raise LedgerUnavailable("the snapshot could not be read") from error

    def _check_needs(self, table: ReferenceTable) -> None:
        """Raises UnsoundSnapshot where a model in memory would not find what it looks up."""
        for name in self._models.names():
            for version in self._models.versions(name):
                model = self._models.find(name, version)
                for fault in find_table_faults(model.features, table) if model else ():
                    raise UnsoundSnapshot(f"it {fault} of {name} {version}")

    async def _switch(
        self, call: Call, before: ActiveSnapshot | None, active: ActiveSnapshot, row: Row | None
    ) -> ActiveSnapshot:
        """What is active afterwards: this activation, or another one of the same snapshot that came first."""
        try:
            await self._active.switch(active, row)
        except Superseded as error:
            await self._write(_note(RecordType.REFERENCE_SUPERSEDED, call, before, active))
            standing, _ = await self._find(active.dataset)
            if standing is None or (standing.snapshot, standing.digest) != (active.snapshot, active.digest):
                raise Superseded("another snapshot, activated at the same time") from error
            return standing
        except StorageFailed as error:
            raise LedgerUnavailable("the snapshot could not be activated") from error
        return active


def _note(kind: RecordType, call: Call, before: ActiveSnapshot | None, after: ActiveSnapshot) -> Note:
    data = {
        "caller": call.caller.id,
        "request_id": call.request_id,
        "before": asdict(before) if before else None,
        "after": asdict(after),
    }
    return Note(kind, data, {})
