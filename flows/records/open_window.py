"""Open the records of a sealed window, a page at a time: for replaying decisions and building training sets.

Pages go through the window's segments in the order of their names, and through each in the order of ids, so that the
last id of a page says where the next one begins. Each page is recorded before it is shown.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

from audit.ids import lane_of
from audit.lanes import lane_name
from audit.layout import DECISIONS, manifest_name
from audit.manifests import read_manifest
from audit.records import RecordType
from audit.segments import read_head
from audit.windows import Window
from flows.calls import Call
from flows.errors import NotFound
from flows.ports import Lake
from flows.records.read_records import ReadRecords
from flows.records.read_segment import read_lines
from flows.records.search_decisions import Page
from flows.unavailable import told_as_unavailable
from flows.write_record import Note, WriteRecord

DATASETS = (DECISIONS,)


class OpenWindow:
    def __init__(self, region: str, lake: Lake, records: ReadRecords, write: WriteRecord) -> None:
        self._region = region
        self._lake = lake
        self._records = records
        self._write = write

    async def __call__(self, call: Call, window: Window, dataset: str, after: UUID | None, most: int) -> Page:
        """At most `most` records, each `{record, record_digest, erased}`. Raises NotFound for a window that is not
        sealed, Archived, StorageUnavailable, or what recording it raises."""
        with told_as_unavailable("the window could not be read"):
            segments = await self._segments(window, dataset)
            lines = await self._read(_from(segments, after), after, most + 1)
            opened = await self._records.opening().open_lines(lines[:most])
        data = {
            "purpose": "open",
            "dataset": dataset,
            "window": window.name,
            "count": len(opened),
            "caller": call.caller.id,
            "request_id": call.request_id,
        }
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        is_last = len(lines) <= most
        return Page([one.shown() for one in opened], None if is_last else str(opened[-1].record_id))

    async def _segments(self, window: Window, dataset: str) -> list[tuple[str, str]]:
        """The lanes and names of the window's segments, its corrections' among them, in order of lanes."""
        found, correction = [], 0
        while (content := await self._lake.read(manifest_name(self._region, window, correction))) is not None:
            found += [(file.lane, file.name) for file in read_manifest(content).files if file.dataset == dataset]
            correction += 1
        if correction == 0:
            raise NotFound("sealed window of that name")
        return sorted(found)

    async def _read(self, segments: Sequence[tuple[str, str]], after: UUID | None, most: int) -> list[bytes]:
        lines: list[bytes] = []
        async with aclosing(self._lines(segments, after)) as reading:
            async for line in reading:
                lines.append(line)
                if len(lines) == most:
                    break
        return lines

    async def _lines(self, segments: Sequence[tuple[str, str]], after: UUID | None) -> AsyncGenerator[bytes, None]:
        for lane, name in segments:
            first = str(after) if after is not None and lane == lane_name(lane_of(after)) else ""
            async with aclosing(read_lines(self._lake, name)) as reading:
                async for line in reading:
                    if not first or read_head(line).id > first:
                        yield line


def _from(segments: Sequence[tuple[str, str]], after: UUID | None) -> list[tuple[str, str]]:
    """Those that the next page may begin in."""
    lane = "" if after is None else lane_name(lane_of(after))
    return [segment for segment in segments if segment[0] >= lane]
