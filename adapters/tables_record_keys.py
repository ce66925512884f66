"""Record keys on Azure Tables: one row a page, found by the complement of an id, so that the page that may hold an
id's key is the first row from its complement on.

Pages are inserted once; afterwards keys are only ever destroyed, each with If-Match on the whole page. The table is
created on first need.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_bulk import BULK_LIMITS, find_first
from adapters.tables_creating import insert_into
from adapters.tables_rest import Entity, Read, Table, in_partition
from audit.ids import lane_of, time_of
from audit.key_pages import KeyPage, page_row
from audit.lanes import partition_of
from audit.windows import window_of
from flows.errors import StorageFailed

RECORD_KEYS_TABLE = "recordkeys"
CONCURRENT_PARTITIONS = 8
LAST = "~"  # after every row key


class TablesRecordKeys:
    """Implements `flows.trail_ports.RecordKeys`. `window_s` is that of the ledger."""

    def __init__(self, storage: AzureStorage, window_s: int, limits: AskLimits = BULK_LIMITS) -> None:
        self._table = Table(storage.tables, RECORD_KEYS_TABLE)
        self._window_s = window_s
        self._limits = limits

    async def insert(self, page: KeyPage) -> KeyPage:
        """Write a page, insert-only, and answer the one that stands: an earlier try's keys are the keys."""
        partition = self._partition(page.first)
        written = await ask(partial(insert_into, self._table, _entity(partition, page)), self._limits)
        if written.is_done:
            return page
        row = page_row(page.first)
        standing = await ask(partial(self._table.read, partition, row), self._limits)
        if written.status != 409 or standing is None:
            raise StorageFailed(f"a page of record keys was refused: {written.detail}")
        return _page(standing)

    async def find(self, record_id: UUID) -> KeyPage | None:
        """The page that may hold a record's key."""
        read = await self._find(self._partition(record_id), record_id)
        return None if read is None else _page(read)

    async def destroy(self, record_ids: Sequence[UUID]) -> None:
        """Destroy the keys of these records, those that have one."""
        by_partition: dict[str, set[UUID]] = defaultdict(set)
        for record_id in record_ids:
            by_partition[self._partition(record_id)].add(record_id)
        slots = asyncio.Semaphore(CONCURRENT_PARTITIONS)
        await asyncio.gather(*(self._destroy_in(partition, ids, slots) for partition, ids in by_partition.items()))

    async def _destroy_in(self, partition: str, record_ids: set[UUID], slots: asyncio.Semaphore) -> None:
        """From the last id on, page by page."""
        async with slots:
            left = set(record_ids)
            while left and (read := await self._find(partition, max(left))) is not None:
                held = {record_id for record_id in left if record_id >= _page(read).first}
                if await self._destroy_on(read, held):
                    left -= held

    async def _destroy_on(self, read: Read, record_ids: set[UUID]) -> bool:
        """Whether the page is now without these keys; False where it was changed meanwhile."""
        page = standing = _page(read)
        for record_id in record_ids:
            page = page.without(record_id)
        if page == standing:
            return True
        entity = _entity(read.entity["PartitionKey"], page)
        written = await ask(partial(self._table.replace, entity, read.etag), self._limits)
        if written.is_done or written.status in {404, 412}:
            return written.is_done
        raise StorageFailed(f"record keys could not be destroyed: {written.detail}")

    async def _find(self, partition: str, record_id: UUID) -> Read | None:
        return await find_first(self._table, in_partition(partition, (page_row(record_id), LAST)), self._limits)

    def _partition(self, record_id: UUID) -> str:
        return partition_of(lane_of(record_id), window_of(time_of(record_id), self._window_s))


def _entity(partition: str, page: KeyPage) -> Entity:
    return {
        "PartitionKey": partition,
        "RowKey": page_row(page.first),
        "generation": page.generation,
        "slots": page.slots,
    }


def _page(read: Read) -> KeyPage:
    return KeyPage(read.entity["generation"], read.entity["slots"])
