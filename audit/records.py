"""Audit records: CloudEvents 1.0 whose digest survives the erasure of a person.

Everything that says something about a person lies in `data.personal`. The record's digest is SHA-256 over the
canonical JSON (RFC 8785) of the rest, which holds a salted commitment to `personal`: SHA-256 over the canonical
JSON of `personal`, whose own `salt` makes it unguessable and goes when `personal` goes. What the ledger keeps is the
canonical JSON of the whole event, so that the digest can be computed again from what is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from audit.canonical import canonical_json
from audit.counters import Tally

SALT_BYTES = 16
COMMITMENT = b'"personal_commitment":'


class RecordType(StrEnum):
    DECISION_SCORED = "vouch.decision.scored.v1"
    DECISION_REJECTED = "vouch.decision.rejected.v1"
    DECISION_LABELLED = "vouch.decision.labelled.v1"
    DECISION_REVIEWED = "vouch.decision.reviewed.v1"
    RELEASE_CHANGED = "vouch.release.changed.v1"
    RELEASE_SUPERSEDED = "vouch.release.superseded.v1"
    VERSION_PUBLISHED = "vouch.version.published.v1"
    ROLLOUT_CHANGED = "vouch.rollout.changed.v1"
    ROLLOUT_ORDERED = "vouch.rollout.ordered.v1"
    REFERENCE_ACTIVATED = "vouch.reference.activated.v1"
    REFERENCE_SUPERSEDED = "vouch.reference.superseded.v1"
    AUDIT_READ = "vouch.audit.read.v1"
    SUBJECT_ERASED = "vouch.subject.erased.v1"
    SUBJECT_DEFERRED = "vouch.subject.deferred.v1"
    SUBJECT_HELD = "vouch.subject.held.v1"
    SUBJECT_RELEASED = "vouch.subject.released.v1"
    KEYS_REWRAPPED = "vouch.keys.rewrapped.v1"


@dataclass(frozen=True, slots=True)
class Record:
    """One audit record: the CloudEvent, its digest (`sha256:<hex>`), what it adds to its lane's counters, and the
    canonical JSON of the event, which is what the ledger keeps."""

    record_id: UUID
    event: Mapping[str, object]
    digest: str
    tally: Tally
    encoded: bytes


def build_record(
    record_id: UUID,
    kind: RecordType,
    region: str,
    time: str,
    data: Mapping[str, object],
    personal: Mapping[str, object],
    salt: str,
    tally: Tally,
) -> Record:
    """Build a record. `time` is RFC 3339 UTC, `salt` 16 random bytes in hex; `data` holds nothing personal."""
    sealed_away = {"salt": salt, **personal}
    personal_json = canonical_json(sealed_away)
    envelope = {
        "specversion": "1.0",
        "id": str(record_id),
        "source": f"/regions/{region}",
        "type": kind.value,
        "time": time,
        "datacontenttype": "application/json",
    }
    committed = {**data, "personal_commitment": sha256_of(personal_json)}
    rest_json = canonical_json({**envelope, "data": committed})
    event = {**envelope, "data": {**committed, "personal": sealed_away}}
    return Record(record_id, event, sha256_of(rest_json), tally, with_personal(rest_json, personal_json))


def with_personal(rest_json: bytes, personal_json: bytes) -> bytes:
    """The whole event's canonical JSON: `personal` in its place, which is right before its commitment. Inside a text
    the quotes would be escaped, so what is found is the key."""
    before, key, after = rest_json.partition(COMMITMENT)
    return b"".join((before, b'"personal":', personal_json, b",", key, after))


def digest_of_event(event: Mapping[str, Any]) -> str:
    """The digest of a recorded event, whether or not it still has its `personal`."""
    return digest_of(without_personal(event))


def without_personal(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it is once its person was erased."""
    return {**event, "data": {key: value for key, value in event["data"].items() if key != "personal"}}


def keeps_commitment(event: Mapping[str, Any]) -> bool:
    """Whether the event's `personal`, where it still has one, is what was recorded."""
    data = event["data"]
    return "personal" not in data or digest_of(data["personal"]) == data["personal_commitment"]


def digest_of(value: object) -> str:
    """SHA-256 over the canonical JSON of a value, as `sha256:<hex>`."""
    return sha256_of(canonical_json(value))


def sha256_of(data: bytes) -> str:
    """As `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
