"""Small JSON documents on Azure Tables, changed only by who has seen the newest: rollouts and desired states.

Each write carries an id of its own, so that a write whose answer was lost is known again by what stands. Documents
are kept as ASCII, because Azurite breaks characters that fall on the border of two packets. The table is created on
first need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_creating import insert_into
from adapters.tables_rest import Entity, Read, Table, Written
from flows.errors import StorageFailed, Superseded
from flows.ports import Row

PIECE_CHARACTERS = 15_000  # a text property holds 32 Ki UTF-16 units
MAX_PIECES = 30


class TablesRows:
    """Implements `flows.ports.Rows`."""

    def __init__(self, storage: AzureStorage, table: str, limits: AskLimits | None = None) -> None:
        self._table = Table(storage.tables, table)
        self._limits = limits or AskLimits()

    async def read(self, partition: str, key: str) -> Row | None:
        """The row, or None where storage says that there is none. Raises StorageFailed."""
        read = await ask(lambda timeout_s: self._table.read(partition, key, timeout_s), self._limits)
        return _row(read) if read is not None else None

    async def list(self, partition: str) -> list[Row]:
        """Every row of a partition, by key. Raises StorageFailed."""
        found = await ask(lambda timeout_s: self._table.read_partition(partition, timeout_s), self._limits)
        return [_row(read) for read in found]

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        """Insert-only. Raises Superseded where a row stands, or StorageFailed."""
        entity = _entity(partition, key, document)
        written = await ask(lambda timeout_s: insert_into(self._table, entity, timeout_s), self._limits)
        await self._settle(entity, written)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        """Replace the row as it was read. Raises Superseded where it has changed since, or StorageFailed."""
        entity = _entity(partition, row.key, document)
        written = await ask(lambda timeout_s: self._table.replace(entity, row.etag, timeout_s), self._limits)
        await self._settle(entity, written)

    async def delete(self, partition: str, row: Row) -> None:
        """Delete the row as it was read. Raises Superseded where it has changed since, or StorageFailed."""
        delete = partial(self._table.delete, partition, row.key, etag=row.etag)
        written = await ask(delete, self._limits)
        if written.status == 412:
            raise Superseded(f"{row.key} was changed by another call")
        if not written.is_done and written.status != 404:
            raise StorageFailed(f"a row could not be deleted: {written.detail}")

    async def _settle(self, entity: Entity, written: Written) -> None:
        if written.is_done:
            return
        if written.status not in {404, 409, 412}:
            raise StorageFailed(f"a row was refused: {written.detail}")
        partition, key = str(entity["PartitionKey"]), str(entity["RowKey"])
        standing = await ask(lambda timeout_s: self._table.read(partition, key, timeout_s), self._limits)
        if standing is None or standing.entity["write_id"] != entity["write_id"]:
            raise Superseded(f"{key} was changed by another call")


def _entity(partition: str, key: str, document: Mapping[str, object]) -> Entity:
    text = json.dumps(document, separators=(",", ":"))
    pieces = [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]
    if len(pieces) > MAX_PIECES:
        raise StorageFailed(f"{key} is too large to be kept: {len(text)} characters")
    entity: dict[str, str | int | bool | bytes] = {
        "PartitionKey": partition,
        "RowKey": key,
        "write_id": uuid4().hex,
        "pieces": len(pieces),
    }
    return entity | {f"document_{number}": piece for number, piece in enumerate(pieces)}


def _row(read: Read) -> Row:
    text = "".join(read.entity[f"document_{piece}"] for piece in range(int(read.entity["pieces"])))
    document: dict[str, Any] = json.loads(text)
    return Row(read.entity["RowKey"], document, read.etag)
