"""Which snapshot of each reference dataset is active in this region: one row a dataset, changed only with If-Match."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgspec

from flows.ports import Row, Rows
from flows.put_row import put_row

PARTITION = "active"


@dataclass(frozen=True, slots=True)
class ActiveSnapshot:
    """`digest` is `sha256:<hex>`, of the snapshot's manifest; every activation has a generation of its own."""

    dataset: str
    snapshot: str
    digest: str
    rows: int
    generation: int
    activated_at: str


class ActiveSnapshots:
    """The rows, read and switched. Every call raises StorageFailed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def find(self, dataset: str) -> tuple[ActiveSnapshot, Row] | None:
        """What is active, and the row to be replaced; None before the first activation."""
        row = await self._rows.read(PARTITION, dataset)
        return (_active(row), row) if row else None

    async def list(self) -> list[ActiveSnapshot]:
        """Every dataset's, by name."""
        return [_active(row) for row in await self._rows.list(PARTITION)]

    async def switch(self, active: ActiveSnapshot, standing: Row | None) -> None:
        """Make it the active one in place of what stood. Raises Superseded where that has changed since."""
        await put_row(self._rows, PARTITION, active.dataset, standing, asdict(active))


def _active(row: Row) -> ActiveSnapshot:
    return msgspec.convert(row.document, ActiveSnapshot)
