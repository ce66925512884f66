"""Writes to a table that may not exist yet: it is created on first need, and the write sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from adapters.tables_rest import Entity, Table, Written


async def insert_into(table: Table, entity: Entity, timeout_s: float) -> Written:
    """Insert a row. Raises Unanswered or ReadFailed."""
    return await _write(table, partial(table.insert, entity), timeout_s)


async def send_into(table: Table, body: bytes, count: int, timeout_s: float) -> Written:
    """Send a transaction of `count` operations. Raises Unanswered or ReadFailed."""
    return await _write(table, partial(table.send_transaction, body, count), timeout_s)


async def _write(table: Table, write: Callable[[float], Awaitable[Written]], timeout_s: float) -> Written:
    written = await write(timeout_s)
    if written.lacks_table:
        await table.create(timeout_s)
        written = await write(timeout_s)
    return written
