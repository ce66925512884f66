"""Where somebody, a deal or a decision is spoken of: records that no manifest holds yet, and the index for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from uuid import UUID

from audit.ids import parse_id
from audit.personal import DEAL, DECISION, SUBJECT, handle_of
from audit.records import RecordType
from audit.sealing import LedgerRow, handles_of
from flows.keys.keyring import Keyring
from flows.records.unsealed import Unsealed
from flows.trail_ports import TrailIndex

AT_ONCE = 16
IMPLICIT = "deal:"
"""What the subject that every decision has by itself is called: `deal:<decision id>`."""


@dataclass(frozen=True, slots=True)
class Who:
    """A subject by its handle; `decision_id` where it is the one that a decision has by itself."""

    handle: str
    decision_id: UUID | None = None


@dataclass(slots=True)
class Mentions:
    """`records` are a subject's own, `about` those that speak of each of its decisions: labels and reviews. Of those
    that are not sealed yet, `named` has every subject's handle, and `links` the deal ids' index rows to come."""

    records: set[UUID] = field(default_factory=set)
    about: dict[UUID, set[UUID]] = field(default_factory=dict)
    unsealed: set[UUID] = field(default_factory=set)
    named: dict[UUID, frozenset[str]] = field(default_factory=dict)
    links: set[tuple[str, UUID]] = field(default_factory=set)


class FindMentions:
    """Every method raises StorageFailed or VaultFailed."""

    def __init__(self, keyring: Keyring, index: TrailIndex, unsealed: Unsealed) -> None:
        self._keyring = keyring
        self._index = index
        self._unsealed = unsealed

    async def who(self, subject: str) -> Who:
        """The subject by its id."""
        return Who(handle_of(await self._keyring.index_key(), SUBJECT, subject), decision_of(subject))

    async def of(self, who: Who, known: Set[UUID] = frozenset()) -> Mentions:
        """Everything that speaks of a subject; `known` are records of theirs that may not tell any more."""
        key = await self._keyring.index_key()
        found, speaking = Mentions(), []
        found.records |= known if who.decision_id is None else {*known, who.decision_id}
        async for row in self._unsealed.rows():
            subjects, _ = handles_of(row, key)
            if who.handle in subjects or row.record_id in found.records:
                _note(found, row, subjects, key)
            elif row.decision_id and row.type != RecordType.AUDIT_READ:
                speaking.append((row.decision_id, row.record_id))
        found.records.update(await self._index.find(who.handle))
        await self._add_about(found, speaking)
        return found

    async def _add_about(self, found: Mentions, speaking: Sequence[tuple[str, UUID]]) -> None:
        """Add what speaks of the records: those of `speaking` (decision, record), which are not sealed, and others."""
        by_text = {str(record_id): record_id for record_id in found.records}
        for decision_id, record_id in speaking:
            if decision_id in by_text:
                found.about.setdefault(by_text[decision_id], set()).add(record_id)
                found.unsealed.add(record_id)
        ids = sorted(found.records)
        for at in range(0, len(ids), AT_ONCE):
            some = ids[at : at + AT_ONCE]
            for record_id, about in zip(some, await asyncio.gather(*map(self.of_decision, some)), strict=True):
                if about:
                    found.about.setdefault(record_id, set()).update(about)

    async def of_deal(self, deal_id: str) -> set[UUID]:
        """The records of a deal, by its id."""
        key = await self._keyring.index_key()
        found = {row.record_id async for row in self._unsealed.rows() if row.deal_id == deal_id}
        found.update(await self._index.find(handle_of(key, DEAL, deal_id)))
        return found

    async def of_decision(self, decision_id: UUID) -> list[UUID]:
        """Sealed records that speak of a decision."""
        return await self._index.find(handle_of(await self._keyring.index_key(), DECISION, str(decision_id)))


def decision_of(subject: str) -> UUID | None:
    """The decision whose own subject this is; None for any other subject."""
    if not subject.startswith(IMPLICIT):
        return None
    try:
        return parse_id(subject.removeprefix(IMPLICIT))
    except ValueError:
        return None


def _note(found: Mentions, row: LedgerRow, subjects: list[str], key: bytes) -> None:
    found.records.add(row.record_id)
    found.unsealed.add(row.record_id)
    found.named[row.record_id] = frozenset(subjects)
    if row.deal_id:
        found.links.add((handle_of(key, DEAL, row.deal_id), row.record_id))
