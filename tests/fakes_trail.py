"""Little real implementations of the trail's ports, in memory, that can be told to stop at any step."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.counters import Counters
from audit.ids import lane_of, mint_id, time_of
from audit.key_pages import KeyPage, page_row
from audit.lanes import HEAD_KEY, Head, LaneLog, lane_name, pack_record, read_counters, unpack_event
from audit.personal import Unreadable, unwrap_key, wrap_key
from audit.records import Record
from audit.windows import Window, window_of
from flows.compose_trail import TrailPorts
from flows.errors import Archived, LaneClosed
from flows.ports import Clock, EngineFailed, Lake, LakeFile, LakePage, Row, Span
from flows.trail_ports import RegisteredLane, VaultFailed, WrappedByVault
from tests.fakes import MemoryReservations, MemoryRows

STREAM_BYTES = 1024
PAGE_ROWS = 1_000
NONCE_BYTES = 12


class Stopped(Exception):
    """What a step raises that was told to stop: the process was killed there."""


@dataclass
class Steps:
    """Counts the calls of the fakes that share it. Call number `stop_before` (from 1) raises before anything happens,
    `stop_after` once it has; `meanwhile` is called before call number `at`; `failure` is raised by every call while it
    is set."""

    calls: list[str] = field(default_factory=list)
    stop_before: int = 0
    stop_after: int = 0
    at: int = 0
    meanwhile: Callable[[], None] = field(default=lambda: None)
    failure: Exception | None = None

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        number = len(self.calls)
        if self.failure is not None:
            raise self.failure
        if number == self.at:
            self.meanwhile()
        if number == self.stop_before:
            raise Stopped(name)
        yield
        if number == self.stop_after:
            raise Stopped(name)


class SeededEntropy:
    """Bytes that look random and never come twice, the same ones every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def token_hex(self, size: int) -> str:
        return self._random.randbytes(size).hex()


@dataclass
class MemoryLake:
    """A lake in memory: `files` by name; those of `archived` lie in an offline tier."""

    files: dict[str, bytes] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)
    archived: set[str] = field(default_factory=set)

    async def read(self, name: str) -> bytes | None:
        with self.steps.take("lake.read"):
            return self._content(name)

    async def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        with self.steps.take("lake.stream"):
            content = self._content(name) or b""
        for at in range(start, len(content), STREAM_BYTES):
            yield content[at : at + STREAM_BYTES]

    async def create(self, name: str, content: bytes) -> bool:
        with self.steps.take("lake.create"):
            is_new = name not in self.files
            self.files.setdefault(name, content)
            return is_new

    async def create_from(self, name: str, parts: AsyncIterator[bytes]) -> bool:
        content = b"".join([part async for part in parts])
        with self.steps.take("lake.create_from"):
            is_new = name not in self.files
            self.files.setdefault(name, content)
            return is_new

    async def list(self, prefix: str) -> AsyncIterator[LakeFile]:
        with self.steps.take("lake.list"):
            found = sorted(name for name in self.files if name.startswith(prefix))
        for name in found:
            yield LakeFile(name, len(self.files[name]))

    async def read_span(self, name: str, start: int, size: int) -> Span | None:
        content = await self.read(name)
        return None if content is None else Span(content[start : start + size], len(content))

    async def list_page(self, prefix: str, after: str, most: int) -> LakePage:
        found = [file async for file in self.list(prefix) if file.name > after]
        return LakePage(found[:most], found[most - 1].name if len(found) > most else "")

    def _content(self, name: str) -> bytes | None:
        if name in self.archived:
            raise Archived(f"lake/{name}")
        return self.files.get(name)


@dataclass
class MemoryLane:
    """A lane's partition as its rows: head, minutes and records by row key. `head` None: a claim that was lost."""

    log: LaneLog
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_marked: bool = False

    @property
    def head(self) -> Head | None:
        return Head.from_entity(self.rows[HEAD_KEY]) if HEAD_KEY in self.rows else None

    def record_rows(self) -> list[dict[str, Any]]:
        return [self.rows[key] for key in sorted(self.rows) if not key.startswith("!")]


