"""Record that a person upheld or overturned a decision. The decision itself stays as it is."""

from __future__ import annotations

from audit.records import RecordType
from flows.calls import Call
from flows.idempotency import Idempotency
from flows.records.decisions import find_readable, reviews_of
from flows.records.read_records import ReadRecords
from flows.write_record import Note, Noted, WriteRecord


class RecordReview:
    def __init__(self, records: ReadRecords, idempotency: Idempotency, write: WriteRecord) -> None:
        self._records = records
        self._idempotency = idempotency
        self._write = write

    async def __call__(self, call: Call, decision_id: str, verdict: str, outcome: str | None, reason: str) -> Noted:
        """`verdict` is `uphold` or `overturn` (then `outcome` is what it should have been). The reason is free text
        about a case, so it is personal; nothing is added to what was erased. Raises NotFound or Erased."""
        decision = await find_readable(self._records, decision_id)
        data: dict[str, object] = {
            "decision_id": decision["id"],
            "verdict": verdict,
            "caller": call.caller.id,
            "request_id": call.request_id,
        }
        if outcome is not None:
            data["outcome"] = outcome
        note = Note(RecordType.DECISION_REVIEWED, data, {"reason": reason})
        key = self._idempotency.digest(call.caller.id, verdict, outcome or "", reason)
        return await self._write.once(note, reviews_of(decision), key)
