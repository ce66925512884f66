"""People whose deals are decided, sealed, erased and held, and what must be readable of them afterwards."""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import json
import threading
import zlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from audit.lanes import unpack_event
from audit.personal import Unreadable
from audit.records import RecordType
from flows.write_record import Note, WriteRecord
from tests.fakes import CountingEntropy
from tests.fakes_trail import Steps
from tests.unit.flows.conftest import CALL
from tests.unit.flows.trail import Trail

APART_S = 10.0  # between one act and the next, so that an erasure and what is younger than it are told apart


@dataclass
class Known:
    """A record as it was written, and whether it may be read."""

    event: dict[str, Any]
    subjects: frozenset[str] = frozenset()
    about: UUID | None = None
    is_erased: bool = False


class MixedEntropy(CountingEntropy):
    """The same every run, and no token is a part of another."""

    def token_hex(self, size: int) -> str:
        return sha256(super().token_hex(32).encode()).hexdigest()[: 2 * size]


@dataclass
class Persons:
    """`known` is the model: every record with something personal, by id."""

    trail: Trail = field(default_factory=Trail)
    known: dict[UUID, Known] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.trail.entropy, MixedEntropy):
            self.trail.entropy = MixedEntropy()
            self.trail.restart()

    async def decide(self, *subjects: str, deal_id: str = "") -> UUID:
        """A deal about these persons is decided."""
        self.trail.clock.advance(APART_S)
        number = len(self.known)
        personal = {
            "deal_id": deal_id or f"D-{number}",
            "subjects": list(subjects),
            "features": {"name": f"secret-{number}."},
        }
        return await self._write(
            Note(RecordType.DECISION_SCORED, {"outcome": "approve"}, personal), frozenset(subjects)
        )

    async def review(self, decision_id: UUID) -> UUID:
        self.trail.clock.advance(APART_S)
        reason = f"secret-{len(self.known)}. said so"
        noted = await self.trail.records.record_review(CALL, str(decision_id), "uphold", None, reason)
        return self._remember(UUID(noted.record_id), frozenset(), decision_id)

    async def erase(self, subject: str) -> Any:
        self.trail.clock.advance(APART_S)
        return (await self.trail.records.privacy.erase(CALL, subject, "asked")).erasure

    async def hold(self, subject: str) -> str:
        self.trail.clock.advance(APART_S)
        return (await self.trail.records.privacy.hold.place(CALL, subject, "sued")).hold_id

    async def release(self, subject: str, hold_id: str) -> Any:
        self.trail.clock.advance(APART_S)
        return await self.trail.records.privacy.hold.release(CALL, subject, hold_id, "settled")

    async def seal(self) -> None:
        self.trail.pass_windows()
        await self.trail.seal()

    async def tick(self) -> None:
        """What the timer does for erasures."""
        await self.trail.room.finish_erasures()

    def purge(self) -> None:
        """What is sealed leaves the ledger."""
        for key, lane in list(self.trail.lanes.lanes.items()):
            if lane.is_marked:
                del self.trail.lanes.lanes[key]

    def mark_erased(self, *subjects: str) -> None:
        """Expect whatever there is of these to be gone, and whatever speaks of it."""
        for record_id, known in self.known.items():
            names = {*known.subjects, f"deal:{record_id}"}
            known.is_erased |= bool(names & set(subjects))
        for known in self.known.values():
            known.is_erased |= known.about is not None and self.known[known.about].is_erased

    async def check(self) -> None:
        """Who was erased is readable nowhere; everybody else is as recorded."""
        readable = await self._readable()
        stored = self.stored()
        for record_id, known in self.known.items():
            secret = json.dumps(known.event["data"]["personal"])
            if known.is_erased:
                assert record_id not in readable
                assert not any(part in stored for part in _secrets(known)), f"{record_id} is still there: {secret}"
            else:
                assert readable.get(record_id) == known.event, f"{record_id} is lost: {secret}"

    async def _readable(self) -> dict[UUID, Any]:
        found = await self.trail.records.privacy.access._records.find_all(self.known)
        assert set(found.opened) == set(self.known), "a record is gone altogether"
        return {record_id: opened.event for record_id, opened in found.opened.items() if opened.personal}

    def stored(self) -> str:
        """Everything that any storage holds, in the clear as far as anybody can make it so."""
        return "\n".join(everything(self.trail))

    async def _write(self, note: Note, subjects: frozenset[str]) -> UUID:
        write: WriteRecord = self.trail.records.rewrap_keys._write
        noted = await write(note)
        return self._remember(UUID(noted.record_id), subjects, None)

    def _remember(self, record_id: UUID, subjects: frozenset[str], about: UUID | None) -> UUID:
        self.known[record_id] = Known(unpack_event(self.trail.row_of(record_id)), subjects, about)
        return record_id


