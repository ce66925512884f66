"""Read a decision with its labels and reviews, wherever they lie by now, and prove it on request.

The read is itself recorded, before anything is shown. Of somebody who was erased nothing personal comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from audit.records import RecordType
from flows.calls import Call
from flows.errors import Archived
from flows.ports import Reservations
from flows.records.decisions import find_decision, labels_of, reviews_of
from flows.records.mentions import FindMentions
from flows.records.open_records import Opened, State
from flows.records.prove_record import NotSealed, ProveRecord
from flows.records.read_records import ReadRecords
from flows.unavailable import told_as_unavailable
from flows.write_record import Note, WriteRecord

SHOWN = {RecordType.DECISION_LABELLED.value: "labels", RecordType.DECISION_REVIEWED.value: "reviews"}


@dataclass(frozen=True, slots=True)
class ShowDecisions:
    """A decision as auditors see it: `{decision, record_digest, erased, labels, reviews}`, CloudEvents as recorded."""

    records: ReadRecords
    mentions: FindMentions
    reservations: Reservations

    async def __call__(self, decision: Opened) -> dict[str, object]:
        """Raises Archived, StorageFailed or VaultFailed."""
        shown: dict[str, Any] = {
            "decision": decision.event,
            "record_digest": decision.digest,
            "erased": decision.state is State.ERASED,
            "labels": [],
            "reviews": [],
        }
        for event in await self._speaking_of(decision):
            if (name := SHOWN.get(event["type"])) is not None:
                shown[name].append(event)
        return shown

    async def _speaking_of(self, decision: Opened) -> list[Mapping[str, Any]]:
        """Labels and reviews, oldest first: reservations know those that were written lately, the index the others."""
        late = [
            row.record_id
            for partition in (labels_of(decision.event), reviews_of(decision.event))
            for row in await self.reservations.read(partition)
        ]
        sealed = await self.mentions.of_decision(decision.record_id)
        found = await self.records.find_all(sealed)
        if found.archived:
            raise Archived(next(iter(found.archived.values())))
        opened = {**await self.records.find_recent(late), **found.opened}
        return [opened[record_id].event for record_id in sorted(opened)]


class ReadDecision:
    def __init__(self, records: ReadRecords, show: ShowDecisions, prove: ProveRecord, write: WriteRecord) -> None:
        self._records = records
        self._show = show
        self._prove = prove
        self._write = write

    async def __call__(self, call: Call, decision_id: str, *, is_proven: bool = False) -> dict[str, object]:
        """What `ShowDecisions` shows; with `is_proven` also its `proof`, or None and why under `unproven`. Raises
        NotFound, Archived, StorageUnavailable, or what recording it raises."""
        decision = await find_decision(self._records, decision_id)
        with told_as_unavailable("the decision could not be read"):
            shown = await self._show(decision)
            if is_proven:
                shown |= await self._proof_of(decision.record_id)
        data = {"decision_id": str(decision.record_id), "caller": call.caller.id, "request_id": call.request_id}
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        return shown

    async def _proof_of(self, record_id: UUID) -> dict[str, object]:
        try:
            return {"proof": msgspec.to_builtins(await self._prove(record_id))}
        except NotSealed as error:
            return {"proof": None, "unproven": f"There is no proof yet: {error}."}
