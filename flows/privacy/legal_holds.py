"""Legal holds: nobody who is held is erased, and nobody is whose record a held person shares.

A hold lies in the person's own row, where an erasure meets it (If-Match), and in the list of all holds, by which
shared records are found. It is listed first and taken off the list last.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flows.keys.subject_keys import SubjectKeys
from flows.privacy.erasure_log import ErasureLog, Hold
from flows.records.mentions import Mentions, Who
from flows.trail_ports import TrailIndex


class LegalHolds:
    """Every method raises StorageFailed or VaultFailed."""

    def __init__(self, log: ErasureLog, subject_keys: SubjectKeys, index: TrailIndex) -> None:
        self._log = log
        self._subject_keys = subject_keys
        self._index = index

    async def place(self, hold: Hold) -> None:
        await self._log.place(hold)
        await self._subject_keys.hold(hold.handle, hold.hold_id)

    async def find(self, who: Who, hold_id: str) -> Hold | None:
        """A hold on that person, by its id."""
        hold = await self._log.find_hold(hold_id)
        return hold if hold is not None and hold.handle == who.handle else None

    async def release(self, hold: Hold) -> None:
        await self._subject_keys.release(hold.handle, hold.hold_id)
        await self._log.lift(hold.hold_id)

    async def of(self, who: Who) -> list[Hold]:
        """Those on one person, in the order in which they were placed."""
        standing = [hold for hold in await self._log.holds() if hold.handle == who.handle]
        return sorted(standing, key=lambda hold: (hold.placed_at, hold.hold_id))

    async def is_held(self, who: Who) -> bool:
        return await self._subject_keys.is_held(who.handle)

    async def stands(self, hold_id: str) -> bool:
        return await self._log.find_hold(hold_id) is not None

    async def shared(self, found: Mentions, is_meant: Callable[[UUID], bool]) -> dict[str, set[UUID]]:
        """Those of the records that somebody who is held has a part in, by the hold that keeps them."""
        records = {record_id for record_id in found.records if is_meant(record_id)}
        kept = {hold.hold_id: records & await self._held_by(hold, found) for hold in await self._log.holds()}
        return {hold_id: held for hold_id, held in kept.items() if held}

    async def _held_by(self, hold: Hold, found: Mentions) -> set[UUID]:
        if hold.decision_id:
            return {UUID(hold.decision_id)}
        unsealed = {record_id for record_id, named in found.named.items() if hold.handle in named}
        return unsealed | set(await self._index.find(hold.handle))
