"""Audit records: CloudEvents 1.0 whose digest survives the erasure of a person.

Everything that says something about a person lies in `data.personal`. The record's digest is SHA-256 over the
canonical JSON (RFC 8785) of the rest, which holds a salted commitment to `personal`: SHA-256 over the canonical
JSON of `personal`, whose own `salt` makes it unguessable and goes when `personal` goes.
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


class RecordType(StrEnum):
    DECISION_SCORED = "vouch.decision.scored.v1"
    DECISION_REJECTED = "vouch.decision.rejected.v1"
    DECISION_LABELLED = "vouch.decision.labelled.v1"
    DECISION_REVIEWED = "vouch.decision.reviewed.v1"
    RELEASE_CHANGED = "vouch.release.changed.v1"
    RELEASE_SUPERSEDED = "vouch.release.superseded.v1"
    AUDIT_READ = "vouch.audit.read.v1"


@dataclass(frozen=True, slots=True)
class Record:
    """One audit record: the CloudEvent, its digest (`sha256:<hex>`) and what it adds to its lane's counters."""

    record_id: UUID
    event: Mapping[str, object]
    digest: str
    tally: Tally


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
    rest = {
        "specversion": "1.0",
        "id": str(record_id),
        "source": f"/regions/{region}",
        "type": kind.value,
        "time": time,
        "datacontenttype": "application/json",
        "data": {**data, "personal_commitment": digest_of(sealed_away)},
    }
    event = {**rest, "data": {**rest["data"], "personal": sealed_away}}  # type: ignore[dict-item]
    return Record(record_id, event, digest_of(rest), tally)


def digest_of(value: object) -> str:
    """SHA-256 over the canonical JSON of a value, as `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(canonical_json(value)).hexdigest()}"


def digest_of_event(event: Mapping[str, Any]) -> str:
    """The digest of a recorded event, recomputed from what it holds outside `personal`; an erased one has it too."""
    data = {name: value for name, value in event["data"].items() if name != "personal"}
    return digest_of({**event, "data": data})
