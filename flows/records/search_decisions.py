"""Find the decisions of a deal by the deal's id, in open windows, the ledger and the lake.

The index knows records by a pseudonym of the id; what counts is that the opened record names the deal, so that a
decision of somebody who was erased is not found by what it was about. The search is recorded by the decisions that it
showed, before it shows them: the deal's id is written nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.records import RecordType
from flows.calls import Call
from flows.errors import Archived
from flows.records.mentions import FindMentions
from flows.records.open_records import Opened
from flows.records.read_decision import ShowDecisions
from flows.records.read_records import ReadRecords
from flows.unavailable import told_as_unavailable
from flows.write_record import Note, WriteRecord

DECISION = RecordType.DECISION_SCORED.value
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """What was found, in order of ids; `next` is what the following page comes after, None at the end."""

    found: Sequence[Mapping[str, Any]]
    next: str | None


class SearchDecisions:
    def __init__(self, mentions: FindMentions, records: ReadRecords, show: ShowDecisions, write: WriteRecord) -> None:
        self._mentions = mentions
        self._records = records
        self._show = show
        self._write = write

    async def __call__(self, call: Call, deal_id: str, after: UUID | None, most: int) -> Page:
        """At most `most` decisions, each as `ShowDecisions` shows it; one in an offline tier as `{decision_id,
        archived}`. Raises StorageUnavailable, or what recording it raises."""
        with told_as_unavailable("the deal could not be searched for"):
            ids = sorted(one for one in await self._mentions.of_deal(deal_id) if after is None or one > after)
            page = await self._collect(ids, deal_id, most)
        shown = [_id_of(found) for found in page.found]
        data = {"purpose": "search", "decision_ids": shown, "caller": call.caller.id, "request_id": call.request_id}
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        return page

    async def _collect(self, ids: list[UUID], deal_id: str, most: int) -> Page:
        found: list[Mapping[str, Any]] = []
        for at in range(0, len(ids), AT_ONCE):
            some = ids[at : at + AT_ONCE]
            read = await self._records.find_all(some)
            for record_id in some:
                entry = await self._entry(record_id, read.opened.get(record_id), read.archived.get(record_id), deal_id)
                if entry is None:
                    continue
                if len(found) == most:
                    return Page(found, _id_of(found[-1]))
                found.append(entry)
        return Page(found, None)

    async def _entry(
        self, record_id: UUID, opened: Opened | None, path: str | None, deal_id: str
    ) -> Mapping[str, Any] | None:
        if path is not None:
            return {"decision_id": str(record_id), "archived": path}
        if opened is None or opened.event["type"] != DECISION or opened.personal.get("deal_id") != deal_id:
            return None
        try:
            return await self._show(opened)
        except Archived as error:
            return {"decision_id": str(record_id), "archived": error.path}


def _id_of(found: Mapping[str, Any]) -> str:
    return str(found.get("decision_id") or found["decision"]["id"])
