"""Open what was personal in a record, if everybody in it may still be read.

    in the ledger   `personal` lies in the clear until the row is blanked; a subject's tombstone counts at once
    in the lake     the record's key, then the keys of the subjects that it names, then the box

What comes out is the event as it was recorded, with `personal` in the clear or without any: never with a box.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from audit.canonical import read_canonical
from audit.ids import time_of
from audit.personal import SUBJECT, Unreadable, handle_of, open_personal, read_named
from audit.records import digest_of_event, without_personal
from audit.sealing import digest_of_line
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import CLOCK_SKEW_MS, SubjectKeys

AT_ONCE = 16

logger = logging.getLogger("vouch.trail")


class State(StrEnum):
    """What became of what was personal. DAMAGED: the keys are there, and the box is not what was sealed."""

    READABLE = "readable"
    ERASED = "erased"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Opened:
    """A record as it is shown; `event` has `personal` only where that is readable, `digest` is the record's."""

    event: Mapping[str, Any]
    state: State
    digest: str

    @property
    def record_id(self) -> UUID:
        return UUID(self.event["id"])

    @property
    def personal(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.event["data"].get("personal", {})
        return found

    def shown(self) -> dict[str, Any]:
        """`{record, record_digest, erased}`, and `damaged` where it is that."""
        shown = {
            "record": self.event,
            "record_digest": self.digest,
            "erased": self.state is State.ERASED,
        }
        return {**shown, "damaged": True} if self.state is State.DAMAGED else shown


class OpenRecords:
    """Opens records for one request: keys that it has found are remembered as long, and no longer."""

    def __init__(self, keyring: Keyring, record_keys: RecordKeyring, subjects: SubjectKeys) -> None:
        self._keyring = keyring
        self._subjects = subjects
        self._record_keys = record_keys.reader()
        self._erased_at: dict[str, int | None] = {}
        self._keys: dict[tuple[str, str], bytes | None] = {}

    async def open_event(self, event: Mapping[str, Any]) -> Opened:
        """A record of the ledger. Raises StorageFailed or VaultFailed."""
        personal, digest = event["data"].get("personal"), digest_of_event(event)
        if personal is None or await self._is_erased(event, personal):
            return Opened(without_personal(event), State.ERASED, digest)
        return Opened(event, State.READABLE, digest)

    async def open_lines(self, lines: Sequence[bytes]) -> list[Opened]:
        """Records of the lake, best in the order of their ids. Raises StorageFailed or VaultFailed."""
        opened: list[Opened] = []
        for at in range(0, len(lines), AT_ONCE):
            opened += await asyncio.gather(*(self.open_line(line) for line in lines[at : at + AT_ONCE]))
        return opened

    async def open_line(self, line: bytes) -> Opened:
        """A record of the lake. Raises StorageFailed or VaultFailed."""
        event, digest = read_canonical(line), digest_of_line(line)
        sealed = event["data"].get("personal")
        if sealed is None or "box" not in sealed:
            return Opened(event, State.ERASED if sealed is None else State.READABLE, digest)
        try:
            personal = await self._open(UUID(event["id"]), digest, sealed)
        except Unreadable:
            logger.exception("The record %s can't be opened, though its keys are there.", event["id"])
            return Opened(without_personal(event), State.DAMAGED, digest)
        if personal is None:
            return Opened(without_personal(event), State.ERASED, digest)
        data = {**event["data"], "personal": read_canonical(personal)}
        return Opened({**event, "data": data}, State.READABLE, digest)

    async def _open(self, record_id: UUID, digest: str, sealed: Mapping[str, str]) -> bytes | None:
        """What was personal; None where a key was destroyed. Raises Unreadable."""
        record_key = await self._record_keys.find(record_id)
        if record_key is None:
            return None
        found = {}
        for named in read_named(sealed, record_id, digest, record_key):
            key = await self._find_key(named.handle, named.check)
            if key is None:
                return None
            found[named.handle] = key
        return open_personal(sealed, record_id, digest, record_key, found)

    async def _find_key(self, handle: str, check: str) -> bytes | None:
        if (handle, check) not in self._keys:
            self._keys[handle, check] = await self._subjects.find(handle, check)
        return self._keys[handle, check]

    async def _is_erased(self, event: Mapping[str, Any], personal: Mapping[str, Any]) -> bool:
        recorded_ms = time_of(UUID(event["id"]))
        for subject in personal.get("subjects", ()):
            handle = handle_of(await self._keyring.index_key(), SUBJECT, subject)
            if handle not in self._erased_at:
                self._erased_at[handle] = await self._subjects.erased_at(handle)
            erased_at = self._erased_at[handle]
            if erased_at is not None and recorded_ms <= erased_at + CLOCK_SKEW_MS:
                return True
        return False
