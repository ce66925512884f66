"""From a row of the ledger to a line of the lake, by splicing bytes: what was recorded is never written anew.

row:   {... "data": {... "personal": {...}, "personal_commitment": "sha256:..." ...} ...}
rest:  the same without `personal`; its SHA-256 is the record's digest
line:  the rest with the sealed `personal` in its place, or without any
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from audit.canonical import canonical_json
from audit.layout import DECISION_TYPES
from audit.personal import DEAL, DECISION, SUBJECT, handle_of, seal_personal
from audit.records import COMMITMENT, SALT_BYTES, RecordType, sha256_of, with_personal

NEVER_PERSONAL = frozenset({RecordType.DECISION_REJECTED.value, RecordType.DECISION_LABELLED.value})
_SALT_ONLY = len('{"salt":""}') + 2 * SALT_BYTES


class _Personal(msgspec.Struct):
    deal_id: str = ""
    subjects: list[str] = []


class _Data(msgspec.Struct):
    decision_id: str = ""
    personal: msgspec.Raw = msgspec.Raw(b"")


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


_read_event = msgspec.json.Decoder(_Event).decode
_read_personal = msgspec.json.Decoder(_Personal).decode


class DamagedRow(ValueError):
    """A row of the ledger that is no record at all."""


class LedgerRow(msgspec.Struct, frozen=True):
    """A record as the sealer sees it. `rest` and `personal` are canonical JSON; `personal` is empty where it was
    erased. `decision_id` is that of the decision that it speaks of. `is_sound`: the digest that was written with it
    is its own."""

    record_id: UUID
    type: str
    digest: str
    is_sound: bool
    rest: bytes
    personal: bytes
    deal_id: str
    subjects: Sequence[str]
    decision_id: str

    @property
    def has_key(self) -> bool:
        """Whether it has a place among the record keys. By its type, so that an erasure between two tries of sealing
        moves no other record's place."""
        return self.type.startswith(DECISION_TYPES) and self.type not in NEVER_PERSONAL

    @property
    def is_personal(self) -> bool:
        """Whether it holds more than a salt."""
        return len(self.personal) > _SALT_ONLY


def read_row(entity: Mapping[str, Any]) -> LedgerRow:
    """A record's row. Raises DamagedRow where there is none in it."""
    try:
        payload = zlib.decompress(entity["event"])
        event = _read_event(payload)
        record_id = UUID(entity["RowKey"])
        rest, personal = _split(payload, event)
        about = _read_personal(personal) if personal else _Personal()
    except (zlib.error, msgspec.DecodeError, ValueError, KeyError) as error:
        raise DamagedRow(f"the row {entity['RowKey']} holds no record: {error}") from None
    digest = sha256_of(rest)
    return LedgerRow(
        record_id=record_id,
        type=event.type,
        digest=digest,
        is_sound=digest == entity["digest"] and event.id == entity["RowKey"] and event.type == entity["type"],
        rest=rest,
        personal=personal,
        deal_id=about.deal_id,
        subjects=about.subjects,
        decision_id=event.data.decision_id,
    )


def digest_of_line(line: bytes) -> str:
    """The record digest of a line of the lake. Raises msgspec.DecodeError."""
    return sha256_of(_split(line, _read_event(line))[0])


def without_personal(row: LedgerRow) -> bytes:
    """The payload of the row once its person was erased."""
    return zlib.compress(row.rest, 1)


def handles_of(row: LedgerRow, index_key: bytes) -> tuple[list[str], list[str]]:
    """The handles of its subjects, and every handle under which it is to be found. A read is not found by what was
    read: there may be any number of them."""
    subjects = [handle_of(index_key, SUBJECT, subject) for subject in dict.fromkeys(row.subjects)]
    found_by = list(subjects)
    if row.deal_id:
        found_by.append(handle_of(index_key, DEAL, row.deal_id))
    if row.decision_id and row.type != RecordType.AUDIT_READ:  # a decision is read often
        found_by.append(handle_of(index_key, DECISION, row.decision_id))
    return subjects, found_by


def build_line(row: LedgerRow, record_key: bytes | None, subject_keys: Mapping[str, bytes]) -> bytes:
    """The line, without its newline. `record_key` None: the person was erased, or there is nothing personal."""
    if not row.is_personal:
        return with_personal(row.rest, row.personal) if row.personal else row.rest
    if record_key is None:
        return row.rest
    sealed = seal_personal(row.personal, row.record_id, row.digest, record_key, subject_keys)
    return with_personal(row.rest, canonical_json(sealed))


def _split(payload: bytes, event: _Event) -> tuple[bytes, bytes]:
    """The record without `personal`, and `personal` as it stands in it."""
    personal = bytes(event.data.personal)
    if not personal:
        return payload, b""
    return payload.replace(b'"personal":' + personal + b"," + COMMITMENT, COMMITMENT, 1), personal
