"""Every tampering is found: that very fault, in that very place, and nothing else."""

from __future__ import annotations

import pytest

from audit.verifying.findings import Finding, Kind
from audit.verifying.lake import Keys, LakeCheck
from audit.verifying.receipts import Receipts
from audit.verifying.witness import WitnessNote
from tests.lakes import MemoryFiles
from tests.tamperings import ALL, Case, Tampering


def check_of(case: Case) -> tuple[LakeCheck, list[Finding]]:
    notes = None
    if case.notes is not None:
        notes = [WitnessNote(name, note.decode(), "westeurope") for name, note in case.notes.items()]
    check = LakeCheck(MemoryFiles(case.files), Keys([case.region.verifier_key]), notes, Receipts(case.receipts))
    return check, [step for step in check.run() if isinstance(step, Finding)]


def test_sound_lake_with_witness_and_receipts_has_no_findings() -> None:
    case = Case()
    case.notes, case.receipts = case.region.notes, case.region.receipts
    check, findings = check_of(case)
    assert findings == []
    assert check.receipts.met == len(case.receipts) == 71 - 8
    assert check.regions["westeurope"].witnessed.agreed == 5


@pytest.mark.parametrize("tampering", ALL, ids=str)
def test_tampering_is_found_where_it_was_done(tampering: Tampering) -> None:
    case = Case()
    tampering.do(case)
    found = [(finding.kind, finding.where) for finding in check_of(case)[1]]
    assert sorted(found) == sorted(tampering.found)


def test_every_kind_of_finding_is_among_the_tamperings() -> None:
    assert {kind for tampering in ALL for kind, _ in tampering.found} == set(Kind)
