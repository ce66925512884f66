"""Erase a person, or one decision: what was recorded of them up to now can't be read again, by anybody.

    ordered    1. whoever is held, or shares a record with somebody who is, is not erased: deferred until the release
               2. their records that are not sealed yet, and the index rows of their deal ids, are noted, while what
                  names them can still be read
               3. the tombstone: the subject's key is destroyed, and whatever is sealed from now on, of the time
                  before, is sealed without `personal`
    erasing    4. the act is recorded, with a salted commitment to whom it was
               5. the ledger's rows are blanked, the keys of the records and of what speaks of them destroyed
    pending    6. once what was unsealed then is sealed: 5. again, for whatever was being sealed meanwhile, and the
                  index rows go
    complete

Each step can be done again, and the erasure goes on where it stopped: by the next call, or by the timer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from audit.ids import time_of
from audit.personal import DEAL, handle_of
from audit.records import RecordType
from audit.windows import Window, window_of
from flows.calls import Call
from flows.errors import Superseded
from flows.keys.keyring import Keyring
from flows.keys.subject_keys import CLOCK_SKEW_MS, SubjectHeld, SubjectKeys
from flows.ports import Clock, Entropy
from flows.privacy.erasure_log import Erasure, ErasureLog, Stage
from flows.privacy.forget_records import ForgetRecords
from flows.privacy.legal_holds import LegalHolds
from flows.records.mentions import FindMentions, Mentions
from flows.records.read_records import ReadRecords
from flows.records.unsealed import Unsealed
from flows.times import format_time
from flows.trail_ports import TrailIndex
from flows.write_record import Note, WriteRecord

SALT_BYTES = 16
RECORDS_AT_ONCE = 200


def commit_to(salt: str, subject: str) -> str:
    """The commitment to a subject's id, which nobody can guess without the salt (hex)."""
    return f"sha256:{sha256(bytes.fromhex(salt) + subject.encode(errors='surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Ordered:
    """How far an erasure has come. `salt` is the requester's receipt: with it the commitment shows for whom it was."""

    erasure: Erasure
    commitment: str
    salt: str


@dataclass(frozen=True, slots=True)
class Erasing:
    """What an erasure works on."""

    log: ErasureLog
    holds: LegalHolds
    mentions: FindMentions
    subject_keys: SubjectKeys
    keyring: Keyring
    index: TrailIndex
    unsealed: Unsealed
    records: ReadRecords
    forget: ForgetRecords
    write: WriteRecord
    clock: Clock
    entropy: Entropy
    window_s: int