def _secrets(known: Known) -> list[str]:
    """What nobody but this record holds."""
    personal = known.event["data"]["personal"]
    return [personal["salt"], str(personal.get("features", {}).get("name") or personal["reason"])]


def everything(trail: Trail) -> list[str]:
    """Every table and file as text, decompressed, and every box that can be opened with the keys that are left."""
    texts = [str(row) for rows in _documents(trail) for row in rows.values()]
    texts += [str(entry) for entry in trail.index.entries]
    texts += [str(rows) for rows in trail.reservations.rows.values()]
    for lane in trail.lanes.lanes.values():
        texts += [zlib.decompress(row["event"]).decode() for row in lane.record_rows()]
        texts += [str({name: value for name, value in row.items() if name != "event"}) for row in lane.rows.values()]
    for name, content in trail.lake.files.items():
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
        texts += [text, *(box for line in text.splitlines() for box in _opened(trail, line))]
    return texts


def _opened(trail: Trail, line: str) -> list[str]:
    try:
        value = json.loads(line)
    except ValueError:
        return []
    sealed = value.get("data", {}).get("personal", {}) if isinstance(value, dict) else {}
    if "box" not in sealed:
        return []
    try:
        return [json.dumps(run_apart(trail.open(value)))]
    except Unreadable:
        return [_loose(sealed["box"])]


def _loose(box: str) -> str:
    """What somebody without any key makes of a box: it may be compressed, and no more."""
    try:
        return zlib.decompress(base64.b64decode(box)).decode(errors="replace")
    except (zlib.error, binascii.Error):
        return ""


def _documents(trail: Trail) -> Sequence[dict[Any, Any]]:
    tables = trail.keyring_rows, trail.subject_rows, trail.witness_rows, trail.erasure_rows, trail.note_rows
    return [table.rows for table in tables]


def run_apart(asked: Coroutine[Any, Any, Any]) -> Any:
    """Run something to its end in a loop of its own, as another process would at this moment."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(asked))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def erase_elsewhere(persons: Persons, named: str, steps: Steps) -> Any:
    """Another process erases somebody at this moment; then this one goes on."""
    return at_once(persons, steps, lambda persons: persons.erase(named))


def at_once(persons: Persons, steps: Steps, act: Callable[[Persons], Coroutine[Any, Any, Any]]) -> Any:
    """Another process does something at this moment; then this one goes on."""
    trail = persons.trail
    this_one = trail.records, trail.room
    trail.use(Steps())
    trail.restart()
    outcome = run_apart(act(persons))
    trail.records, trail.room = this_one
    trail.use(steps)
    return outcome


def acts(persons: Persons, kind: str) -> list[dict[str, Any]]:
    """What was recorded of a kind, in the ledger, oldest first."""
    rows = [row for lane in persons.trail.lanes.lanes.values() for row in lane.record_rows()]
    named = sorted((str(row["RowKey"]), row) for row in rows if row["type"] == f"vouch.subject.{kind}.v1")
    return [unpack_event(row)["data"] for _, row in named]


async def lived(persons: Persons) -> None:
    """P-1 and others, in the lake, in the ledger and sealed, and in the open window, with reviews."""
    purged = await persons.decide("P-1")
    await persons.decide("P-2")
    await persons.review(purged)
    await persons.seal()
    persons.purge()
    sealed = await persons.decide("P-1", "P-3")
    await persons.review(sealed)
    await persons.decide("P-3")
    await persons.seal()
    fresh = await persons.decide("P-1")
    await persons.decide("P-2", "P-3")
    await persons.review(fresh)
    await persons.review(purged)