@dataclass
class MemoryLanes:
    """Lanes in memory; `register` and `write` stand for the ledger's writers."""

    lanes: dict[tuple[Window, str], MemoryLane] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)
    window_s: int = 3600
    page_rows: int = PAGE_ROWS

    def register(self, window: Window, lane: str, has_head: bool = True) -> None:
        """Claim a lane."""
        log = LaneLog(f"{lane}-{window.name}")
        rows: dict[str, dict[str, Any]] = {HEAD_KEY: dict(log.head.to_entity(log.partition))} if has_head else {}
        self.lanes[window, lane] = MemoryLane(log, rows)

    def write(self, records: Sequence[Record], unix_ms: int | None = None) -> None:
        """Append records of one lane as one transaction, as its writer would. Raises LaneClosed."""
        window, lane = self._place(records[0].record_id)
        if (window, lane) not in self.lanes:
            self.register(window, lane)
        standing = self.lanes[window, lane]
        if standing.head is None or standing.head.sealed:
            raise LaneClosed
        now_ms = unix_ms if unix_ms is not None else time_of(records[-1].record_id)
        transaction = standing.log.cut([pack_record(record) for record in records], now_ms, os.urandom(16).hex())
        standing.rows |= {str(entity["RowKey"]): dict(entity) for entity in transaction.entities}

    async def registered(self, first: Window, last: Window) -> list[RegisteredLane]:
        with self.steps.take("lanes.registered"):
            chosen = sorted(key for key in self.lanes if first.start_s <= key[0].start_s <= last.start_s)
            return [RegisteredLane(window, lane, self.lanes[window, lane].is_marked) for window, lane in chosen]

    async def oldest(self) -> Window | None:
        with self.steps.take("lanes.oldest"):
            return min((window for window, _ in self.lanes), default=None)

    async def fence(self, window: Window, lane: str) -> Head:
        with self.steps.take("lanes.fence"):
            if (window, lane) not in self.lanes:
                self.register(window, lane, has_head=False)
            standing = self.lanes[window, lane]
            head = replace(standing.head or Head(), sealed=True)
            standing.rows[HEAD_KEY] = dict(head.to_entity(standing.log.partition))
            return head

    async def rows(self, window: Window, lane: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        with self.steps.take("lanes.rows"):
            found = self.lanes[window, lane].record_rows() if (window, lane) in self.lanes else []
        for at in range(0, len(found), self.page_rows):
            yield found[at : at + self.page_rows]

    async def minutes(self, window: Window, lane: str) -> Counters:
        with self.steps.take("lanes.minutes"):
            total = Counters()
            rows = self.lanes[window, lane].rows if (window, lane) in self.lanes else {}
            for key, entity in rows.items():
                if key.startswith("!minute-"):
                    total.merge(read_counters(entity))
            return total

    async def mark_sealed(self, window: Window, lane: str) -> None:
        with self.steps.take("lanes.mark_sealed"):
            if (window, lane) in self.lanes:
                self.lanes[window, lane].is_marked = True

    async def blank(self, record_id: UUID, payload: bytes) -> None:
        with self.steps.take("lanes.blank"):
            standing = self.lanes.get(self._place(record_id))
            if standing is not None and str(record_id) in standing.rows:
                standing.rows[str(record_id)]["event"] = payload

    async def delete(self, window: Window, lane: str) -> None:
        with self.steps.take("lanes.delete"):
            self.lanes.pop((window, lane), None)

    def find(self, record_id: UUID) -> dict[str, Any] | None:
        """A record's row."""
        standing = self.lanes.get(self._place(record_id))
        return None if standing is None else standing.rows.get(str(record_id))

    def _place(self, record_id: UUID) -> tuple[Window, str]:
        return window_of(time_of(record_id), self.window_s), lane_name(lane_of(record_id))


@dataclass
class LanesLedger:
    """The ledger whose lanes these are: one writer, which claims a new lane for each window, or where one was fenced.
    Implements `flows.ports.Ledger`."""

    lanes: MemoryLanes
    clock: Clock
    steps: Steps = field(default_factory=Steps)
    lane: int = 0x1000
    minted: int = 0
    failure: Exception | None = None
    _last: UUID | None = None

    async def mint(self) -> UUID:
        with self.steps.take("ledger.mint"):
            unix_ms = int(self.clock.now().timestamp() * 1000)
            window = window_of(unix_ms, self.lanes.window_s)
            standing = self.lanes.lanes.get((window, lane_name(self.lane)))
            if standing is not None and standing.head is not None and standing.head.sealed:
                self.lane += 1
            is_same = self._last is not None and lane_of(self._last) == self.lane and time_of(self._last) >= unix_ms
            self.minted += 1
            self._last = mint_id(unix_ms, self.minted << 20, self.lane, self._last if is_same else None)
            return self._last

    async def append(self, record: Record) -> None:
        with self.steps.take("ledger.append"):
            if self.failure is not None:
                raise self.failure
            self.lanes.write([record])

    async def find(self, record_id: UUID) -> Mapping[str, object] | None:
        with self.steps.take("ledger.find"):
            row = self.lanes.find(record_id)
            return None if row is None else unpack_event(row)


@dataclass
class MemoryRecordKeys:
    """Pages of record keys in memory, by partition and row key."""

    rows: dict[tuple[Window, str], dict[str, KeyPage]] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)
    window_s: int = 3600

    async def insert(self, page: KeyPage) -> KeyPage:
        with self.steps.take("record_keys.insert"):
            partition = self.rows.setdefault(self._place(page.first), {})
            return partition.setdefault(page_row(page.first), page)

    async def find(self, record_id: UUID) -> KeyPage | None:
        with self.steps.take("record_keys.find"):
            return self._find(record_id)

    async def destroy(self, record_ids: Sequence[UUID]) -> None:
        with self.steps.take("record_keys.destroy"):
            for record_id in record_ids:
                page = self._find(record_id)
                if page is not None:
                    self.rows[self._place(record_id)][page_row(page.first)] = page.without(record_id)

    def _find(self, record_id: UUID) -> KeyPage | None:
        partition = self.rows.get(self._place(record_id), {})
        row = min((key for key in partition if key >= page_row(record_id)), default=None)
        return None if row is None else partition[row]

    def _place(self, record_id: UUID) -> tuple[Window, str]:
        return window_of(time_of(record_id), self.window_s), lane_name(lane_of(record_id))


