"""Record what a deal turned out to be. The same label twice is one record."""

from __future__ import annotations

from audit.records import RecordType
from flows.calls import Call
from flows.idempotency import Idempotency
from flows.records.decisions import find_rest, labels_of
from flows.records.read_records import ReadRecords
from flows.write_record import Note, Noted, WriteRecord


class RecordLabel:
    def __init__(self, records: ReadRecords, idempotency: Idempotency, write: WriteRecord) -> None:
        self._records = records
        self._idempotency = idempotency
        self._write = write

    async def __call__(self, call: Call, decision_id: str, label: str, source: str, labelled_at: str) -> Noted:
        """`label` is `fraud` or `genuine`, `source` who found out, `labelled_at` RFC 3339. Raises NotFound."""
        decision = await find_rest(self._records, decision_id)
        data = {
            "decision_id": decision["id"],
            "label": label,
            "source": source,
            "labelled_at": labelled_at,
            "caller": call.caller.id,
            "request_id": call.request_id,
        }
        key = self._idempotency.digest(label, source, labelled_at)
        return await self._write.once(Note(RecordType.DECISION_LABELLED, data, {}), labels_of(decision), key)
