"""What the trail's timers leave for those who come later: small documents, the last one stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.errors import Superseded
from flows.ports import Rows
from flows.put_row import put_row

PARTITION = "trail"
PURGE, HEALTH = "purge", "health"


class TrailNotes:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def read(self, name: str) -> Mapping[str, Any]:
        """The note, empty where there is none. Raises StorageFailed."""
        row = await self._rows.read(PARTITION, name)
        return row.document if row else {}

    async def write(self, name: str, document: Mapping[str, Any]) -> None:
        """Leave a note in place of the last one. Of two that are left at once one stands. Raises StorageFailed."""
        row = await self._rows.read(PARTITION, name)
        try:
            await put_row(self._rows, PARTITION, name, row, document)
        except Superseded:
            return
