"""How the trail is, as the timer last noted it: kept in memory, and refreshed in the background for health alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.errors import StorageFailed
from flows.ports import Clock
from flows.sealing.trail_notes import HEALTH, TrailNotes

REFRESH_S = 60.0
OLD_S = 1_800.0

logger = logging.getLogger("vouch.trail")


class CurrentTrailHealth:
    def __init__(self, notes: TrailNotes, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock
        self._known: Mapping[str, Any] = {}

    async def read(self) -> Mapping[str, Any] | None:
        """`{at, status, reasons}`, or None where the trail was never looked after. Raises StorageFailed."""
        self._known = await self._notes.read(HEALTH)
        return {name: self._known[name] for name in ("at", "status", "reasons")} if self._known else None

    def faults(self) -> Sequence[str]:
        """What is wrong with the trail, from memory alone."""
        if not self._known:
            return []
        age_s = (self._clock.now() - datetime.fromisoformat(self._known["at"])).total_seconds()
        old = [f"audit trail: nobody has looked after it since {self._known['at']}"] if age_s > OLD_S else []
        return [*old, *(f"audit trail: {reason}" for reason in self._known["reasons"])]

    async def refresh_forever(self) -> None:
        """Refresh every `REFRESH_S`; ends only by cancellation."""
        while True:
            try:
                await self.read()
            except StorageFailed as error:
                logger.warning("How the trail is could not be read (%s); what is known stands.", error)
            except Exception:
                # A background boundary: a fault of ours must not end the refresh in silence.
                logger.exception("How the trail is could not be read by a fault of ours.")
            await asyncio.sleep(REFRESH_S)
