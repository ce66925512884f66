"""The ledger's lanes on Azure Tables as the sealer sees them: fenced, read as streams, blanked and deleted.

fence    head is sealed -> as it stands      head is open -> sealed, If-Match     no head -> a sealed one, inserted
         a writer that was quicker (412, 409): look again
delete   records, then minutes and head, then the row of the registry: a lane that was deleted in part is still
         registered, and deleting it again does the rest
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_bulk import BULK_LIMITS, CONFLICTS, delete_row, delete_rows, find_first, stream_pages
from adapters.tables_creating import insert_into
from adapters.tables_ledger import LEDGER_TABLE, WINDOWS_TABLE
from adapters.tables_rest import Entity, Read, Table, Written, in_partition
from audit.counters import Counters
from audit.ids import lane_of, time_of
from audit.lanes import HEAD_KEY, MINUTE_PREFIX, Head, partition_of, read_counters
from audit.windows import Window, parse_window, window_of
from flows.errors import StorageFailed
from flows.trail_ports import RegisteredLane

RECORDS = ("0", "~")  # ids begin with a hex digit, head and minutes with `!`
NO_RECORDS = ("!", "!~")
MINUTES = (MINUTE_PREFIX, f"{MINUTE_PREFIX}~")
RECORD_FIELDS = ("RowKey", "type", "digest", "batch", "event")


class TablesLanes:
    """Implements `flows.trail_ports.Lanes`. `window_s` is that of the ledger."""

    def __init__(self, storage: AzureStorage, window_s: int, limits: AskLimits = BULK_LIMITS) -> None:
        self._ledger = Table(storage.tables, LEDGER_TABLE)
        self._windows = Table(storage.tables, WINDOWS_TABLE)
        self._window_s = window_s
        self._limits = limits

    async def registered(self, first: Window, last: Window) -> list[RegisteredLane]:
        """Every lane registered in the windows from `first` to `last`, by window and lane."""
        found = await ask(partial(self._windows.read_partitions, first.name, last.name), self._limits)
        return [
            RegisteredLane(self._window_of(read), read.entity["RowKey"], read.entity.get("sealed") is True)
            for read in found
        ]

    async def oldest(self) -> Window | None:
        """The first window that has a registered lane; None where there is none."""
        read = await find_first(self._windows, "", self._limits)
        return None if read is None else self._window_of(read)

    async def fence(self, window: Window, lane: str) -> Head:
        """Let no more be written to a lane, and its head as it then stands for good."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.deadline_s
        while loop.time() < deadline:
            if (head := await self._try_fence(_partition(window, lane))) is not None:
                return head
        raise StorageFailed(f"lane {lane} of {window.name} is written to all the time; is the grace too short?")

    async def rows(self, window: Window, lane: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The record rows of a lane in order of ids, as entities, a page (up to 1,000) at a time."""
        condition = in_partition(_partition(window, lane), RECORDS)
        async for page in stream_pages(self._ledger, condition, self._limits, RECORD_FIELDS):
            yield [read.entity for read in page]

    async def minutes(self, window: Window, lane: str) -> Counters:
        """The counters of a lane, all its minutes added up."""
        total = Counters()
        found = await ask(partial(self._ledger.read_partition, _partition(window, lane), rows=MINUTES), self._limits)
        for read in found:
            total.merge(read_counters(read.entity))
        return total

    async def mark_sealed(self, window: Window, lane: str) -> None:
        """Note in the registry that a manifest holds the lane."""
        entity: Entity = {"PartitionKey": window.name, "RowKey": lane, "sealed": True}
        _check(await ask(partial(self._windows.merge, entity), self._limits), "the registry's row")

    async def blank(self, record_id: UUID, payload: bytes) -> None:
        """Replace the event of a record's row by one without what was personal; nothing where the row is gone."""
        partition = partition_of(lane_of(record_id), window_of(time_of(record_id), self._window_s))
        entity: Entity = {"PartitionKey": partition, "RowKey": str(record_id), "event": payload}
        _check(await ask(partial(self._ledger.merge, entity), self._limits), "a record's row")

    async def delete(self, window: Window, lane: str) -> None:
        """Delete a lane with all its rows, its row in the registry last."""
        partition = _partition(window, lane)
        for rows in (RECORDS, NO_RECORDS):
            condition = in_partition(partition, rows)
            async for page in stream_pages(self._ledger, condition, self._limits, ("RowKey",)):
                keys = [str(read.entity["RowKey"]) for read in page]
                await delete_rows(self._ledger, partition, sorted(keys, reverse=True), self._limits)
        await delete_row(self._windows, window.name, lane, self._limits)

    async def _try_fence(self, partition: str) -> Head | None:
        """The head of the fenced lane; None where somebody else wrote at the same time."""
        read = await ask(partial(self._ledger.read, partition, HEAD_KEY), self._limits)
        standing = Head() if read is None else Head.from_entity(read.entity)
        if standing.sealed:
            return standing
        sealed = replace(standing, sealed=True)
        entity = sealed.to_entity(partition)
        if read is None:
            written = await ask(partial(insert_into, self._ledger, entity), self._limits)
        else:
            written = await ask(partial(self._ledger.replace, entity, read.etag), self._limits)
        if written.is_done:
            return sealed
        if written.status in CONFLICTS or written.status == 404:
            return None
        raise StorageFailed(f"a lane could not be fenced: {written.detail}")

    def _window_of(self, read: Read) -> Window:
        return parse_window(read.entity["PartitionKey"], self._window_s)


def _partition(window: Window, lane: str) -> str:
    return partition_of(int(lane, 16), window)


def _check(written: Written, what: str) -> None:
    """A row that is gone needs no change."""
    if not written.is_done and written.status != 404:
        raise StorageFailed(f"{what} could not be changed: {written.detail}")
