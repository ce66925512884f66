"""Many rows of a table at once: queries as streams of pages, writes and deletes by the hundred.

A page may be short, or empty, without being the last: only the service says what follows. A transaction of deletes
is all or none, so that one row that is gone keeps the others; it is then deleted row by row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial

from adapters.azure_asking import AskLimits
from adapters.tables_asking import ask
from adapters.tables_creating import send_into
from adapters.tables_rest import MAX_OPERATIONS, Entity, Operation, Read, ReadFailed, Table, Written
from flows.errors import StorageFailed

BULK_LIMITS = AskLimits(deadline_s=30.0, attempt_s=10.0)
"""For work in the background; the service itself takes up to five seconds for a page."""

CONFLICTS = frozenset({409, 412})


async def stream_pages(
    table: Table, condition: str, limits: AskLimits, select: Sequence[str] = ()
) -> AsyncIterator[list[Read]]:
    """What meets a condition, in order of keys, a page of at most 1,000 at a time. `select` as in `Table.read_page`.
    Raises StorageFailed."""
    following = ""
    while True:
        read_page = partial(table.read_page, condition, following=following, select=select)
        page = await ask(read_page, limits)
        if page.rows:
            yield page.rows
        following = page.following
        if not following:
            return


async def find_first(table: Table, condition: str, limits: AskLimits) -> Read | None:
    """The first row that meets a condition; an empty condition is met by every row. Raises StorageFailed."""
    following = ""
    while True:
        page = await ask(partial(table.read_page, condition, following=following, top=1), limits)
        if page.rows:
            return page.rows[0]
        following = page.following
        if not following:
            return None


async def put_rows(table: Table, entities: Iterable[Entity], limits: AskLimits) -> None:
    """Insert or replace rows of one partition; a row may not come twice. Raises StorageFailed."""
    for batch in _batches(list(entities)):
        body = table.encode_transaction([Operation(entity, is_insert=False) for entity in batch])
        written = await ask(partial(_put, table, body, len(batch)), limits)
        if not written.is_done:
            raise StorageFailed(f"rows of {table.name} were refused: {written.detail}")


async def delete_rows(table: Table, partition: str, rows: Sequence[str], limits: AskLimits) -> None:
    """Delete rows of one partition, in this order; those that are gone already count as deleted. Raises
    StorageFailed."""
    for batch in _batches([{"PartitionKey": partition, "RowKey": row} for row in rows]):
        operations = [Operation(entity, is_insert=False, if_match="*", is_delete=True) for entity in batch]
        body = table.encode_transaction(operations)
        written = await ask(partial(table.send_deletes, body, len(batch)), limits)
        if written.status == 404:
            for entity in batch:
                await delete_row(table, partition, str(entity["RowKey"]), limits)
        elif not written.is_done:
            raise StorageFailed(f"rows of {table.name} could not be deleted: {written.detail}")


async def delete_row(table: Table, partition: str, row: str, limits: AskLimits) -> None:
    """Delete a row; one that is gone already counts as deleted. Raises StorageFailed."""
    written = await ask(partial(table.delete, partition, row), limits)
    if not written.is_done and written.status != 404:
        raise StorageFailed(f"a row of {table.name} could not be deleted: {written.detail}")


async def _put(table: Table, body: bytes, count: int, timeout_s: float) -> Written:
    written = await send_into(table, body, count, timeout_s)
    if written.status in CONFLICTS:  # it names no condition, so that this can only be another write at this moment
        raise ReadFailed(written.detail)
    return written


def _batches(entities: Sequence[Entity]) -> list[Sequence[Entity]]:
    return [entities[at : at + MAX_OPERATIONS] for at in range(0, len(entities), MAX_OPERATIONS)]
