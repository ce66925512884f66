"""What the flows need from outside, as small Protocols. `adapters/` implements them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from audit.counters import Counters
from audit.records import Record
from scoring.model import Model
from scoring.policy import Policy
from scoring.release import Release


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""


class Ledger(Protocol):
    """The region's append-only log of audit records (design section 4)."""

    async def mint(self) -> UUID:
        """A new record id (UUIDv7 whose last two bytes are this instance's lane in the current window).

        Claims a lane where there is none. Raises LedgerUnavailable."""

    async def append(self, record: Record) -> None:
        """Return once the record is durable.

        Raises LaneClosed (nothing written; mint anew), LedgerBusy (nothing written) or LedgerUnavailable (unknown).
        """

    async def find(self, record_id: UUID) -> Mapping[str, object] | None:
        """The recorded event, or None. Raises StorageFailed."""


class CounterLog(Protocol):
    """What the ledger has counted."""

    async def read(self, since: datetime) -> Counters:
        """The counters of everything committed from the minute of `since` on. Raises StorageFailed."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A promise that one record will stand for a key. Whether it was kept, the ledger knows."""

    key: str
    fingerprint: str
    record_id: UUID
    expires_at: datetime
    etag: str = ""


class Reservations(Protocol):
    async def insert(self, partition: str, rows: Sequence[Reservation]) -> None:
        """Insert all rows or none (insert-only). Raises AlreadyReserved or StorageFailed."""

    async def read(self, partition: str) -> list[Reservation]:
        """Every reservation of the partition, by key. Raises StorageFailed."""

    async def replace(self, partition: str, row: Reservation) -> None:
        """Take a reservation over (If-Match on `row.etag`). Raises Superseded or StorageFailed."""


class ReleaseStore(Protocol):
    """The rows that say what this region serves, one a model."""

    async def read(self, model: str) -> Release | None:
        """The row, or None where storage says that there is none. Raises StorageFailed."""

    async def create(self, release: Release) -> None:
        """Insert-only. Raises Superseded where a row stands, or StorageFailed."""

    async def replace(self, release: Release, expected_generation: int) -> None:
        """Change the row. Raises Superseded where its generation is another, or StorageFailed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document as it was read; `etag` says which of its versions."""

    key: str
    document: Mapping[str, Any]
    etag: str


class Rows(Protocol):
    """Small JSON documents by partition and key, changed only by who has seen the newest."""

    async def read(self, partition: str, key: str) -> Row | None:
        """The row, or None where storage says that there is none. Raises StorageFailed."""

    async def list(self, partition: str) -> list[Row]:
        """Every row of a partition, by key. Raises StorageFailed."""

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        """Insert-only. Raises Superseded where a row stands, or StorageFailed."""

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        """Replace the row as it was read. Raises Superseded where it has changed since, or StorageFailed."""

    async def delete(self, partition: str, row: Row) -> None:
        """Delete the row as it was read; nothing where it is gone. Raises Superseded where it has changed since, or
        StorageFailed."""


@dataclass(frozen=True, slots=True)
class RegionAnswer:
    """What another region answered: status and decoded JSON body."""

    status: int
    body: Mapping[str, Any]


class RegionUnreachable(Exception):
    """No whole answer came from a region; what was asked may have been done. The message says
    what came instead and what to see to, and leaves it to the reader to name the region."""


