"""Write one audit record: mint an id, build, append; again in a new lane where one was closed.

Written `once` for a key, a record is the same record however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from audit.counters import Tally
from audit.records import SALT_BYTES, Record, RecordType, build_record, digest_of_event
from flows.errors import LaneClosed, LedgerUnavailable
from flows.idempotency import Claim, Idempotency
from flows.ports import Clock, Entropy, Ledger
from flows.times import format_time

MAX_LANES = 3


async def append_record(
    ledger: Ledger,
    record_id: UUID,
    build: Callable[[UUID], Record],
    move: Callable[[UUID], Awaitable[None]] | None = None,
) -> Record:
    """Append what `build` makes of an id; where its lane was closed, with a new id, which `move` is told first.

    Raises LedgerBusy or LedgerUnavailable."""
    for _ in range(MAX_LANES):
        record = build(record_id)
        try:
            await ledger.append(record)
        except LaneClosed:
            record_id = await ledger.mint()
            if move is not None:
                await move(record_id)
        else:
            return record
    raise LedgerUnavailable("every lane was closed before the record was written")


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be recorded besides decisions; `personal` is all of it that says something about a person."""

    kind: RecordType
    data: Mapping[str, object]
    personal: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Noted:
    """The receipt of a record. `replayed`: an earlier call had recorded the same."""

    record_id: str
    record_digest: str
    replayed: bool


class WriteRecord:
    """Writes notes: labels, reviews, refusals, reads, changes."""

    def __init__(self, region: str, ledger: Ledger, idempotency: Idempotency, clock: Clock, entropy: Entropy) -> None:
        self._region = region
        self._ledger = ledger
        self._idempotency = idempotency
        self._clock = clock
        self._entropy = entropy

    async def __call__(self, note: Note) -> Noted:
        """Record a note. Raises LedgerBusy or LedgerUnavailable."""
        return await self._append(note, await self._ledger.mint())

    async def once(self, note: Note, partition: str, key: str) -> Noted:
        """Record a note once for a key, whoever asks how often; the first answer is everybody's."""
        record_id = await self._ledger.mint()
        claim = await self._idempotency.claim(partition, key, {key: record_id})
        if key in claim.done:
            event = claim.done[key]
            return Noted(str(event["id"]), digest_of_event(event), replayed=True)
        return await self._append(note, record_id, claim)

    async def _append(self, note: Note, record_id: UUID, claim: Claim | None = None) -> Noted:
        async def move(moved_id: UUID) -> None:
            if claim is not None:
                await self._idempotency.move(claim, next(iter(claim.held)), moved_id)

        record = await append_record(self._ledger, record_id, lambda minted: self._build(note, minted), move)
        return Noted(str(record.record_id), record.digest, replayed=False)

    def _build(self, note: Note, record_id: UUID) -> Record:
        return build_record(
            record_id=record_id,
            kind=note.kind,
            region=self._region,
            time=format_time(self._clock.now()),
            data=note.data,
            personal=note.personal,
            salt=self._entropy.token_hex(SALT_BYTES),
            tally=Tally(record_type=note.kind.value),
        )