class EraseSubject:
    def __init__(self, at: Erasing) -> None:
        self._at = at

    async def __call__(self, call: Call, subject: str, reason: str) -> Ordered:
        """Erase somebody, known or not. Raises StorageFailed, VaultFailed, or what recording it raises: calling again
        goes on."""
        at = self._at
        who, salt, now = await at.mentions.who(subject), at.entropy.token_hex(SALT_BYTES), at.clock.now()
        erasure = Erasure(
            erasure_id=at.entropy.token_hex(SALT_BYTES),
            order_id=at.entropy.token_hex(SALT_BYTES),
            handle=who.handle,
            decision_id=str(who.decision_id) if who.decision_id else "",
            commitment=(commitment := commit_to(salt, subject)),
            caller=call.caller.id,
            request_id=call.request_id,
            ordered_at=format_time(now),
            at_ms=int(now.timestamp() * 1000),
        )
        return Ordered(await self.carry_on(await at.log.order(erasure), reason), commitment, salt)

    async def carry_on(self, erasure: Erasure, reason: str = "") -> Erasure:
        """Take an erasure as far as it goes now. `reason` is known only to whoever ordered it."""
        try:
            return await self._carry_on(erasure, reason)
        except Superseded:  # another call ordered it anew, or carries it on
            return await self._at.log.find(erasure.erasure_id) or erasure

    async def _carry_on(self, erasure: Erasure, reason: str) -> Erasure:
        if erasure.stage in {Stage.ORDERED, Stage.DEFERRED}:
            erasure = await self._begin(erasure, reason)
        if erasure.stage is Stage.ERASING:
            erasure = await self._erase(erasure, reason)
        if erasure.stage in {Stage.PENDING, Stage.COMPLETE}:
            erasure = await self._finish(erasure)
        return erasure

    async def _begin(self, standing: Erasure, reason: str) -> Erasure:
        at, erasure = self._at, standing
        if standing.stage is Stage.DEFERRED:  # it is of the time at which it is carried out
            erasure = replace(standing, at_ms=int(at.clock.now().timestamp() * 1000))
        elif (await at.subject_keys.erased_at(erasure.handle) or 0) >= erasure.at_ms:
            return await at.log.save(standing, replace(erasure, stage=Stage.ERASING))  # an earlier try came so far
        if standing.waits_for and await at.holds.stands(standing.waits_for):
            return standing
        found = await at.mentions.of(erasure.who)
        shared = await at.holds.shared(found, _is_meant(erasure))
        if shared or await at.holds.is_held(erasure.who):
            return await self._defer(standing, shared, reason)
        erasure = await self._note_links(replace(erasure, stage=Stage.ORDERED), found)
        ordered = await at.log.save(standing, erasure)
        try:
            await at.subject_keys.erase(ordered.handle, ordered.at_ms)
        except SubjectHeld:
            return await self._defer(ordered, {}, reason)
        return await at.log.save(ordered, replace(ordered, stage=Stage.ERASING))

    async def _defer(self, standing: Erasure, shared: Mapping[str, Set[UUID]], reason: str) -> Erasure:
        """Put it off. That is recorded once, by whoever ordered it."""
        kept, waits_for = set().union(*shared.values()), min(shared, default="")
        deferred = replace(standing, stage=Stage.DEFERRED, shared=len(kept), waits_for=waits_for)
        if standing.stage is not Stage.DEFERRED and reason:
            await self._record(RecordType.SUBJECT_DEFERRED, deferred, reason)
        return await self._at.log.save(standing, deferred)

    async def _erase(self, standing: Erasure, reason: str) -> Erasure:
        await self._record(RecordType.SUBJECT_ERASED, standing, reason)
        found = await self._sweep(standing)
        times_ms = [standing.at_ms + CLOCK_SKEW_MS, *map(time_of, found.unsealed)]
        until = max(window_of(time_ms, self._at.window_s) for time_ms in times_ms)
        pending = replace(standing, stage=Stage.PENDING, until=until.start_s if found.records else 0)
        return await self._at.log.save(standing, pending)

    async def _finish(self, standing: Erasure) -> Erasure:
        """Close it, if everything that was unsealed then is sealed."""
        at = self._at
        if standing.stage is Stage.PENDING:
            if not await self._is_sealed(standing):
                return standing
            found = await self._sweep(standing)
            mine = [(standing.handle, record_id) for record_id in found.records]
            await at.index.remove([*mine, *await at.log.links(standing)])
        completed_at = standing.completed_at or format_time(at.clock.now())
        return await at.log.complete(standing, replace(standing, stage=Stage.COMPLETE, completed_at=completed_at))

    async def _is_sealed(self, erasure: Erasure) -> bool:
        if not erasure.until:
            return True
        until = Window(erasure.until, self._at.window_s)
        is_over = self._at.clock.now().timestamp() >= until.end_s
        return is_over and not await self._at.unsealed.lanes(until)

    async def _sweep(self, erasure: Erasure) -> Mentions:
        """Forget what there is of the time up to the erasure, and whatever speaks of it; what was found."""
        noted = {record_id for _, record_id in await self._at.log.links(erasure)}
        found = await self._at.mentions.of(erasure.who, noted)
        is_meant = _is_meant(erasure)
        found.records = {record_id for record_id in found.records if is_meant(record_id)}
        about = {one for record_id in found.records for one in found.about.get(record_id, ())}
        found.unsealed &= found.records | about
        await self._at.forget(found.records | about)
        return found

    async def _note_links(self, erasure: Erasure, found: Mentions) -> Erasure:
        """Keep which index rows are to go, and count the records that there are. Of one that lies offline nobody can
        tell the deal's id: its index row stays, and leads to what can't be read."""
        key, is_meant = await self._at.keyring.index_key(), _is_meant(erasure)
        unsealed = set(filter(is_meant, found.records & found.unsealed))
        links = {(erasure.handle, record_id) for record_id in unsealed}
        links |= {link for link in found.links if is_meant(link[1])}
        records, archived = len(unsealed), 0
        for ids in _in_batches(sorted(filter(is_meant, found.records - found.unsealed))):
            read = await self._at.records.find_all(ids)
            records, archived = records + len(read.opened), archived + len(read.archived)
            for record_id, opened in read.opened.items():
                if deal_id := opened.personal.get("deal_id"):
                    links.add((handle_of(key, DEAL, deal_id), record_id))
        await self._at.log.note_links(erasure, links)
        return replace(erasure, records=max(erasure.records, records + archived), archived=archived)

    async def _record(self, kind: RecordType, erasure: Erasure, reason: str) -> None:
        """Record the act, once for each order of it and each time that it was put off."""
        data: dict[str, object] = {
            "erasure_id": erasure.erasure_id,
            "commitment": erasure.commitment,
            "caller": erasure.caller,
            "request_id": erasure.request_id,
        }
        if kind is RecordType.SUBJECT_DEFERRED:
            data["shared_records"] = erasure.shared
        note = Note(kind, data, {"reason": reason} if reason else {})
        await self._at.write.once(note, f"erasure-{erasure.erasure_id}", f"{kind.value}-{erasure.at_ms}")


def _is_meant(erasure: Erasure) -> Callable[[UUID], bool]:
    """Whether a record is of the time that is erased; a decision that is named is in any case."""
    decision_id = erasure.who.decision_id
    return lambda record_id: record_id == decision_id or time_of(record_id) <= erasure.at_ms + CLOCK_SKEW_MS


def _in_batches(record_ids: list[UUID]) -> Iterable[list[UUID]]:
    return (record_ids[at : at + RECORDS_AT_ONCE] for at in range(0, len(record_ids), RECORDS_AT_ONCE))
