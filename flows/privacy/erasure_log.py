"""Erasures and legal holds that are under way, in the table `erasures`: handles and ids, nothing of a person.

open/<erasure id>    ordered -> erasing -> pending -> (deleted)        done/<erasure id>, once all is over
                       |  ^
                       v  |   whenever a hold stands in its way, or no longer does
                     deferred
holds/<hold id>      as long as the hold stands
links-<erasure id>   index rows that are to go, found while what they were found by could still be read: those of
                     deal ids, and the person's own of records that are not sealed yet
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from uuid import UUID

import msgspec

from flows.errors import Superseded
from flows.ports import Row, Rows
from flows.records.mentions import Who

OPEN, DONE, HOLDS = "open", "done", "holds"
LINKS_A_ROW = 2_000


class Stage(StrEnum):
    """ORDERED: nothing is done yet. DEFERRED: a legal hold stands in the way. ERASING: the tombstone is set, so that
    there is no way back. PENDING: done, but for windows that were open then. COMPLETE: over."""

    ORDERED = "ordered"
    DEFERRED = "deferred"
    ERASING = "erasing"
    PENDING = "pending"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Erasure:
    """`order_id` is another one for each call that orders it; `at_ms` is the time up to which everything is erased;
    `shared` counts the records that holds keep, `waits_for` is one of these holds; `records` counts those that there
    were, `archived` those of them that lie in an offline tier; `until` is the start of the last window that was not
    sealed then."""

    erasure_id: str
    order_id: str
    handle: str
    decision_id: str
    commitment: str
    caller: str
    request_id: str
    ordered_at: str
    at_ms: int
    stage: Stage = Stage.ORDERED
    shared: int = 0
    waits_for: str = ""
    records: int = 0
    archived: int = 0
    until: int = 0
    completed_at: str = ""

    @property
    def who(self) -> Who:
        return Who(self.handle, UUID(self.decision_id) if self.decision_id else None)


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that stands; `decision_id` where it is on one decision."""

    hold_id: str
    handle: str
    decision_id: str
    placed_at: str


class ErasureLog:
    """`rows` are those of the table `erasures`. Every method raises StorageFailed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def order(self, erasure: Erasure) -> Erasure:
        """Open an erasure, or order anew one of the same person that has not begun: it keeps its id. One that has begun
        is finished apart, whatever becomes of this one."""
        while True:
            rows = await self._rows.list(OPEN)
            waiting = next((row for row in rows if _is_waiting(_erasure(row), erasure.handle)), None)
            try:
                if waiting is None:
                    await self._rows.insert(OPEN, erasure.erasure_id, _document(erasure))
                    return erasure
                anew = replace(erasure, erasure_id=_erasure(waiting).erasure_id)
                await self._rows.replace(OPEN, waiting, _document(anew))
            except Superseded:
                continue
            return anew

    async def save(self, before: Erasure, erasure: Erasure) -> Erasure:
        """Keep how far an open erasure has come, and answer it. Raises Superseded where it is not as it was before:
        another call carries it on, or has ordered it anew."""
        if erasure != before:
            await self._rows.replace(OPEN, await self._standing(before), _document(erasure))
        return erasure

    async def complete(self, before: Erasure, erasure: Erasure) -> Erasure:
        """Close an erasure for good. Raises Superseded as above."""
        await self.save(before, erasure)
        await self._put(DONE, erasure.erasure_id, _document(erasure))
        for row in await self._rows.list(_links(erasure)):
            await self._rows.delete(_links(erasure), row)
        await self._rows.delete(OPEN, await self._standing(erasure))
        return erasure

    async def open(self) -> list[Erasure]:
        """Every erasure that is not over."""
        return [_erasure(row) for row in await self._rows.list(OPEN)]

    async def find(self, erasure_id: str) -> Erasure | None:
        """An erasure by its id, open or over."""
        row = await self._rows.read(OPEN, erasure_id) or await self._rows.read(DONE, erasure_id)
        return None if row is None else _erasure(row)

    async def note_links(self, erasure: Erasure, links: Iterable[tuple[str, UUID]]) -> None:
        """Keep which index rows are to go."""
        entries = sorted((handle, str(record_id)) for handle, record_id in links)
        for number, at in enumerate(range(0, len(entries), LINKS_A_ROW)):
            document = {"links": entries[at : at + LINKS_A_ROW]}
            await self._put(_links(erasure), f"{erasure.at_ms}-{number:04}", document)

    async def links(self, erasure: Erasure) -> list[tuple[str, UUID]]:
        """The index rows that are to go."""
        rows = await self._rows.list(_links(erasure))
        return [(handle, UUID(record_id)) for row in rows for handle, record_id in row.document["links"]]

    async def place(self, hold: Hold) -> None:
        await self._rows.insert(HOLDS, hold.hold_id, asdict(hold))

    async def find_hold(self, hold_id: str) -> Hold | None:
        row = await self._rows.read(HOLDS, hold_id)
        return None if row is None else msgspec.convert(row.document, Hold)

    async def lift(self, hold_id: str) -> None:
        """Take a hold out of the list. Twice is harmless."""
        row = await self._rows.read(HOLDS, hold_id)
        if row is not None:
            await self._rows.delete(HOLDS, row)

    async def holds(self) -> list[Hold]:
        """Every hold that stands."""
        return [msgspec.convert(row.document, Hold) for row in await self._rows.list(HOLDS)]

    async def _standing(self, erasure: Erasure) -> Row:
        row = await self._rows.read(OPEN, erasure.erasure_id)
        if row is None or _erasure(row) != erasure:
            raise Superseded("another call carries the erasure on")
        return row

    async def _put(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        try:
            await self._rows.insert(partition, key, document)
        except Superseded:
            row = await self._rows.read(partition, key)
            if row is not None:
                await self._rows.replace(partition, row, document)


def _is_waiting(erasure: Erasure, handle: str) -> bool:
    """Whether it is that person's and has not begun."""
    return erasure.handle == handle and erasure.stage in {Stage.ORDERED, Stage.DEFERRED}


def _links(erasure: Erasure) -> str:
    return f"links-{erasure.erasure_id}"


def _document(erasure: Erasure) -> dict[str, object]:
    return asdict(erasure)


def _erasure(row: Row) -> Erasure:
    return msgspec.convert(row.document, Erasure)
