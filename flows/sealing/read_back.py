"""Read a segment of the lake back, from its first line to its last: what its manifest has to say of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from audit.layout import PERFORMANCE
from audit.sealing import digest_of_line
from audit.segments import Facts, FileEntry, SegmentReader, build_entry, read_head
from flows.ports import Lake

LINES_AT_ONCE = 20  # between two turns of the loop, so that deals are scored meanwhile


class ReadBack:
    """One reading of a file. `entry` is whole once `lines` has ended."""

    def __init__(self, lake: Lake, dataset: str, name: str, lane: str) -> None:
        self._lake = lake
        self._dataset = dataset
        self._name = name
        self._lane = lane
        self._facts = Facts()
        self._reader = SegmentReader()

    async def lines(self) -> AsyncGenerator[tuple[str, str], None]:
        """Id and digest of each line's record; both empty where lines are of nobody's. Raises StorageFailed,
        DamagedSegment, or msgspec.DecodeError where a line is no record."""
        async for piece in self._lake.stream(self._name):
            for at, line in enumerate(self._reader.feed(piece)):
                yield self._add(line)
                if at % LINES_AT_ONCE == 0:
                    await asyncio.sleep(0)
        self._reader.finish()

    @property
    def entry(self) -> FileEntry:
        reader = self._reader
        return build_entry(self._dataset, self._name, self._lane, self._facts, reader.size, reader.sha256)

    def _add(self, line: bytes) -> tuple[str, str]:
        if self._dataset == PERFORMANCE:
            self._facts.add(line, "", PERFORMANCE)
            return "", ""
        head = read_head(line)
        self._facts.add(line, head.id, head.type)
        return head.id, digest_of_line(line)
