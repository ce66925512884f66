"""The control region's documents: written whole, changed by whoever looks again, inserted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flows.errors import LedgerUnavailable, StorageFailed, Superseded
from flows.ports import Row, Rows
from flows.put_row import put_row

TRIES = 5

Document = Mapping[str, Any]


class Documents:
    """Every method raises LedgerUnavailable where storage fails."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def change(self, partition: str, key: str, change: Callable[[Document | None], Document | None]) -> bool:
        """Make of a document what `change` says (None: leave it), looking again where another came between."""
        for _ in range(TRIES):
            row = await self.read(partition, key)
            changed = change(row.document if row else None)
            if changed is None:
                return False
            if await self.put(partition, key, row, changed):
                return True
        raise LedgerUnavailable(f"{key} is changed by too many at once")

    async def put(self, partition: str, key: str, row: Row | None, document: Document) -> bool:
        try:
            await put_row(self._rows, partition, key, row, document)
        except Superseded:
            return False
        except StorageFailed as error:
            raise LedgerUnavailable("the rollout's documents could not be written") from error
        return True

    async def insert(self, partition: str, key: str, document: Document) -> None:
        """Insert-only; what stands under this name is the same."""
        await self.put(partition, key, None, document)

    async def read(self, partition: str, key: str) -> Row | None:
        try:
            return await self._rows.read(partition, key)
        except StorageFailed as error:
            raise LedgerUnavailable("the rollout's documents could not be read") from error

    async def list_all(self, partition: str) -> list[Row]:
        try:
            return await self._rows.list(partition)
        except StorageFailed as error:
            raise LedgerUnavailable("the rollout's documents could not be read") from error
