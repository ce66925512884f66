"""Every tampering is found: that very fault, in that very place, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from audit.layout import chain_name, manifest_name, witness_name
from audit.records import RecordType
from audit.verifying import lake
from audit.verifying.findings import Finding, Kind, Progress
from audit.verifying.lake import Keys, LakeCheck
from audit.verifying.receipts import Receipt, Receipts
from audit.verifying.witness import WitnessNote
from audit.windows import Window
from tests.lakes import FIRST, MemoryFiles, after, two_regions
from tests.tamperings import ALL, Case, Tampering
from tests.tamperings.case import SEALED_ID, SEGMENT, SOUND


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


def test_second_correction_of_a_window_is_sound() -> None:
    case = Case()
    case.region.seal(FIRST, {"0005": case.region.records(FIRST, "0005", [RecordType.DECISION_SCORED])}, correction=2)
    assert check_of(case)[1] == []


def test_one_receipt_among_many_records_is_met() -> None:
    case = Case()
    case.receipts = {SEALED_ID: case.region.receipts[SEALED_ID]}
    check, findings = check_of(case)
    assert (findings, check.receipts.met) == ([], 1)


def test_checkpoints_that_a_copy_keeps_of_other_regions_are_no_fault_of_it() -> None:
    case = Case()
    case.files[witness_name("eastus2", 1)] = b"whatever it is"
    check, findings = check_of(case)
    assert findings == []
    assert check.strangers == {"eastus2"}


def test_each_region_is_held_against_its_own_notes() -> None:
    west, north, _ = two_regions()
    files = {name: content for name, content in (west.files | north.files).items() if "/witness/" not in name}
    texts = [(name, note.decode()) for name, note in (west.notes | north.notes).items()]
    for notes in (
        [WitnessNote(name, text, "westeurope" if "westeurope" in name else "northeurope") for name, text in texts],
        [WitnessNote(name, text) for name, text in texts],
    ):
        check = LakeCheck(MemoryFiles(files), Keys([west.verifier_key, north.verifier_key]), notes)
        assert not [step for step in check.run() if isinstance(step, Finding)]
        assert [examined.witnessed.agreed for examined in check.regions.values()] == [5, 5]


def test_more_changed_files_than_may_have_been_swapped_are_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "MAX_EXCHANGES", 1)
    case = Case()
    names = [name for name in case.files if name.endswith(".gz")]
    case.files.update({name: case.files[name][:-1] for name in names})
    assert sorted(finding.where for finding in check_of(case)[1]) == sorted(names)


def test_windows_of_another_length_follow_the_last_one() -> None:
    case = Case()
    for minute in range(3):
        case.region.seal(Window(after(FIRST, 4).start_s + minute * 60, 60), {})
    assert check_of(case)[1] == []


class OpenedFiles(MemoryFiles):
    """A copy that remembers what was read."""

    def read(self, name: str) -> Iterator[bytes] | None:
        assert name in self.files, f"{name} is none of its files"
        return super().read(name)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "audit/schemas/decisions/v1.schema.json", SEGMENT])
def test_entry_can_not_have_anything_but_manifests_read(name: str) -> None:
    case = Case()
    entry = case.edit(2, lambda value: value["manifest"].update(name=name, sha256=sha256(b"secret").hexdigest()))
    files = OpenedFiles({file: content for file, content in case.files.items() if file != name})
    findings = [step for step in LakeCheck(files, Keys([case.region.verifier_key])).run() if isinstance(step, Finding)]
    assert entry in {finding.where for finding in findings}


@pytest.mark.parametrize(
    ("lost", "pending", "unproven"),
    [("audit/none", 0, 0), (chain_name("westeurope", 4), 3, 0), (manifest_name("westeurope", FIRST), 0, 4)],
)
def test_progress_ends_at_the_bytes_that_were_known(lost: str, pending: int, unproven: int) -> None:
    case = Case()
    case.files.pop(lost, None)
    check = LakeCheck(MemoryFiles(case.files), Keys([SOUND.verifier_key]))
    progress = [step for step in check.run() if isinstance(step, Progress)]
    assert sum(step.done for step in progress) == sum(step.known for step in progress) > 0
    counted = check.regions["westeurope"].counted
    assert (counted.pending, counted.unproven) == (pending, unproven)


def test_every_kind_of_finding_is_among_the_tamperings() -> None:
    assert {kind for tampering in ALL for kind, _ in tampering.found} == set(Kind)
