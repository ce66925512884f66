"""What the ledger counted, read back from its minutes: every lane of every window since a time, added up.

Only the counters' rows are read, never the records: the cost is one query a lane, however many decisions it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from adapters.azure_storage import AzureStorage
from adapters.tables_asking import AskLimits, ask
from adapters.tables_ledger import LEDGER_TABLE, WINDOWS_TABLE
from adapters.tables_rest import Table
from audit.counters import Counters
from audit.lanes import MINUTE_PREFIX, minute_started_s, partition_of, read_counters
from audit.windows import Window, window_of
from flows.ports import Clock

CONCURRENT_READS = 16
MINUTE_S = 60
GRACE_WINDOWS = 1  # a lane goes on for a while after its window


class TablesCounters:
    """Implements `flows.ports.CounterLog`."""

    def __init__(self, storage: AzureStorage, clock: Clock, window_s: int, limits: AskLimits | None = None) -> None:
        self._ledger = Table(storage.tables, LEDGER_TABLE)
        self._windows = Table(storage.tables, WINDOWS_TABLE)
        self._clock = clock
        self._window_s = window_s
        self._limits = limits or AskLimits()
        self._slots = asyncio.Semaphore(CONCURRENT_READS)

    async def read(self, since: datetime) -> Counters:
        """The counters of everything committed from the minute of `since` on. Raises StorageFailed."""
        since_s = int(since.timestamp()) // MINUTE_S * MINUTE_S
        windows = list(self._windows_since(since_s))
        lanes = await asyncio.gather(*(self._read_lanes(window) for window in windows))
        reads = [
            self._read_lane(window, lane, since_s)
            for window, found in zip(windows, lanes, strict=True)
            for lane in found
        ]
        total = Counters()
        for counters in await asyncio.gather(*reads):
            total.merge(counters)
        return total

    def _windows_since(self, since_s: int) -> Iterable[Window]:
        first = window_of(since_s * 1000, self._window_s).start_s - GRACE_WINDOWS * self._window_s
        last = window_of(int(self._clock.now().timestamp() * 1000), self._window_s).start_s
        return (Window(start_s, self._window_s) for start_s in range(first, last + 1, self._window_s))

    async def _read_lanes(self, window: Window) -> list[int]:
        async with self._slots:
            rows = await ask(lambda timeout_s: self._windows.read_partition(window.name, timeout_s), self._limits)
        return [int(row.entity["RowKey"], 16) for row in rows]

    async def _read_lane(self, window: Window, lane: int, since_s: int) -> Counters:
        partition, total = partition_of(lane, window), Counters()
        minutes = (MINUTE_PREFIX, f"{MINUTE_PREFIX}~")
        async with self._slots:
            rows = await ask(lambda timeout_s: self._ledger.read_partition(partition, timeout_s, minutes), self._limits)
        for row in rows:
            if minute_started_s(window, row.entity["RowKey"]) >= since_s:
                total.merge(read_counters(row.entity))
        return total
