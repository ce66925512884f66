"""Subject keys: one key for each natural person, without which nothing that names the person can be read.

    no row --key_for--> key --erase--> tombstone --key_for (a record after the erasure)--> another key, tombstone kept
       |                                   ^
       +---------------erase---------------+

A tombstone is the time of the erasure. It is kept for ever and answers for every record up to it: such a record gets
no key, whenever it is sealed. A row changes only by If-Match, so that of an erasure, a hold and a sealer who meet, each
sees what the others did. Legal holds lie in the same row: nobody who is held is erased.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.personal import KEY_BYTES, NONCE_BYTES, check_of, unwrap_key, wrap_key
from flows.errors import StorageFailed, Superseded
from flows.keys.keyring import Keyring
from flows.ports import Entropy, Row, Rows
from flows.put_row import put_row

CLOCK_SKEW_MS = 5_000
MAX_TRIES = 50


class SubjectHeld(Exception):
    """An erasure that met a legal hold: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's row. `wrapped` is empty where there is no key; `erased_at_ms` is 0 where there was no erasure."""

    generation: str = ""
    wrapped: bytes = b""
    erased_at_ms: int = 0
    holds: tuple[str, ...] = ()

    def covers(self, recorded_ms: int) -> bool:
        """Whether a record of that time falls under the erasure."""
        return bool(self.erased_at_ms) and recorded_ms <= self.erased_at_ms + CLOCK_SKEW_MS


class SubjectKeys:
    """`rows` are those of the table `subjects`. Every method raises StorageFailed or VaultFailed."""

    def __init__(self, rows: Rows, keyring: Keyring, entropy: Entropy) -> None:
        self._rows = rows
        self._keyring = keyring
        self._entropy = entropy

    async def key_for(self, handle: str, recorded_ms: int) -> bytes | None:
        """The key for a record of that time (its id's) to be sealed with, made where there is none; None where the
        subject was erased and the record is not younger."""
        row = await self._rows.read(handle, handle)
        if row is None or not _subject(row).wrapped:
            made = await self._wrap_new(handle)
            subject = await self._change_from(row, handle, lambda standing: _with_key(standing, made, recorded_ms))
        else:
            subject = _subject(row)
        return None if subject.covers(recorded_ms) else await self._unwrap(handle, subject)

    async def find(self, handle: str, check: str) -> bytes | None:
        """The key with that check; None where it was destroyed."""
        row = await self._rows.read(handle, handle)
        if row is None or not _subject(row).wrapped:
            return None
        key = await self._unwrap(handle, _subject(row))
        return key if check_of(key) == check else None

    async def erase(self, handle: str, at_ms: int) -> None:
        """Destroy the key and leave a tombstone. An erasure of that time, or of a later one, is not done again, so that
        a key from after it stays. Raises SubjectHeld."""
        await self._change(handle, lambda standing: _erased(standing, at_ms))

    async def erased_at(self, handle: str) -> int | None:
        """When the subject was erased last, Unix time in milliseconds; None where that never was."""
        return (await self._read(handle)).erased_at_ms or None

    async def hold(self, handle: str, hold_id: str) -> None:
        """Keep the subject from being erased. Twice is harmless."""
        await self._change(handle, lambda standing: _with_holds(standing, {*standing.holds, hold_id}))

    async def release(self, handle: str, hold_id: str) -> None:
        """Take a hold back, and no other. Twice is harmless."""
        if hold_id in (await self._read(handle)).holds:
            await self._change(handle, lambda standing: _with_holds(standing, {*standing.holds} - {hold_id}))

    async def is_held(self, handle: str) -> bool:
        """Whether any hold stands."""
        return bool((await self._read(handle)).holds)

    async def _read(self, handle: str) -> Subject:
        row = await self._rows.read(handle, handle)
        return Subject() if row is None else _subject(row)

    async def _change(self, handle: str, change: Callable[[Subject], Subject]) -> Subject:
        """The subject as it stands once `change` has been made to its newest row."""
        return await self._change_from(await self._rows.read(handle, handle), handle, change)

    async def _change_from(self, row: Row | None, handle: str, change: Callable[[Subject], Subject]) -> Subject:
        """The same from the row as it was read; where it isn't the newest any more, from that."""
        for _ in range(MAX_TRIES):
            standing = Subject() if row is None else _subject(row)
            changed = change(standing)
            if changed == standing:
                return standing
            try:
                await put_row(self._rows, handle, handle, row, _document(changed))
            except Superseded:
                row = await self._rows.read(handle, handle)
            else:
                return changed
        raise StorageFailed("a subject's row was changed by others again and again; try later")

    async def _wrap_new(self, handle: str) -> Subject:
        """A new key, not kept anywhere yet."""
        generation = await self._keyring.current()
        key, nonce = (bytes.fromhex(self._entropy.token_hex(size)) for size in (KEY_BYTES, NONCE_BYTES))
        return Subject(generation.name, wrap_key(generation.key, key, nonce, handle.encode()))

    async def _unwrap(self, handle: str, subject: Subject) -> bytes:
        return unwrap_key(await self._keyring.find(subject.generation), subject.wrapped, handle.encode())


def _with_key(standing: Subject, made: Subject, recorded_ms: int) -> Subject:
    if standing.wrapped or standing.covers(recorded_ms):
        return standing
    return replace(standing, generation=made.generation, wrapped=made.wrapped)


def _erased(standing: Subject, at_ms: int) -> Subject:
    if at_ms <= standing.erased_at_ms:
        return standing
    if standing.holds:
        raise SubjectHeld("a legal hold stands")
    return Subject(erased_at_ms=at_ms)


def _with_holds(standing: Subject, holds: set[str]) -> Subject:
    return replace(standing, holds=tuple(sorted(holds)))


def _document(subject: Subject) -> Mapping[str, object]:
    return {
        "generation": subject.generation,
        "wrapped": base64.b64encode(subject.wrapped).decode(),
        "erased_at_ms": subject.erased_at_ms,
        "holds": list(subject.holds),
    }


def _subject(row: Row) -> Subject:
    fields: Mapping[str, Any] = row.document
    wrapped = base64.b64decode(fields["wrapped"])
    return Subject(fields["generation"], wrapped, fields["erased_at_ms"], tuple(fields["holds"]))