@dataclass
class RecordingSealing:
    """Remembers what it was asked to seal, and until when to purge; or fails to."""

    started: list[str] = field(default_factory=list)
    purged_until: list[datetime] = field(default_factory=list)
    failure: EngineFailed | None = None

    async def start(self, client: Any, instance: str, order: Mapping[str, Any]) -> bool:
        self.started.append(instance)
        return True

    async def purge(self, client: Any, until: datetime) -> int:
        if self.failure is not None:
            raise self.failure
        self.purged_until.append(until)
        return 0


@dataclass
class MemoryIndex:
    """The index in memory: handles with their records."""

    entries: set[tuple[str, UUID]] = field(default_factory=set)
    steps: Steps = field(default_factory=Steps)

    async def add(self, entries: Sequence[tuple[str, UUID]]) -> None:
        with self.steps.take("index.add"):
            self.entries.update(entries)

    async def find(self, handle: str) -> list[UUID]:
        with self.steps.take("index.find"):
            return sorted(record_id for standing, record_id in self.entries if standing == handle)

    async def remove(self, entries: Sequence[tuple[str, UUID]]) -> None:
        with self.steps.take("index.remove"):
            self.entries.difference_update(entries)


@dataclass
class MemoryVault:
    """A vault with a real P-256 key; `rotate` adds a version of the key-encryption key."""

    keks: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    signing: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    steps: Steps = field(default_factory=Steps)

    def rotate(self) -> None:
        self.keks.append(os.urandom(32))

    async def newest_key_id(self) -> str:
        with self.steps.take("vault.newest_key_id"):
            return f"kek-{len(self.keks)}"

    async def wrap(self, key: bytes) -> WrappedByVault:
        with self.steps.take("vault.wrap"):
            key_id = f"kek-{len(self.keks)}"
            return WrappedByVault(key_id, wrap_key(self.keks[-1], key, os.urandom(NONCE_BYTES), key_id.encode()))

    async def unwrap(self, wrapped: WrappedByVault) -> bytes:
        with self.steps.take("vault.unwrap"):
            known = {f"kek-{number}": kek for number, kek in enumerate(self.keks, 1)}
            try:
                return unwrap_key(known[wrapped.key_id], wrapped.wrapped, wrapped.key_id.encode())
            except (KeyError, Unreadable) as error:
                raise VaultFailed(f"no version {wrapped.key_id} of the key unwraps it") from error

    async def public_key(self) -> bytes:
        with self.steps.take("vault.public_key"):
            return self.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    async def sign(self, message: bytes) -> bytes:
        with self.steps.take("vault.sign"):
            return self.signing.sign(message, ec.ECDSA(SHA256()))


@dataclass
class SteppedRows(MemoryRows):
    """Documents in memory, whose calls count as steps."""

    steps: Steps = field(default_factory=Steps)

    async def read(self, partition: str, key: str) -> Row | None:
        with self.steps.take("rows.read"):
            return await super().read(partition, key)

    async def list(self, partition: str) -> list[Row]:
        with self.steps.take("rows.list"):
            return await super().list(partition)

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        with self.steps.take("rows.insert"):
            await super().insert(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        with self.steps.take("rows.replace"):
            await super().replace(partition, row, document)

    async def delete(self, partition: str, row: Row) -> None:
        with self.steps.take("rows.delete"):
            await super().delete(partition, row)


class NoSealing:
    """Starts no orchestration."""

    async def start(self, client: Any, instance: str, order: Mapping[str, Any]) -> bool:
        return False

    async def purge(self, client: Any, until: datetime) -> int:
        return 0


def memory_trail(lake: Lake) -> TrailPorts:
    """Ports of a trail with nothing in it, beside a lake."""
    return TrailPorts(
        lake=lake,
        lanes=MemoryLanes(),
        record_keys=MemoryRecordKeys(),
        index=MemoryIndex(),
        vault=MemoryVault(),
        keyring_rows=MemoryRows(),
        subject_rows=MemoryRows(),
        witness_rows=MemoryRows(),
        erasure_rows=MemoryRows(),
        note_rows=MemoryRows(),
        old_reservations=MemoryReservations(),
        sealing=NoSealing(),
    )
