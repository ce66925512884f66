"""Storage in memory, for benchmarks only: what Vouch costs without its ledger. The app has no such switch."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from audit.ids import mint_id
from audit.lanes import pack_record, unpack_event
from audit.records import Record
from flows.errors import AlreadyReserved, Superseded
from flows.ports import Reservation, Row
from scoring.release import Release

LANE = 0x0001
KEPT_RECORDS = 1_000


class MemoryLedger:
    """Packs each record as the real ledger does and keeps the last thousand. Nothing is durable."""

    def __init__(self) -> None:
        self._payloads: dict[UUID, bytes] = {}
        self._last: UUID | None = None

    async def mint(self) -> UUID:
        self._last = mint_id(time.time_ns() // 1_000_000, secrets.randbits(64), LANE, self._last)
        return self._last

    async def append(self, record: Record) -> None:
        self._payloads[record.record_id] = pack_record(record).payload
        if len(self._payloads) > KEPT_RECORDS:
            del self._payloads[next(iter(self._payloads))]

    async def find(self, record_id: UUID) -> Mapping[str, object] | None:
        payload = self._payloads.get(record_id)
        return None if payload is None else unpack_event({"event": payload})


class MemoryReservations:
    """Reservations as rows of a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Reservation]] = {}

    async def insert(self, partition: str, rows: Sequence[Reservation]) -> None:
        standing = self._rows.setdefault(partition, {})
        if any(row.key in standing for row in rows):
            raise AlreadyReserved
        standing.update({row.key: row for row in rows})

    async def read(self, partition: str) -> list[Reservation]:
        return list(self._rows.get(partition, {}).values())

    async def replace(self, partition: str, row: Reservation) -> None:
        self._rows[partition][row.key] = row


class MemoryReleases:
    """Releases as a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, Release] = {}

    async def read(self, model: str) -> Release | None:
        return self._rows.get(model)

    async def create(self, release: Release) -> None:
        if release.model in self._rows:
            raise Superseded
        self._rows[release.model] = release

    async def replace(self, release: Release, expected_generation: int) -> None:
        if self._rows[release.model].generation != expected_generation:
            raise Superseded
        self._rows[release.model] = release


class MemoryRows:
    """Documents as rows of a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self._writes = 0

    async def read(self, partition: str, key: str) -> Row | None:
        return self._rows.get((partition, key))

    async def list(self, partition: str) -> list[Row]:
        return [row for (standing, _), row in sorted(self._rows.items()) if standing == partition]

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        if (partition, key) in self._rows:
            raise Superseded
        self._put(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        if self._rows[partition, row.key].etag != row.etag:
            raise Superseded
        self._put(partition, row.key, document)

    async def delete(self, partition: str, row: Row) -> None:
        self._rows.pop((partition, row.key), None)

    def _put(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        self._writes += 1
        self._rows[partition, key] = Row(key, document, str(self._writes))
