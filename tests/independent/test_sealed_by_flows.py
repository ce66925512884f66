"""What the region's own flows seal is sound to both verifiers, and what was done before sealing is told."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.records import RecordType
from audit.verifying.findings import Finding, Kind
from audit.verifying.lake import Keys, LakeCheck
from audit.verifying.receipts import Receipt, Receipts
from tests.independent.forms import Copy
from tests.independent.verifier import examine
from tests.lakes import MemoryFiles
from tests.unit.flows.trail import START, Trail


@pytest.fixture
def trail() -> Trail:
    """Two lanes, three windows, a person who was erased, and a late lane."""
    return Trail()


async def sealed(trail: Trail) -> dict[str, str]:
    """Seal all there may be; the receipts."""
    records = [
        *trail.append(START, 0x9F3A, 3, deal_id="D-1", subjects=["anna", "ben"], features={"age": 40}),
        *trail.append(START, 0x9F3A, 2, kind=RecordType.ROLLOUT_CHANGED),
        *trail.append(START, 0x0001, 2, deal_id="D-2", features={"age": 41}),
        *trail.append(START, 0x0001, 1, kind=RecordType.DECISION_REVIEWED, reason="looked twice"),
        *trail.append(START, 0x0002, 1, deal_id="D-3", subjects=["carl"]),
    ]
    await trail.erase("carl")
    trail.pass_windows(3)
    await trail.seal()
    records += trail.append(START, 0x0777, 2, deal_id="D-late")
    await trail.seal()
    return {str(record.record_id): record.digest for record in records}


def judge(trail: Trail, receipts: dict[str, str]) -> tuple[list[Finding], Any]:
    """What both say."""
    spki = trail.vault.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    given = Receipts({record_id: Receipt(digest, "westeurope") for record_id, digest in receipts.items()})
    check = LakeCheck(MemoryFiles(trail.lake.files), Keys(nameless=[spki]), receipts=given)
    findings = [step for step in check.run() if isinstance(step, Finding)]
    return findings, examine(Copy(trail.lake.files, {"vouch/westeurope": spki}, receipts=receipts))


async def test_what_the_region_seals_is_sound(trail: Trail) -> None:
    receipts = await sealed(trail)
    findings, report = judge(trail, receipts)
    assert findings == []
    assert (report.accused, report.warned) == ({}, {})


async def test_record_that_was_removed_before_sealing_is_told_by_counts_and_receipt(trail: Trail) -> None:
    (lost, *_) = trail.append(START, 0x9F3A, 2, deal_id="D-1")
    trail.remove_row(lost.record_id)
    receipts = await sealed(trail) | {str(lost.record_id): lost.digest}
    findings, report = judge(trail, receipts)
    assert [finding.kind for finding in findings] == [Kind.RECORDED_DIFFERENCE, Kind.MISSING_RECORD]
    assert findings[1].where == str(lost.record_id)
    assert (list(report.warned), list(report.accused)) == ([findings[0].where], [findings[1].where])


async def test_record_that_was_changed_before_sealing_is_told_by_counts_and_receipt(trail: Trail) -> None:
    (changed, *_) = trail.append(START, 0x9F3A, 2, deal_id="D-1")
    row = trail.row_of(changed.record_id)
    row["event"] = zlib.compress(zlib.decompress(row["event"]).replace(b"approve", b"decline"))
    receipts = await sealed(trail) | {str(changed.record_id): changed.digest}
    findings, report = judge(trail, receipts)
    assert [finding.kind for finding in findings] == [Kind.RECORDED_DIFFERENCE, Kind.OTHER_RECORD]
    assert (list(report.warned), list(report.accused)) == ([findings[0].where], [str(changed.record_id)])
