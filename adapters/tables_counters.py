"""What the ledger counted, read back from its minutes: every lane of every window since a time, added up.

Only the counters' rows are read, never the records: the cost is one query a lane, however many decisions it holds.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_ledger import LEDGER_TABLE, WINDOWS_TABLE
from adapters.tables_rest import Table
from audit.counters import Counters
from audit.lanes import MINUTE_PREFIX, minute_started_s, partition_of, read_counters
from audit.windows import Window, parse_window, window_of
from flows.ports import Clock

CONCURRENT_READS = 16
MINUTE_S = 60


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
        total = Counters()
        lanes = await self._read_lanes(since_s)
        for counters in await asyncio.gather(*(self._read_lane(window, lane, since_s) for window, lane in lanes)):
            total.merge(counters)
        return total

    async def _read_lanes(self, since_s: int) -> list[tuple[Window, int]]:
        """Every lane registered in a window that may hold such minutes."""
        first = window_of((since_s - self._window_s) * 1000, self._window_s)  # its lanes may still be written to
        last = window_of(int(self._clock.now().timestamp() * 1000), self._window_s)
        rows = await ask(
            lambda timeout_s: self._windows.read_partitions(first.name, last.name, timeout_s), self._limits
        )
        return [
            (parse_window(row.entity["PartitionKey"], self._window_s), int(row.entity["RowKey"], 16)) for row in rows
        ]

    async def _read_lane(self, window: Window, lane: int, since_s: int) -> Counters:
        partition, total = partition_of(lane, window), Counters()
        minutes = (MINUTE_PREFIX, f"{MINUTE_PREFIX}~")
        async with self._slots:
            rows = await ask(lambda timeout_s: self._ledger.read_partition(partition, timeout_s, minutes), self._limits)
        for row in rows:
            if minute_started_s(window, row.entity["RowKey"]) >= since_s:
                total.merge(read_counters(row.entity))
        return total
