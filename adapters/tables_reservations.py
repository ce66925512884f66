"""Reservations on Azure Tables: one partition a key of a caller, one row a record that is to stand for it.

Up to 100 rows are inserted as one transaction. More go in several, in order: who has the first has the key, since
every request under one key has the same rows. The table is created on first need.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from uuid import UUID

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_bulk import BULK_LIMITS, CONFLICTS
from adapters.tables_creating import send_into
from adapters.tables_rest import MAX_OPERATIONS, Entity, Operation, Read, Table
from flows.errors import AlreadyReserved, StorageFailed, Superseded
from flows.ports import Reservation
from flows.trail_ports import Swept

RESERVATIONS_TABLE = "reservations"


class TablesReservations:
    """Implements `flows.ports.Reservations` and `flows.trail_ports.OldReservations`."""

    def __init__(self, storage: AzureStorage, limits: AskLimits | None = None) -> None:
        self._table = Table(storage.tables, RESERVATIONS_TABLE)
        self._limits = limits or AskLimits()

    async def insert(self, partition: str, rows: Sequence[Reservation]) -> None:
        """Insert all rows or none (insert-only). Raises AlreadyReserved or StorageFailed."""
        for at in range(0, len(rows), MAX_OPERATIONS):
            await self._insert_together(partition, rows[at : at + MAX_OPERATIONS])

    async def read(self, partition: str) -> list[Reservation]:
        """Every reservation of the partition, by key. Raises StorageFailed."""
        found = await ask(lambda timeout_s: self._table.read_partition(partition, timeout_s), self._limits)
        return [_reservation(read) for read in found]

    async def replace(self, partition: str, row: Reservation) -> None:
        """Take a reservation over (If-Match on `row.etag`). Raises Superseded or StorageFailed."""
        entity = _entity(partition, row)
        written = await ask(lambda timeout_s: self._table.replace(entity, row.etag, timeout_s), self._limits)
        if written.is_done:
            return
        if written.status not in {404, 412}:
            raise StorageFailed(f"a reservation was refused: {written.detail}")
        if not await self._stand(partition, [row]):
            raise Superseded("the reservation was taken over by another call")

    async def sweep(self, until: datetime, following: str, pages: int) -> Swept:
        """Delete the reservations that expired before a time and that nobody takes over meanwhile: so many pages of
        what is there, from `following` on (empty: from the start). Raises StorageFailed."""
        condition, deleted = f"expires_at lt '{until.isoformat()}'", 0
        for _ in range(pages):
            page = await ask(partial(self._table.read_page, condition, following=following), BULK_LIMITS)
            for partition, found in groupby(page.rows, key=lambda read: str(read.entity["PartitionKey"])):
                deleted += await self._delete_together(partition, list(found))
            following = page.following
            if not following:
                break
        return Swept(deleted, following)

    async def _delete_together(self, partition: str, reads: Sequence[Read]) -> int:
        """Delete rows of a partition as they were read; how many were."""
        deleted = 0
        for at in range(0, len(reads), MAX_OPERATIONS):
            batch = reads[at : at + MAX_OPERATIONS]
            operations = [Operation(read.entity, is_insert=False, if_match=read.etag, is_delete=True) for read in batch]
            body = self._table.encode_transaction(operations)
            written = await ask(partial(self._table.send_deletes, body, len(batch)), BULK_LIMITS)
            if written.status in {404, *CONFLICTS}:
                deleted += sum([await self._delete(partition, read) for read in batch])
            elif written.is_done:
                deleted += len(batch)
            else:
                raise StorageFailed(f"reservations could not be deleted: {written.detail}")
        return deleted

    async def _delete(self, partition: str, read: Read) -> bool:
        key = str(read.entity["RowKey"])
        delete = partial(self._table.delete, partition, key, etag=read.etag)
        written = await ask(delete, BULK_LIMITS)
        if written.is_done or written.status in {404, *CONFLICTS}:
            return written.is_done
        raise StorageFailed(f"a reservation could not be deleted: {written.detail}")

    async def _insert_together(self, partition: str, rows: Sequence[Reservation]) -> None:
        body = self._table.encode_transaction([Operation(_entity(partition, row)) for row in rows])
        written = await ask(partial(send_into, self._table, body, len(rows)), self._limits)
        if written.is_done:
            return
        if written.status != 409:
            raise StorageFailed(f"reservations were refused: {written.detail}")
        if not await self._stand(partition, rows):
            raise AlreadyReserved

    async def _stand(self, partition: str, rows: Sequence[Reservation]) -> bool:
        """Whether what stands is these very rows: then a write whose answer was lost was carried out."""
        standing = {row.key: row.record_id for row in await self.read(partition)}
        return all(standing.get(row.key) == row.record_id for row in rows)


def _entity(partition: str, row: Reservation) -> Entity:
    return {
        "PartitionKey": partition,
        "RowKey": row.key,
        "fingerprint": row.fingerprint,
        "record_id": str(row.record_id),
        "expires_at": row.expires_at.isoformat(),
    }


def _reservation(read: Read) -> Reservation:
    entity = read.entity
    return Reservation(
        key=entity["RowKey"],
        fingerprint=entity["fingerprint"],
        record_id=UUID(entity["record_id"]),
        expires_at=datetime.fromisoformat(entity["expires_at"]),
        etag=read.etag,
    )
