"""Place and release legal holds on a person, or on one decision; both are recorded with a commitment to whom it was.

A hold counts from its answer on: an erasure that had set its tombstone before can't be taken back, so that the answer
says how many are under way. A release carries out the erasures that were waiting for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.records import RecordType
from flows.calls import Call
from flows.errors import NotFound
from flows.ports import Clock, Entropy
from flows.privacy.erase_subject import SALT_BYTES, commit_to
from flows.privacy.erasure_log import ErasureLog, Hold, Stage
from flows.privacy.finish_erasures import FinishErasures
from flows.privacy.legal_holds import LegalHolds
from flows.records.mentions import FindMentions
from flows.times import format_time
from flows.write_record import Note, WriteRecord


@dataclass(frozen=True, slots=True)
class Placed:
    """`holds` are all that stand on that person, `under_way` the erasures that may have gone too far to be stopped."""

    hold_id: str
    holds: Sequence[Hold]
    under_way: int
    commitment: str
    salt: str


@dataclass(frozen=True, slots=True)
class Released:
    """`holds` are those that still stand on that person, `carried_out` the erasures that had waited for this."""

    hold_id: str
    holds: Sequence[Hold]
    carried_out: int
    commitment: str
    salt: str


class HoldSubject:
    def __init__(
        self, log: ErasureLog, holds: LegalHolds, mentions: FindMentions, finish: FinishErasures, write: WriteRecord,
        clock: Clock, entropy: Entropy,
    ) -> None:  # fmt: skip
        self._log = log
        self._holds = holds
        self._mentions = mentions
        self._finish = finish
        self._write = write
        self._clock = clock
        self._entropy = entropy

    async def place(self, call: Call, subject: str, reason: str) -> Placed:
        """Keep somebody from being erased. Raises StorageFailed, VaultFailed, or what recording it raises: a hold may
        stand then, and the next answer lists it."""
        who, salt = await self._mentions.who(subject), self._entropy.token_hex(SALT_BYTES)
        hold = Hold(
            hold_id=self._entropy.token_hex(SALT_BYTES),
            handle=who.handle,
            decision_id=str(who.decision_id) if who.decision_id else "",
            placed_at=format_time(self._clock.now()),
        )
        await self._holds.place(hold)
        commitment = commit_to(salt, subject)
        await self._record(RecordType.SUBJECT_HELD, call, hold, commitment, subject, reason)
        under_way = [erasure for erasure in await self._log.open() if erasure.stage is not Stage.DEFERRED]
        return Placed(hold.hold_id, await self._holds.of(who), len(under_way), commitment, salt)

    async def release(self, call: Call, subject: str, hold_id: str, reason: str) -> Released:
        """Take a hold back. Raises NotFound where none of that id stands on that person, or as above."""
        who, salt = await self._mentions.who(subject), self._entropy.token_hex(SALT_BYTES)
        hold = await self._holds.find(who, hold_id)
        if hold is None:
            raise NotFound("hold of that id on that subject")
        commitment = commit_to(salt, subject)
        await self._record(RecordType.SUBJECT_RELEASED, call, hold, commitment, subject, reason)
        await self._holds.release(hold)
        carried_out = await self._finish(Stage.DEFERRED)
        return Released(hold_id, await self._holds.of(who), carried_out, commitment, salt)

    async def _record(
        self, kind: RecordType, call: Call, hold: Hold, commitment: str, subject: str, reason: str
    ) -> None:
        """The reason speaks of that person, so that it goes when they are erased."""
        data: dict[str, object] = {
            "hold_id": hold.hold_id,
            "commitment": commitment,
            "caller": call.caller.id,
            "request_id": call.request_id,
        }
        personal: dict[str, object] = {"reason": reason}
        if hold.decision_id:
            data["decision_id"] = hold.decision_id
        else:
            personal["subjects"] = [subject]
        await self._write(Note(kind, data, personal))
