"""The ledger on Azure Tables: this instance's lanes, from claim to rollover.

    no lane --mint--> claim --> open --a new window--> old (takes records until its grace is over, then dropped)
                                 |
                                 +--sealed, or a transaction of unknown fate--> closed (the next mint claims anew)

One claim runs at a time and all callers wait for it. `tables_lane.py` says what becomes of a record. The tables are
created on first need.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from uuid import UUID

from adapters.azure_storage import AzureStorage, Unanswered
from adapters.tables_claim import LaneClaim
from adapters.tables_lane import LaneWriter, LedgerFigures, WriteLimits
from adapters.tables_rest import ReadFailed, Table
from audit.ids import lane_of, mint_id, time_of
from audit.lanes import LaneLog, pack_record, partition_of, unpack_event
from audit.records import Record
from audit.windows import Window, window_of
from flows.errors import LaneClosed, LedgerUnavailable, RecordTooLarge, StorageFailed
from flows.ports import Clock

LEDGER_TABLE = "ledger"
WINDOWS_TABLE = "windows"
RANDOM_BITS = 64


class _Lane:
    """A claimed lane and the last id minted in it."""

    def __init__(self, number: int, window: Window, writer: LaneWriter) -> None:
        self.number = number
        self.window = window
        self.writer = writer
        self._last: UUID | None = None

    def mint(self, unix_ms: int) -> UUID:
        unix_ms = max(unix_ms, self.window.start_s * 1000)
        self._last = mint_id(unix_ms, secrets.randbits(RANDOM_BITS), self.number, self._last)
        return self._last


class TablesLedger:
    """Implements `flows.ports.Ledger`. `window_s` is fixed for the life of a region: ids are found by it."""

    def __init__(
        self,
        storage: AzureStorage,
        clock: Clock,
        window_s: int,
        limits: WriteLimits | None = None,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._table = Table(storage.tables, LEDGER_TABLE)
        self._clock = clock
        self._window_s = window_s
        self._limits = limits or WriteLimits()
        windows = Table(storage.tables, WINDOWS_TABLE)
        self._claims = LaneClaim(windows, self._table, random_bits, self._limits.attempt_s)
        self._lanes: dict[tuple[int, Window], _Lane] = {}
        self._current: _Lane | None = None
        self._claiming: asyncio.Task[None] | None = None
        self._is_shut = False
        self.figures = LedgerFigures()

    async def mint(self) -> UUID:
        """A new record id in this instance's lane of the current window. Raises LedgerUnavailable."""
        while True:
            now_ms = self._now_ms()
            lane = self._current
            if lane is not None and not lane.writer.is_closed and _covers(lane.window, now_ms):
                return lane.mint(now_ms)
            await self._claim()

    async def append(self, record: Record) -> None:
        """Return once the record is durable. Raises LaneClosed, LedgerBusy or RecordTooLarge (nothing written),
        or LedgerUnavailable (unknown)."""
        lane = self._lanes.get((lane_of(record.record_id), self._window_of(record.record_id)))
        if lane is None:
            raise LaneClosed
        packed = pack_record(record)
        if not packed.fits:
            raise RecordTooLarge(f"the record takes {len(packed.payload)} bytes")
        await lane.writer.append(packed)

    async def find(self, record_id: UUID) -> Mapping[str, object] | None:
        """The recorded event, or None. Raises StorageFailed."""
        partition = partition_of(lane_of(record_id), self._window_of(record_id))
        deadline = asyncio.get_running_loop().time() + self._limits.deadline_s
        while True:
            try:
                read = await self._table.read(partition, str(record_id), self._limits.attempt_s)
            except (Unanswered, ReadFailed) as error:
                if asyncio.get_running_loop().time() + self._limits.attempt_s > deadline:
                    raise StorageFailed(f"the ledger could not be read: {error}") from error
                await asyncio.sleep(self._limits.attempt_s / 20)
            else:
                return None if read is None else unpack_event(read.entity)

    async def close(self) -> None:
        """Take no more ids and records, and return once what was accepted is settled."""
        self._is_shut = True
        if self._claiming is not None:
            await asyncio.wait([self._claiming])
        for lane in list(self._lanes.values()):
            await lane.writer.drain()
            lane.writer.close()

    def _window_of(self, record_id: UUID) -> Window:
        return window_of(time_of(record_id), self._window_s)

    async def _claim(self) -> None:
        """Claim one lane for all who wait; a caller that goes away does not end it."""
        if self._is_shut:
            raise LedgerUnavailable("the ledger is shutting down")
        if self._claiming is None:
            self._claiming = asyncio.get_running_loop().create_task(self._claim_lane())
            self._claiming.add_done_callback(self._claim_ended)
        await asyncio.shield(self._claiming)

    def _claim_ended(self, claiming: asyncio.Task[None]) -> None:
        self._claiming = None
        if not claiming.cancelled():
            claiming.exception()  # told to whoever still waits; marks it as seen where nobody does

    async def _claim_lane(self) -> None:
        self._drop_old_lanes()
        claimed = await self._claims.claim(window_of(self._now_ms(), self._window_s), self._limits.deadline_s)
        log = LaneLog(claimed.partition)
        writer = LaneWriter(self._table, log, claimed.etag, self._limits, self.figures, self._now_ms)
        self._current = _Lane(claimed.lane, claimed.window, writer)
        self._lanes[claimed.lane, claimed.window] = self._current

    def _drop_old_lanes(self) -> None:
        """Forget lanes that are closed, or whose window ended longer than a write deadline ago."""
        oldest_s = self._now_ms() / 1000 - self._limits.deadline_s
        for key, lane in list(self._lanes.items()):
            if lane.writer.is_idle and (lane.writer.is_closed or lane.window.end_s < oldest_s):
                del self._lanes[key]

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _covers(window: Window, unix_ms: int) -> bool:
    """Whether the window is the current one; a clock that was set back stays in the window it was in."""
    return unix_ms < window.end_s * 1000
