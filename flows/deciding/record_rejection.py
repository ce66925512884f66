"""Record that a request of an authenticated caller was refused, without anything of what it held."""

from __future__ import annotations

from audit.records import RecordType
from flows.calls import Call
from flows.write_record import Note, WriteRecord


class RecordRejection:
    def __init__(self, write: WriteRecord) -> None:
        self._write = write

    async def __call__(self, call: Call, status: int, problem: str, fault_count: int) -> None:
        """`problem` is the problem's type. Raises LedgerBusy or LedgerUnavailable."""
        data = {
            "status": status,
            "problem": problem,
            "fault_count": fault_count,
            "caller": call.caller.id,
            "request_id": call.request_id,
            "traceparent": call.traceparent,
            "route": call.route,
        }
        await self._write(Note(RecordType.DECISION_REJECTED, data, {}))
