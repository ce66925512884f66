"""Find records by their ids, wherever they lie: in the ledger until they are purged, then in the lake.

An id says in which window and lane its record was written, so that it names the segment, too. Records of one segment
are looked for in one pass, which ends at the last of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit.canonical import read_canonical
from audit.ids import lane_of, time_of
from audit.lanes import lane_name
from audit.layout import DECISIONS, segment_name
from audit.records import without_personal
from audit.segments import read_head
from audit.windows import window_of
from flows.errors import Archived
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.ports import Lake, Ledger
from flows.records.open_records import Opened, OpenRecords
from flows.records.read_segment import read_lines

READS_AT_ONCE = 16
Event = Mapping[str, Any]


@dataclass(slots=True)
class Found:
    """Records by id, as far as they are there; `archived` says of those in an offline tier where they lie."""

    opened: dict[UUID, Opened] = field(default_factory=dict)
    archived: dict[UUID, str] = field(default_factory=dict)


class ReadRecords:
    """`window_s` is the length of the ledger's windows. Every method raises StorageFailed or VaultFailed."""

    def __init__(
        self,
        region: str,
        window_s: int,
        ledger: Ledger,
        lake: Lake,
        keyring: Keyring,
        record_keys: RecordKeyring,
        subject_keys: SubjectKeys,
    ) -> None:
        self._region = region
        self._window_s = window_s
        self._ledger = ledger
        self._lake = lake
        self._keyring = keyring
        self._record_keys = record_keys
        self._subject_keys = subject_keys

    def opening(self) -> OpenRecords:
        """What opens records for one request."""
        return OpenRecords(self._keyring, self._record_keys, self._subject_keys)

    def segment_of(self, record_id: UUID) -> str:
        """The segment that holds a record of a deal or a person, once it is sealed."""
        window = window_of(time_of(record_id), self._window_s)
        return segment_name(DECISIONS, self._region, window, lane_name(lane_of(record_id)))

    async def find(self, record_id: UUID) -> Opened | None:
        """A record, or None where the region has none. Raises Archived."""
        found = await self.find_all([record_id])
        if record_id in found.archived:
            raise Archived(found.archived[record_id])
        return found.opened.get(record_id)

    async def find_rest(self, record_id: UUID) -> Event | None:
        """What of a record isn't personal, for which no key is needed; None where the region has none. Raises
        Archived."""
        event = await self._ledger.find(record_id)
        if event is None:
            lines = await self._in_segment(self.segment_of(record_id), [record_id])
            event = read_canonical(lines[0]) if lines else None
        return None if event is None else without_personal(event)

    async def find_recent(self, record_ids: Iterable[UUID]) -> dict[UUID, Opened]:
        """Those of the records that are in the ledger still."""
        opening = self.opening()
        events = await self._in_ledger(sorted(set(record_ids)))
        return {record_id: await opening.open_event(event) for record_id, event in events.items()}

    async def find_all(self, record_ids: Iterable[UUID]) -> Found:
        """Those of the records that are there."""
        wanted = sorted(set(record_ids))
        found, opening = Found(await self.find_recent(wanted)), self.opening()
        segments: dict[str, list[UUID]] = defaultdict(list)
        for record_id in wanted:
            if record_id not in found.opened:
                segments[self.segment_of(record_id)].append(record_id)
        for name, ids in segments.items():
            try:
                lines = await self._in_segment(name, ids)
            except Archived as error:
                found.archived |= dict.fromkeys(ids, error.path)
            else:
                opened = await opening.open_lines(lines)
                found.opened |= {one.record_id: one for one in opened}
        return found

    async def _in_ledger(self, record_ids: Sequence[UUID]) -> dict[UUID, Event]:
        found: dict[UUID, Event] = {}
        for at in range(0, len(record_ids), READS_AT_ONCE):
            ids = record_ids[at : at + READS_AT_ONCE]
            events = await asyncio.gather(*(self._ledger.find(record_id) for record_id in ids))
            found |= {record_id: event for record_id, event in zip(ids, events, strict=True) if event is not None}
        return found

    async def _in_segment(self, name: str, record_ids: Sequence[UUID]) -> list[bytes]:
        """The lines of these records, which are in order."""
        wanted, last, lines = {str(record_id) for record_id in record_ids}, str(record_ids[-1]), []
        async with aclosing(read_lines(self._lake, name)) as reading:
            async for line in reading:
                line_id = read_head(line).id
                if line_id in wanted:
                    lines.append(line)
                if line_id >= last:
                    break
        return lines
