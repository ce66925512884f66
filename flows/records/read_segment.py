"""Read a segment of the lake line by line, giving the loop a turn so often that deals are scored meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from audit.segments import SegmentReader
from flows.ports import Lake

LINES_AT_ONCE = 200


async def read_lines(lake: Lake, name: str) -> AsyncGenerator[bytes, None]:
    """The lines of a segment, without their newlines; none where there is no such file. Whoever has seen enough leaves.

    Raises StorageFailed, Archived, or DamagedSegment."""
    reader, count = SegmentReader(), 0
    async for piece in lake.stream(name):
        for line in reader.feed(piece):
            yield line
            count += 1
            if count % LINES_AT_ONCE == 0:
                await asyncio.sleep(0)
    if reader.size:
        reader.finish()
