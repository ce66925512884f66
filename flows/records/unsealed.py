"""What no manifest holds yet: the lanes of open windows, of closed ones that wait, and those that are late.

Who looks for something in the whole trail reads these first and the index after: a lane that is sealed meanwhile has
its index rows before it counts as sealed, so that nothing slips through between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from audit.sealing import DamagedRow, LedgerRow, read_row
from audit.windows import Window, window_of
from flows.ports import Clock
from flows.trail_ports import Lanes, RegisteredLane

ROWS_AT_ONCE = 100

logger = logging.getLogger("vouch.trail")


class Unsealed:
    """`window_s` is the length of the ledger's windows. Every method raises StorageFailed."""

    def __init__(self, lanes: Lanes, clock: Clock, window_s: int) -> None:
        self._lanes = lanes
        self._clock = clock
        self._window_s = window_s

    def current(self) -> Window:
        """The window of now."""
        return window_of(int(self._clock.now().timestamp() * 1000), self._window_s)

    async def lanes(self, until: Window | None = None) -> list[RegisteredLane]:
        """Those of the windows up to one, or of all: the next one is there for writers whose clocks are ahead."""
        first = await self._lanes.oldest()
        if first is None:
            return []
        current = self.current()
        registered = await self._lanes.registered(first, until or Window(current.end_s, current.length_s))
        return [lane for lane in registered if not lane.is_sealed]

    async def rows(self) -> AsyncIterator[LedgerRow]:
        """Every record of every such lane."""
        for lane in await self.lanes():
            async for entities in self._lanes.rows(lane.window, lane.lane):
                for at, entity in enumerate(entities, start=1):
                    try:
                        yield read_row(entity)
                    except DamagedRow:
                        logger.exception("A row of lane %s of %s can't be read.", lane.lane, lane.window.name)
                    if at % ROWS_AT_ONCE == 0:
                        await asyncio.sleep(0)
