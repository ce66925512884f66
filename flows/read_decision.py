"""Read a decision with its labels and reviews. The read is itself recorded, before anything is shown."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import RecordType, digest_of_event
from flows.calls import Call
from flows.decisions import find_decision, labels_of, reviews_of
from flows.errors import LedgerUnavailable, StorageFailed
from flows.ports import Ledger, Reservations
from flows.write_record import Note, WriteRecord


class ReadDecision:
    def __init__(self, ledger: Ledger, reservations: Reservations, write: WriteRecord) -> None:
        self._ledger = ledger
        self._reservations = reservations
        self._write = write

    async def __call__(self, call: Call, decision_id: str) -> dict[str, object]:
        """`{decision, record_digest, labels, reviews}`: CloudEvents as recorded. Raises NotFound."""
        decision = await find_decision(self._ledger, decision_id)
        found: dict[str, object] = {
            "decision": decision,
            "record_digest": digest_of_event(decision),
            "labels": await self._events(labels_of(decision)),
            "reviews": await self._events(reviews_of(decision)),
        }
        data = {"decision_id": decision["id"], "caller": call.caller.id, "request_id": call.request_id}
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        return found

    async def _events(self, partition: str) -> list[Mapping[str, object]]:
        """What was recorded for each reservation of the partition, oldest first."""
        try:
            rows = await self._reservations.read(partition)
            events = [await self._ledger.find(row.record_id) for row in rows]
        except StorageFailed as error:
            raise LedgerUnavailable("the ledger could not be read") from error
        return sorted((event for event in events if event is not None), key=lambda event: str(event["id"]))
