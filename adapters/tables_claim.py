"""Claim a lane: first its row in the window's registry, then its head, both inserted only.

The registry comes first so that the sealer, which reads it, can't miss a lane that has a head. A claim whose answer
was lost is not asked about: another lane costs less. What it leaves behind is a registered lane with an empty head,
or with none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from adapters.azure_storage import Unanswered
from adapters.tables_creating import insert_into
from adapters.tables_rest import Entity, ReadFailed, Table, Written
from audit.ids import LANE_BITS
from audit.lanes import Head, lane_name, partition_of
from audit.windows import Window
from flows.errors import LedgerUnavailable

PAUSE_S = 0.05

logger = logging.getLogger("vouch.ledger")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lane that is this instance's; `etag` is its head's."""

    lane: int
    window: Window
    etag: str

    @property
    def partition(self) -> str:
        return partition_of(self.lane, self.window)


class LaneClaim:
    """`random_bits(n)` gives n random bits."""

    def __init__(self, windows: Table, ledger: Table, random_bits: Callable[[int], int], attempt_s: float) -> None:
        self._windows = windows
        self._ledger = ledger
        self._random_bits = random_bits
        self._attempt_s = attempt_s

    async def claim(self, window: Window, deadline_s: float) -> Claimed:
        """Try random lanes until one is free. Raises LedgerUnavailable at the deadline."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_s
        while loop.time() < deadline:
            try:
                claimed = await self._try(self._random_bits(LANE_BITS), window, min(self._attempt_s, deadline_s))
            except (Unanswered, ReadFailed) as error:
                logger.warning("A lane of window %s could not be claimed: %s", window.name, error)
                await asyncio.sleep(min(PAUSE_S, max(0.0, deadline - loop.time())))
            else:
                if claimed is not None:
                    return claimed
        raise LedgerUnavailable("no lane could be claimed")

    async def _try(self, lane: int, window: Window, timeout_s: float) -> Claimed | None:
        """The lane, or None where another has it."""
        row: Entity = {"PartitionKey": window.name, "RowKey": lane_name(lane)}
        if not _is_free(await insert_into(self._windows, row, timeout_s)):
            return None
        head = await insert_into(self._ledger, Head().to_entity(partition_of(lane, window)), timeout_s)
        return Claimed(lane, window, head.etag) if _is_free(head) else None


def _is_free(written: Written) -> bool:
    if written.is_done:
        return True
    if written.status == 409:
        return False
    raise ReadFailed(written.detail)
