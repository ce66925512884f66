"""What sealing reads and writes, in memory: rows as often as wanted, files that are counted and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from audit.counters import Counters
from audit.ids import mint_id
from audit.key_pages import KeyPage
from audit.lanes import Head, pack_record
from audit.records import Record, RecordType, build_record
from audit.windows import Window
from benchmarks.sealed_lake import REGION
from flows.ports import LakeFile, LakePage, Span
from flows.trail_ports import RegisteredLane, WrappedByVault

PAGE_ROWS = 1_000
SCORED = RecordType.DECISION_SCORED.value
Entity = Mapping[str, Any]


def renew_records(
    records: Sequence[Record], window: Window, lane: int, count: int, *, subjects: bool
) -> Iterator[Record]:
    """So many records of a lane: the given ones over and over, under ids of their own, with a subject each or none."""
    record_id: UUID | None = None
    for number in range(count):
        old = records[number % len(records)]
        event: Mapping[str, Any] = old.event
        record_id = mint_id(window.start_s * 1000 + number, number << 40, lane, record_id)
        data = dict(event["data"])
        personal = dict(data.pop("personal"))
        del data["personal_commitment"], personal["salt"]
        personal |= {
            "deal_id": f"deal-{lane}-{number}",
            "subjects": [f"person-{lane}-{number}"] if subjects else [],
        }
        salt = f"{lane << 32 | number:032x}"
        yield build_record(
            record_id, RecordType.DECISION_SCORED, REGION, str(event["time"]), data, personal, salt, old.tally
        )


def as_entity(record: Record) -> Entity:
    """The row that the ledger keeps of a record."""
    return {
        "RowKey": str(record.record_id),
        "type": SCORED,
        "digest": record.digest,
        "event": pack_record(record).payload,
    }


@dataclass
class RepeatedLanes:
    """Lanes that hold the same rows `times` over; what sealing does to them is forgotten."""

    entities: Sequence[Entity]
    times: int
    counters: Counters

    async def registered(self, first: Window, last: Window) -> list[RegisteredLane]:
        return [RegisteredLane(first, "0001", is_sealed=False)]

    async def oldest(self) -> Window | None:
        return None

    async def fence(self, window: Window, lane: str) -> Head:
        count = len(self.entities) * self.times
        return Head(records=count, types={SCORED: count}, sealed=True)

    async def rows(self, window: Window, lane: str) -> AsyncIterator[Sequence[Entity]]:
        for _ in range(self.times):
            for at in range(0, len(self.entities), PAGE_ROWS):
                yield self.entities[at : at + PAGE_ROWS]

    async def minutes(self, window: Window, lane: str) -> Counters:
        return self.counters

    async def mark_sealed(self, window: Window, lane: str) -> None:
        return None

    async def blank(self, record_id: UUID, payload: bytes) -> None:
        raise NotImplementedError

    async def delete(self, window: Window, lane: str) -> None:
        raise NotImplementedError


@dataclass
class CountingLake:
    """Takes files, hashes them, counts their bytes (`written`) and lets them go."""

    written: int = 0

    async def create(self, name: str, content: bytes) -> bool:
        self.written += len(content)
        return True

    async def create_from(self, name: str, parts: AsyncIterator[bytes]) -> bool:
        digest = sha256()
        async for part in parts:
            digest.update(part)
            self.written += len(part)
        return True

    async def read(self, name: str) -> bytes | None:
        return None

    async def read_span(self, name: str, start: int, size: int) -> Span | None:
        return None

    def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def list(self, prefix: str) -> AsyncIterator[LakeFile]:
        raise NotImplementedError

    async def list_page(self, prefix: str, after: str, most: int) -> LakePage:
        return LakePage([], "")


class ForgetfulKeys:
    """Record keys that are known as long as their page is sealed."""

    async def insert(self, page: KeyPage) -> KeyPage:
        return page

    async def find(self, record_id: UUID) -> KeyPage | None:
        return None

    async def destroy(self, record_ids: Sequence[UUID]) -> None:
        raise NotImplementedError


@dataclass
class CountingIndex:
    """Counts what is added."""

    entries: int = 0

    async def add(self, entries: Sequence[tuple[str, UUID]]) -> None:
        self.entries += len(entries)

    async def find(self, handle: str) -> list[UUID]:
        return []

    async def remove(self, entries: Sequence[tuple[str, UUID]]) -> None:
        raise NotImplementedError


class PlainVault:
    """Wraps nothing: what a vault costs is a few calls a process."""

    async def newest_key_id(self) -> str:
        return "none"

    async def wrap(self, key: bytes) -> WrappedByVault:
        return WrappedByVault("none", key)

    async def unwrap(self, wrapped: WrappedByVault) -> bytes:
        return wrapped.wrapped

    async def public_key(self) -> bytes:
        raise NotImplementedError

    async def sign(self, message: bytes) -> bytes:
        raise NotImplementedError
