"""What somebody is still to be told of rollouts, until it was.

notices / <rollout>-<source>-<seq>    of a transition
notices / <rollout>-<kind>            of something that is told once a rollout
"""

from __future__ import annotations

from flows.ports import Row
from flows.rolling_out.documents import Document, Documents

NOTICES = "notices"


class Notices:
    """Every method raises LedgerUnavailable where storage fails."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def add(self, name: str, kind: str, event: Document) -> None:
        """Have somebody told of an event, once under this name."""
        await self._documents.insert(NOTICES, f"{event['rollout_id']}-{name}", {**event, "notice": kind, "tries": 0})

    async def pending(self) -> list[Row]:
        """What somebody is still to be told."""
        return [row for row in await self._documents.list_all(NOTICES) if not row.document.get("told_at")]

    async def settle(self, row: Row, document: Document) -> None:
        """Write down that somebody was told, or how often it was tried."""
        await self._documents.put(NOTICES, row.key, row, document)
