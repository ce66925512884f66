"""Every tampering is found: that very fault, in that very place, and nothing else."""

from __future__ import annotations

import pytest

from audit.layout import chain_name
from audit.verifying.findings import Finding, Kind, Progress
from audit.verifying.lake import Keys, LakeCheck
from audit.verifying.receipts import Receipt, Receipts
from audit.verifying.witness import WitnessNote
from tests.lakes import MemoryFiles, two_regions
from tests.tamperings import ALL, SEGMENT, SOUND, Case, Tampering


def check_of(case: Case) -> tuple[LakeCheck, list[Finding]]:
    notes = None
    if case.notes is not None:
        notes = [WitnessNote(name, note.decode(), "westeurope") for name, note in case.notes.items()]
    check = LakeCheck(MemoryFiles(case.files), Keys([case.region.verifier_key]), notes, receipts_of(case))
    return check, [step for step in check.run() if isinstance(step, Finding)]


def receipts_of(case: Case) -> Receipts:
    return Receipts({record_id: Receipt(digest, "westeurope") for record_id, digest in case.receipts.items()})


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


def test_files_of_two_regions_that_were_swapped_are_one_finding() -> None:
    west, north, files = two_regions()
    ours, theirs = SEGMENT, SEGMENT.replace("westeurope", "northeurope")
    files[ours], files[theirs] = files[theirs], files[ours]
    check = LakeCheck(MemoryFiles(files), Keys([west.verifier_key, north.verifier_key]))
    (finding,) = [step for step in check.run() if isinstance(step, Finding)]
    assert (finding.kind, finding.where) == (Kind.SWAPPED_FILES, theirs)
    assert ours in finding.detail


@pytest.mark.parametrize(
    ("region", "kind"),
    [
        ("westeurope", Kind.MISSING_RECORD),
        ("northeurope", Kind.UNKNOWN_RECORD),
        ("brazilsouth", Kind.UNKNOWN_RECORD),
        ("", Kind.UNKNOWN_RECORD),
    ],
)
def test_receipt_is_held_against_the_region_that_gave_it(region: str, kind: Kind) -> None:
    """northeurope's copy ends an hour earlier, before the window of the receipt."""
    west, north, files = two_regions()
    del files[chain_name("northeurope", 4)]
    record_id = f"{next(reversed(west.receipts))[:-8]}00000001"
    receipts = Receipts({record_id: Receipt(f"sha256:{'00' * 32}", region)})
    check = LakeCheck(MemoryFiles(files), Keys([west.verifier_key, north.verifier_key]), receipts=receipts)
    found = [step for step in check.run() if isinstance(step, Finding) and step.where == record_id]
    assert [finding.kind for finding in found] == [kind]


def test_progress_ends_at_the_bytes_that_were_known() -> None:
    steps = list(LakeCheck(MemoryFiles(SOUND.files), Keys([SOUND.verifier_key])).run())
    progress = [step for step in steps if isinstance(step, Progress)]
    assert sum(step.done for step in progress) == sum(step.known for step in progress) > 0


def test_every_kind_of_finding_is_among_the_tamperings() -> None:
    assert {kind for tampering in ALL for kind, _ in tampering.found} == set(Kind)