class RegionCalls(Protocol):
    """The other regions' HTTPS endpoints, called with this app's own identity."""

    async def __call__(
        self,
        region: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RegionAnswer:
        """Ask once. `path` starts with a slash. Raises RegionUnreachable."""


class Documents(Protocol):
    """Small documents kept in the region's storage; the last write stands."""

    async def read(self, name: str) -> bytes | None:
        """The document, or None where there is none. Raises StorageFailed."""

    async def write(self, name: str, document: bytes) -> None:
        """Write or replace the document. Raises StorageFailed."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of the lake; `size` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class LakePage:
    """A page of a list; `next` is what the following one is asked for with, empty at the end."""

    files: Sequence[LakeFile]
    next: str


@dataclass(frozen=True, slots=True)
class Span:
    """Some bytes of a file, which has `total` of them."""

    content: bytes
    total: int


class Lake(Protocol):
    """The region's lake: files that are written once. Names are paths, as `docs/audit-trail.md` lays them out. A file
    that lies in an offline tier raises Archived where it is read."""

    async def read(self, name: str) -> bytes | None:
        """The file, or None where there is none. Raises StorageFailed."""

    def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The file from a byte on, in pieces of at most 4 MiB; nothing where there is none. Raises StorageFailed."""

    async def create(self, name: str, content: bytes) -> bool:
        """Write a file; False where one stands already, perhaps from a try of this very call. Raises StorageFailed."""

    async def create_from(self, name: str, parts: AsyncIterator[bytes]) -> bool:
        """Write a file part by part, each at most 100 MiB; False as above. Raises StorageFailed."""

    async def read_span(self, name: str, start: int, size: int) -> Span | None:
        """At most `size` bytes from a byte on, none past the end; None where there is no such file. Raises
        StorageFailed."""

    def list(self, prefix: str) -> AsyncIterator[LakeFile]:
        """Every file whose name starts so, in order of names. Raises StorageFailed."""

    async def list_page(self, prefix: str, after: str, most: int) -> LakePage:
        """The same, a page of at most `most` (up to 5,000) at a time. `after` is `next` of the page before, empty for
        the first. Raises ValueError for what is none, or StorageFailed."""


class Models(Protocol):
    """The model versions that this instance holds in memory, verified."""

    def names(self) -> Sequence[str]: ...

    def versions(self, name: str) -> Sequence[str]:
        """Oldest first; empty for an unknown name."""

    def find(self, name: str, version: str) -> Model | None: ...

    def is_bundled(self, name: str, version: str) -> bool:
        """Whether it came with the app."""

    def bundled_files(self, name: str, version: str) -> dict[str, bytes] | None:
        """The files of a version that came with the app."""

    async def load(self, name: str, version: str) -> Model | None:
        """The version, in memory; None where the region keeps none. Raises StorageFailed or InvalidBundle."""

    def hold(self, model: Model) -> None:
        """Hold a version that was verified just now."""

    def keep_only(self, named: Collection[tuple[str, str]]) -> None:
        """Drop every version that was loaded but these."""


class Policies(Protocol):
    def names(self) -> Sequence[str]:
        """Those in memory, as `name/version`."""

    def find(self, policy: str) -> Policy | None:
        """A policy by `name/version`."""

    def is_bundled(self, policy: str) -> bool:
        """Whether it came with the app."""

    def bundled_document(self, policy: str) -> bytes | None:
        """The file of a policy that came with the app."""

    async def load(self, policy: str) -> Policy | None:
        """The policy, in memory; None where the region keeps none. Raises StorageFailed or InvalidPolicy."""

    def hold(self, policy: Policy) -> Policy:
        """Hold a policy that was verified just now."""


MODELS_KIND, POLICIES_KIND = "models", "policies"
POLICY_FILE = "policy.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that is kept: its digest (`sha256:<hex>`) and the SHA-256 (hex) of its files, by name."""

    digest: str
    files: Mapping[str, str]


class BundleStore(Protocol):
    """Versions by content; `kind` is `models` or `policies`."""

    async def find(self, kind: str, name: str, version: str) -> Kept | None:
        """What a version is made of, or None. Raises StorageFailed."""

    async def read(self, kept: Kept) -> dict[str, bytes]:
        """The version's files, by name, each checked against its digest. Raises StorageFailed."""

    async def write(self, kind: str, name: str, version: str, files: Mapping[str, bytes], digest: str) -> None:
        """Keep a version, once. Raises Superseded where another one stands under its name, or StorageFailed."""

    async def list(self, kind: str) -> list[tuple[str, str]]:
        """Every version there is, as (name, version). Raises StorageFailed."""


class EngineFailed(Exception):
    """The engine did not do it now; the control timer will. Never shown."""


class Engine(Protocol):
    """What runs orchestrations, as far as requests need it."""

    async def start(self, client: Any, order: Mapping[str, Any]) -> None:
        """Start a rollout by its id; one that runs already is left alone. Raises EngineFailed."""

    async def rescue(self, client: Any, order: Mapping[str, Any], reason: str) -> None:
        """Take the regions back in place of an orchestration that broke. Raises EngineFailed."""

    async def status(self, client: Any, rollout_id: str) -> str:
        """`Running`, `Pending`, `Completed`, `Failed`, ...; empty where there is none. Raises EngineFailed."""

    async def purge(self, client: Any, until: datetime) -> int:
        """Delete the histories of what began before a time and has ended; how many. Raises EngineFailed."""

    async def nudge(self, client: Any, rollout_id: str) -> None:
        """Have it look at what people have said. Raises EngineFailed."""


class NotTaken(Exception):
    """Whoever was to be told did not take it; the message says why. Never shown."""


class Notifier(Protocol):
    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send once. Raises NotTaken."""


class Versions(Protocol):
    """Which versions there are, here or in the registry, and their digests."""

    async def model_digest(self, name: str, version: str) -> str | None:
        """`sha256:<hex>`, or None where there is no such version. Raises StorageFailed."""

    async def policy_digest(self, policy: str) -> str | None:
        """Of a policy by `name/version`; None where there is none. Raises StorageFailed."""


class Entropy(Protocol):
    def token_hex(self, size: int) -> str:
        """`size` random bytes as hex."""
