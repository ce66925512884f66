"""Little real implementations of the ports, in memory, that can be told to fail."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from audit.counters import Counters
from audit.records import Record
from flows.errors import AlreadyReserved, StorageFailed, Superseded
from flows.ports import Kept, Reservation, Row
from flows.trail_ports import Swept
from scoring.faults import Fault
from scoring.features import EncodedRow, Feature, Key, Kind, LookedUp, Source
from scoring.lookups import NOTHING, Lookups, Tables
from scoring.policy import Policy
from scoring.release import Release


class FakeClock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 21, 0, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


class CountingEntropy:
    """A different salt each time, the same ones every run."""

    def __init__(self) -> None:
        self.count = 0

    def token_hex(self, size: int) -> str:
        self.count += 1
        return f"{self.count:0{size * 2}x}"


@dataclass
class MemoryLedger:
    """`failures` are raised by the next appends, in order; None lets one through."""

    records: dict[UUID, Record] = field(default_factory=dict)
    failures: list[Exception | None] = field(default_factory=list)
    read_failure: Exception | None = None
    minted: list[UUID] = field(default_factory=list)

    async def mint(self) -> UUID:
        self.minted.append(UUID(int=0x0192F0C1_0000_7000_8000_000000000000 + len(self.minted)))
        return self.minted[-1]

    async def append(self, record: Record) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        assert record.record_id not in self.records, "an id was appended twice"
        self.records[record.record_id] = record

    async def find(self, record_id: UUID) -> Mapping[str, object] | None:
        if self.read_failure is not None:
            raise self.read_failure
        record = self.records.get(record_id)
        return record.event if record else None

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        return [record.event for record in self.records.values() if record.event["type"] == kind]


@dataclass
class MemoryCounters:
    """What the records of a ledger in memory add up to, whenever they were written."""

    ledger: MemoryLedger
    failure: StorageFailed | None = None

    async def read(self, since: datetime) -> Counters:
        if self.failure is not None:
            raise self.failure
        counters = Counters()
        for record in self.ledger.records.values():
            counters.add(record.tally)
        return counters


@dataclass
class MemoryReservations:
    rows: dict[str, dict[str, Reservation]] = field(default_factory=dict)
    failure: StorageFailed | None = None

    async def insert(self, partition: str, rows: Sequence[Reservation]) -> None:
        self._fail()
        standing = self.rows.setdefault(partition, {})
        if any(row.key in standing for row in rows):
            raise AlreadyReserved
        standing.update({row.key: replace(row, etag=str(uuid4())) for row in rows})

    async def read(self, partition: str) -> list[Reservation]:
        self._fail()
        return [row for _, row in sorted(self.rows.get(partition, {}).items())]

    async def replace(self, partition: str, row: Reservation) -> None:
        self._fail()
        if self.rows[partition][row.key].etag != row.etag:
            raise Superseded
        self.rows[partition][row.key] = replace(row, etag=str(uuid4()))

    async def sweep(self, until: datetime, following: str, pages: int) -> Swept:
        """A page is a partition."""
        self._fail()
        left, deleted = sorted(name for name in self.rows if name >= following), 0
        for partition in left[:pages]:
            expired = [key for key, row in self.rows[partition].items() if row.expires_at < until]
            for key in expired:
                del self.rows[partition][key]
            deleted += len(expired)
        return Swept(deleted, left[pages] if len(left) > pages else "")

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class MemoryReleases:
    rows: dict[str, Release] = field(default_factory=dict)
    failure: StorageFailed | None = None
    reads: int = 0

    async def read(self, model: str) -> Release | None:
        self.reads += 1
        self._fail()
        return self.rows.get(model)

    async def create(self, release: Release) -> None:
        self._fail()
        if release.model in self.rows:
            raise Superseded
        self.rows[release.model] = release

    async def replace(self, release: Release, expected_generation: int) -> None:
        self._fail()
        if self.rows[release.model].generation != expected_generation:
            raise Superseded
        self.rows[release.model] = release

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class MemoryRows:
    """Documents in memory; `failure` is raised by every call while it is set, `failure_of_writes` by every write."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    failure: StorageFailed | None = None
    failure_of_writes: StorageFailed | None = None

    async def read(self, partition: str, key: str) -> Row | None:
        self._fail()
        return self.rows.get((partition, key))

    async def list(self, partition: str) -> list[Row]:
        self._fail()
        return [row for (standing, _), row in sorted(self.rows.items()) if standing == partition]

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        self._fail()
        if (partition, key) in self.rows:
            raise Superseded
        self._put(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        self._fail()
        standing = self.rows.get((partition, row.key))
        if standing is None or standing.etag != row.etag:
            raise Superseded
        self._put(partition, row.key, document)

    async def delete(self, partition: str, row: Row) -> None:
        self._fail()
        standing = self.rows.get((partition, row.key))
        if standing is not None and standing.etag != row.etag:
            raise Superseded
        self.rows.pop((partition, row.key), None)

    def _put(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        if self.failure_of_writes is not None:
            raise self.failure_of_writes
        copied = json.loads(json.dumps(document))
        self.rows[partition, key] = Row(key, copied, str(uuid4()))

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class RuleModel:
    """A model that is a rule: the score is the feature `amount` divided by 1,000. `broken` makes it fail."""

    datasets: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()

    def __init__(self, version: str, shift: float = 0.0) -> None:
        self.name = "deal-fraud"
        self.version = version
        self.digest = f"sha256:{version}"
        self.manifest: Mapping[str, object] = {"name": self.name, "version": version}
        self.features: tuple[Feature, ...] = (Feature("amount", Kind.NUMERIC), Feature("age", Kind.NUMERIC))
        self.takes = frozenset({"amount", "age"})
        self.golden: tuple[Mapping[str, object], ...] = ()
        self.broken = False
        self.accepts_anything = False
        self.calls: list[int] = []
        self._shift = shift

    def look_up(self, features: Mapping[str, object], tables: Tables) -> LookedUp:
        return NOTHING

    def encode(self, features: Mapping[str, object], looked_up: LookedUp = NOTHING) -> tuple[EncodedRow, list[Fault]]:
        unknown = [name for name in features if name not in {"amount", "age"} and not self.accepts_anything]
        faults = [Fault(f"/features/{name}", "Unknown feature.") for name in unknown]
        values = tuple(float(str(features.get(name, "nan"))) for name in ("amount", "age"))
        imputed = tuple(name for name in ("amount", "age") if name not in features)
        return EncodedRow(values=values, imputed=imputed), faults

    def score(self, row: Sequence[float]) -> float:
        return self.score_many([row])[0]

    def score_many(self, rows: Sequence[Sequence[float]]) -> list[float]:
        self.calls.append(len(rows))
        if self.broken:
            raise RuntimeError("the model broke")
        return [min(1.0, row[0] / 1000 + self._shift) for row in rows]

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        if self.broken:
            raise RuntimeError("the model broke")
        return (row[0] / 1000, -0.01, -2.0)

    def risk_score(self, score: float) -> int:
        return round(score * 1000)


class LookupModel(RuleModel):
    """A rule that looks `claims` up by the key `agent` in the dataset `agents`: each adds a hundredth to the score."""

    def __init__(self, version: str, shift: float = 0.0, column: str = "claims_last_year") -> None:
        super().__init__(version, shift)
        claims = Feature("claims", Kind.NUMERIC, source=Source("agents", column, "agent"))
        self.features = (*self.features, claims)
        self.keys = (Key("agent"),)
        self.takes |= {"agent"}
        self._lookups = Lookups(self.features, self.keys)
        self.datasets = self._lookups.datasets

    def look_up(self, features: Mapping[str, object], tables: Tables) -> LookedUp:
        return self._lookups.look_up(features, tables)

    def encode(self, features: Mapping[str, object], looked_up: LookedUp = NOTHING) -> tuple[EncodedRow, list[Fault]]:
        return self._lookups.encode(features, looked_up)

    def score_many(self, rows: Sequence[Sequence[float]]) -> list[float]:
        known = [0.0 if math.isnan(row[2]) else row[2] for row in rows]
        return [score + claims / 100 for score, claims in zip(super().score_many(rows), known, strict=True)]

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        amount, age, base = super().contributions(row)
        return (amount, age, 0.0 if math.isnan(row[2]) else row[2], base)


@dataclass
class MemoryModels:
    held: list[RuleModel]
    kept: list[RuleModel] = field(default_factory=list)
    failure: Exception | None = None
    dropped: set[tuple[str, str]] = field(default_factory=set)

    def names(self) -> Sequence[str]:
        return sorted({model.name for model in self.held})

    def versions(self, name: str) -> Sequence[str]:
        return [model.version for model in self.held if model.name == name]

    def find(self, name: str, version: str) -> Any:
        return next((m for m in self.held if m.name == name and m.version == version), None)

    def is_bundled(self, name: str, version: str) -> bool:
        return self.find(name, version) is not None

    def bundled_files(self, name: str, version: str) -> dict[str, bytes] | None:
        return None

    async def load(self, name: str, version: str) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.find(name, version) or self._load_kept(name, version)

    def hold(self, model: Any) -> None:
        self.held.append(model)

    def keep_only(self, named: Collection[tuple[str, str]]) -> None:
        self.dropped = {(m.name, m.version) for m in self.held} - set(named)

    def _load_kept(self, name: str, version: str) -> Any:
        """A version that isn't in memory yet, but is kept in the region."""
        found = next((m for m in self.kept if m.name == name and m.version == version), None)
        if found is not None:
            self.held.append(found)
        return found


class OnePolicy:
    """Review from 500, decline from 800."""

    def find(self, policy: str) -> Policy | None:
        return Policy("standard", "1", review_from=500, decline_from=800) if policy == "standard/1" else None

    def names(self) -> list[str]:
        return ["standard/1"]

    def is_bundled(self, policy: str) -> bool:
        return self.find(policy) is not None

    def bundled_document(self, policy: str) -> bytes | None:
        return None

    async def load(self, policy: str) -> Policy | None:
        return self.find(policy)

    def hold(self, policy: Policy) -> Policy:
        return policy


@dataclass
class MemoryBundles:
    """Versions kept in memory; `failure` is raised by every call while it is set."""

    versions: dict[tuple[str, str, str], tuple[Kept, dict[str, bytes]]] = field(default_factory=dict)
    failure: StorageFailed | None = None

    async def find(self, kind: str, name: str, version: str) -> Kept | None:
        self._fail()
        found = self.versions.get((kind, name, version))
        return found[0] if found else None

    async def read(self, kept: Kept) -> dict[str, bytes]:
        self._fail()
        return next(files for standing, files in self.versions.values() if standing == kept)

    async def write(self, kind: str, name: str, version: str, files: Mapping[str, bytes], digest: str) -> None:
        self._fail()
        kept = Kept(digest, {file: hashlib.sha256(content).hexdigest() for file, content in files.items()})
        if self.versions.setdefault((kind, name, version), (kept, dict(files)))[0] != kept:
            raise Superseded

    async def list(self, kind: str) -> list[tuple[str, str]]:
        self._fail()
        return sorted((name, version) for found, name, version in self.versions if found == kind)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
