"""Carry on with every erasure that is not over: those that were cut off, those that waited for a hold or a window.

The timer that seals calls it. One that fails is left for the next time, and keeps none of the others.
"""

from __future__ import annotations

import logging

from flows.errors import StorageFailed, VouchError
from flows.privacy.erase_subject import EraseSubject
from flows.privacy.erasure_log import Erasure, ErasureLog, Stage
from flows.trail_ports import VaultFailed

logger = logging.getLogger("vouch.privacy")


class FinishErasures:
    def __init__(self, log: ErasureLog, erase: EraseSubject) -> None:
        self._log = log
        self._erase = erase

    async def __call__(self, only: Stage | None = None) -> int:
        """How many have come further; `only` looks at those of one stage. Raises StorageFailed where they can't be
        listed."""
        waiting = [erasure for erasure in await self._log.open() if only in {None, erasure.stage}]
        return sum([await self._carry_on(erasure) for erasure in waiting])

    async def _carry_on(self, erasure: Erasure) -> bool:
        try:
            carried = await self._erase.carry_on(erasure)
        except (StorageFailed, VaultFailed, VouchError):
            logger.exception("Erasure %s could not be carried on; it is tried again.", erasure.erasure_id)
            return False
        if carried.stage is not erasure.stage:
            logger.info("Erasure %s: %s, was %s.", erasure.erasure_id, carried.stage, erasure.stage)
        return carried.stage is not erasure.stage
