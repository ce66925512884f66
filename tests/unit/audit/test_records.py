"""Records: digests that can be computed again from what is kept, with and without `personal`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785
from hypothesis import given

from audit.canonical import read_canonical
from audit.counters import Tally
from audit.ids import mint_id
from audit.records import Record, RecordType, build_record, digest_of_event
from tests.unit.audit.test_canonical import VALUES

RECORD_ID = mint_id(1_700_000_000_000, 1, 2)


def build(data: Any = None, personal: Any = None, salt: str = "00" * 16) -> Record:
    return build_record(
        record_id=RECORD_ID,
        kind=RecordType.DECISION_SCORED,
        region="westeurope",
        time="2026-11-23T21:00:00.000Z",
        data={"outcome": "review", "extra": data},
        personal={"deal_id": "D-1", "extra": personal},
        salt=salt,
        tally=Tally(RecordType.DECISION_SCORED.value),
    )


def sha256(value: Any) -> str:
    return f"sha256:{hashlib.sha256(rfc8785.dumps(value)).hexdigest()}"


@given(VALUES, VALUES)
def test_what_is_kept_is_the_canonical_event_and_gives_the_digest_again(data: Any, personal: Any) -> None:
    record = build(data, personal)
    event: Any = record.event
    assert record.encoded == rfc8785.dumps(event)
    assert digest_of_event(read_canonical(record.encoded)) == record.digest


def test_text_that_looks_like_the_commitment_does_not_mislead() -> None:
    record = build('"personal_commitment":', {'"personal_commitment":': 1})
    assert record.encoded == rfc8785.dumps(record.event)  # type: ignore[arg-type]


def test_digest_covers_the_rest_and_the_commitment_covers_personal() -> None:
    event: Any = json.loads(build("x", "y").encoded)
    personal = event["data"].pop("personal")
    assert event["data"]["personal_commitment"] == sha256(personal)
    assert sha256(event) == build("x", "y").digest


def test_erased_event_still_has_its_digest() -> None:
    event: Any = json.loads(build().encoded)
    del event["data"]["personal"]
    assert digest_of_event(event) == build().digest


def test_any_change_changes_the_digest() -> None:
    assert len({build(d, p, s).digest for d in (1, 2) for p in (1, 2) for s in ("00", "01")}) == 8
