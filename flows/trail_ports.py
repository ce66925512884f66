"""What sealing, reading, erasing and purging the audit trail need from outside. `adapters/` implements them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from audit.counters import Counters
from audit.key_pages import KeyPage
from audit.lanes import Head
from audit.windows import Window


@dataclass(frozen=True, slots=True)
class RegisteredLane:
    """A lane of the registry; `is_sealed` once its window's manifest (or a correction) holds it."""

    window: Window
    lane: str
    is_sealed: bool


class Lanes(Protocol):
    """The ledger's lanes as the sealer sees them: whole partitions. Every method raises StorageFailed."""

    async def registered(self, first: Window, last: Window) -> list[RegisteredLane]:
        """Every lane registered in the windows from `first` to `last`, by window and lane."""

    async def oldest(self) -> Window | None:
        """The first window that has a registered lane; None where there is none."""

    async def fence(self, window: Window, lane: str) -> Head:
        """Let no more be written to a lane, and its head as it then stands for good. Where there is no head, an empty
        sealed one is inserted. Twice is harmless."""

    def rows(self, window: Window, lane: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The record rows of a lane in order of ids, as entities, a page (up to 1,000) at a time."""

    async def minutes(self, window: Window, lane: str) -> Counters:
        """The counters of a lane, all its minutes added up."""

    async def mark_sealed(self, window: Window, lane: str) -> None:
        """Note in the registry that a manifest holds the lane. Twice is harmless."""

    async def blank(self, record_id: UUID, payload: bytes) -> None:
        """Replace the event of a record's row by one without what was personal; nothing where the row is gone."""

    async def delete(self, window: Window, lane: str) -> None:
        """Delete a lane with all its rows, its row in the registry last. Twice is harmless."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many reservations were deleted, and what to go on with; empty at the end."""

    deleted: int
    following: str


class OldReservations(Protocol):
    """The reservations, as whoever purges sees them."""

    async def sweep(self, until: datetime, following: str, pages: int) -> Swept:
        """Delete the reservations that expired before a time and that nobody takes over meanwhile: so many pages of
        what is there, from `following` on (empty: from the start). Raises StorageFailed."""


class RecordKeys(Protocol):
    """The pages of record keys. Every method raises StorageFailed."""

    async def insert(self, page: KeyPage) -> KeyPage:
        """Write a page, insert-only, and answer the one that stands: an earlier try's keys are the keys."""

    async def find(self, record_id: UUID) -> KeyPage | None:
        """The page that may hold a record's key."""

    async def destroy(self, record_ids: Sequence[UUID]) -> None:
        """Destroy the keys of these records, those that have one. Twice is harmless."""


class TrailIndex(Protocol):
    """Where somebody or something is spoken of: handles to record ids. Every method raises StorageFailed."""

    async def add(self, entries: Sequence[tuple[str, UUID]]) -> None:
        """Write entries; those that stand already are the same."""

    async def find(self, handle: str) -> list[UUID]:
        """The records under a handle, in order of ids."""

    async def remove(self, entries: Sequence[tuple[str, UUID]]) -> None:
        """Delete entries. Twice is harmless."""


@dataclass(frozen=True, slots=True)
class WrappedByVault:
    """A key wrapped by the version `key_id` of the key-encryption key."""

    key_id: str
    wrapped: bytes


class VaultFailed(Exception):
    """The vault did not answer or refused. Never shown."""


class Vault(Protocol):
    """The region's key vault: the key-encryption key and the signing key never leave it. Raises VaultFailed."""

    async def newest_key_id(self) -> str:
        """The version of the key-encryption key that `wrap` uses."""

    async def wrap(self, key: bytes) -> WrappedByVault: ...

    async def unwrap(self, wrapped: WrappedByVault) -> bytes: ...

    async def public_key(self) -> bytes:
        """The signing key's public half, DER (SPKI), P-256."""

    async def sign(self, message: bytes) -> bytes:
        """ECDSA P-256 over SHA-256 of the message, ASN.1 DER."""
