"""Reservations: the same request twice is one record.

A reservation row names the record that will stand for a key, with a lease. "Done" is never written: it means that
the ledger has the record. After the lease, which outlasts every write that could still land, another call may take
the reservation over with a new id.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import ceil
from uuid import UUID

from flows.errors import (
    AlreadyReserved,
    IdempotencyMismatch,
    IdempotencyRunning,
    LedgerUnavailable,
    StorageFailed,
    Superseded,
)
from flows.ports import Clock, Ledger, Reservation, Reservations


@dataclass(frozen=True, slots=True)
class Claim:
    """`held`: keys that are now ours; `done`: events that an earlier call recorded, by key."""

    partition: str
    held: dict[str, UUID] = field(default_factory=dict)
    done: dict[str, Mapping[str, object]] = field(default_factory=dict)


class Idempotency:
    """`secret` keys the HMACs, so that a row tells nothing of a request; `lease_s` is in seconds."""

    def __init__(self, reservations: Reservations, ledger: Ledger, clock: Clock, secret: bytes, lease_s: float) -> None:
        self._reservations = reservations
        self._ledger = ledger
        self._clock = clock
        self._secret = secret
        self._lease = timedelta(seconds=lease_s)

    def digest(self, *parts: str | bytes) -> str:
        """HMAC-SHA-256 (hex) over length-prefixed parts."""
        mac = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in parts:
            raw = part.encode() if isinstance(part, str) else part
            mac.update(len(raw).to_bytes(8, "big") + raw)
        return mac.hexdigest()

    async def claim(self, partition: str, fingerprint: str, wanted: Mapping[str, UUID]) -> Claim:
        """Reserve every wanted key for its record id, or say what was recorded for it before.

        Raises IdempotencyMismatch, IdempotencyRunning, or LedgerUnavailable where storage fails."""
        claim = Claim(partition)
        try:
            await self._insert(claim, fingerprint, wanted)
        except AlreadyReserved:
            await self._settle(claim, fingerprint, wanted)
        except StorageFailed as error:
            raise LedgerUnavailable("the reservation could not be written") from error
        return claim

    async def move(self, claim: Claim, key: str, record_id: UUID) -> None:
        """Let another record id stand for a key that is ours, because its lane was closed."""
        try:
            for row in await self._reservations.read(claim.partition):
                if row.key == key and row.record_id == claim.held[key]:
                    await self._take_over(claim, row, record_id)
                    return
        except (StorageFailed, Superseded) as error:
            raise LedgerUnavailable("the reservation could not be moved") from error
        raise LedgerUnavailable("the reservation was taken over by another call")

    async def _insert(self, claim: Claim, fingerprint: str, wanted: Mapping[str, UUID]) -> None:
        expires_at = self._clock.now() + self._lease
        rows = [Reservation(key, fingerprint, record_id, expires_at) for key, record_id in wanted.items()]
        await self._reservations.insert(claim.partition, rows)
        claim.held.update(wanted)

    async def _settle(self, claim: Claim, fingerprint: str, wanted: Mapping[str, UUID]) -> None:
        try:
            standing = {row.key: row for row in await self._reservations.read(claim.partition) if row.key in wanted}
            if any(row.fingerprint != fingerprint for row in standing.values()):
                raise IdempotencyMismatch
            for row in standing.values():
                await self._settle_one(claim, row, wanted[row.key])
            missing = {key: record_id for key, record_id in wanted.items() if key not in standing}
            if missing:
                await self._insert(claim, fingerprint, missing)
        except (AlreadyReserved, Superseded) as error:
            raise IdempotencyRunning(ceil(self._lease.total_seconds())) from error
        except StorageFailed as error:
            raise LedgerUnavailable("the reservation could not be read") from error

    async def _settle_one(self, claim: Claim, row: Reservation, record_id: UUID) -> None:
        # The lease is looked at before the ledger: a write that could land later is under a lease still running.
        remaining = (row.expires_at - self._clock.now()).total_seconds()
        event = await self._ledger.find(row.record_id)
        if event is not None:
            claim.done[row.key] = event
        elif remaining > 0:
            raise IdempotencyRunning(ceil(remaining))
        else:
            await self._take_over(claim, row, record_id)

    async def _take_over(self, claim: Claim, row: Reservation, record_id: UUID) -> None:
        expires_at = self._clock.now() + self._lease
        await self._reservations.replace(claim.partition, replace(row, record_id=record_id, expires_at=expires_at))
        claim.held[row.key] = record_id
