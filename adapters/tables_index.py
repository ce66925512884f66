"""The index of the trail on Azure Tables: an empty row `<handle>-<record id>` for each mention, in the partition of the
handle's first digit.

Writing an entry again writes the same. The partitions are written at the same time, each in transactions of up to a
hundred rows. The table is created on first need.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_bulk import BULK_LIMITS, delete_rows, put_rows, stream_pages
from adapters.tables_rest import Table, in_partition

INDEX_TABLE = "index"


class TablesIndex:
    """Implements `flows.trail_ports.TrailIndex`."""

    def __init__(self, storage: AzureStorage, limits: AskLimits = BULK_LIMITS) -> None:
        self._table = Table(storage.tables, INDEX_TABLE)
        self._limits = limits

    async def add(self, entries: Sequence[tuple[str, UUID]]) -> None:
        """Write entries; those that stand already are the same."""
        await _in_partitions(entries, self._add_to)

    async def find(self, handle: str) -> list[UUID]:
        """The records under a handle, in order of ids."""
        condition = in_partition(handle[0], (f"{handle}-", f"{handle}-~"))
        pages = stream_pages(self._table, condition, self._limits, ("RowKey",))
        return [UUID(read.entity["RowKey"].partition("-")[2]) async for page in pages for read in page]

    async def remove(self, entries: Sequence[tuple[str, UUID]]) -> None:
        """Delete entries."""
        await _in_partitions(entries, partial(delete_rows, self._table, limits=self._limits))

    async def _add_to(self, partition: str, rows: Sequence[str]) -> None:
        entities = [{"PartitionKey": partition, "RowKey": row} for row in rows]
        await put_rows(self._table, entities, self._limits)


async def _in_partitions(
    entries: Sequence[tuple[str, UUID]], write: Callable[[str, Sequence[str]], Awaitable[None]]
) -> None:
    """Call `write` with the rows of each partition, each row once, all at the same time."""
    rows: dict[str, set[str]] = defaultdict(set)
    for handle, record_id in entries:
        rows[handle[0]].add(f"{handle}-{record_id}")
    await asyncio.gather(*(write(partition, sorted(found)) for partition, found in rows.items()))
