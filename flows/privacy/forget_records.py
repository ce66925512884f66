"""Make records unreadable for good: what is personal leaves the ledger's rows, and the records' keys are destroyed.

The rest of a record stays, and with it its digest. Twice is harmless.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from audit.canonical import canonical_json
from audit.records import without_personal
from flows.ports import Ledger
from flows.trail_ports import Lanes, RecordKeys

AT_ONCE = 16


class ForgetRecords:
    def __init__(self, ledger: Ledger, lanes: Lanes, record_keys: RecordKeys) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._record_keys = record_keys

    async def __call__(self, record_ids: Collection[UUID]) -> None:
        """Raises StorageFailed: some are forgotten then, and calling again does the rest."""
        ids = sorted(record_ids)
        for at in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*(self._blank(record_id) for record_id in ids[at : at + AT_ONCE]))
        await self._record_keys.destroy(ids)

    async def _blank(self, record_id: UUID) -> None:
        event = await self._ledger.find(record_id)
        if event is not None and _is_personal(event):
            await self._lanes.blank(record_id, zlib.compress(canonical_json(without_personal(event)), 1))


def _is_personal(event: Mapping[str, Any]) -> bool:
    """Whether it holds more than a salt."""
    return len(event["data"].get("personal", ())) > 1
