"""What the purge timer does: sweep old reservations, purge old windows, and leave a note of what became of it.

Either is bounded. The note says where the sweep goes on, and what keeps windows from being purged: health tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from flows.errors import StorageFailed
from flows.ports import Clock
from flows.sealing.purge_windows import Purged, PurgeWindows
from flows.sealing.trail_notes import PURGE, TrailNotes
from flows.times import format_time
from flows.trail_ports import OldReservations, Swept, VaultFailed

SWEEP_PAGES = 200
KEPT_SHOWN = 20


class PurgeLedger:
    """`reservation_retention_s` counts from the end of a reservation's lease."""

    def __init__(
        self, windows: PurgeWindows, reservations: OldReservations, notes: TrailNotes, clock: Clock,
        reservation_retention_s: float,
    ) -> None:  # fmt: skip
        self._windows = windows
        self._reservations = reservations
        self._notes = notes
        self._clock = clock
        self._reservation_retention = timedelta(seconds=reservation_retention_s)

    async def __call__(self) -> Mapping[str, Any]:
        """The note that was left. Raises StorageFailed where there could be none."""
        before = await self._notes.read(PURGE)
        faults: list[str] = []
        swept = await self._sweep(str(before.get("following", "")), faults)
        purged = await self._purge(faults)
        note = {
            "at": format_time(self._clock.now()),
            "windows": len(purged.windows),
            "is_done": purged.is_done,
            "kept": dict(islice(purged.kept.items(), KEPT_SHOWN)),
            "kept_windows": len(purged.kept),
            "reservations": swept.deleted,
            "following": swept.following,
            "faults": faults,
        }
        await self._notes.write(PURGE, note)
        return note

    async def _sweep(self, following: str, faults: list[str]) -> Swept:
        """A sweep that fails begins anew next time, in case what it was to go on with was refused."""
        until = self._clock.now() - self._reservation_retention
        try:
            return await self._reservations.sweep(until, following, SWEEP_PAGES)
        except StorageFailed as error:
            faults.append(f"reservations could not be swept: {error}")
            return Swept(0, "")

    async def _purge(self, faults: list[str]) -> Purged:
        try:
            return await self._windows()
        except (StorageFailed, VaultFailed) as error:
            faults.append(f"the ledger could not be purged: {error}")
            return Purged(is_done=False)
