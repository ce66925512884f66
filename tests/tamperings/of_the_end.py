"""What only the witness or a receipt shows."""

from __future__ import annotations

from audit.chain import read_entry
from audit.layout import chain_name, witness_name
from audit.manifests import read_manifest
from audit.notes import Checkpoint, sign_note
from audit.verifying.findings import Kind
from tests.tamperings.case import FOURTH, LATER_ID, NEVER_SEALED_ID, REGION, SCORED, SEALED_ID, THIRD, Case, finds


def _cut(case: Case, size: int) -> None:
    """Remove all entries from a size on, with their manifests and files."""
    for number in range(size, 5):
        entry = read_entry(case.files.pop(chain_name(REGION, number)))
        for file in read_manifest(case.files.pop(entry.manifest.name)).files:
            del case.files[file.name]


@finds((Kind.TRUNCATED_TAIL, f"audit/chain/v1/region={REGION}/"))
def the_tail_is_cut_off(case: Case) -> None:
    case.notes = dict(case.region.notes)
    _cut(case, 3)


@finds((Kind.REPLACED_HISTORY, chain_name(REGION, 2)))
def history_is_signed_anew_with_the_right_key(case: Case) -> None:
    case.notes = dict(case.region.notes)
    entry = read_entry(case.files[chain_name(REGION, 1)])
    _cut(case, 2)
    case.region.last = entry
    case.region.seal(THIRD, {"00ab": case.region.records(THIRD, "00ab", [SCORED])})
    case.region.seal(FOURTH, {})


@finds((Kind.FORGED_CHECKPOINT, witness_name(REGION, 3)))
def a_note_of_the_witness_is_damaged(case: Case) -> None:
    case.notes = dict(case.region.notes)
    case.notes[witness_name(REGION, 3)] = case.notes[witness_name(REGION, 3)].replace(b"\n3\n", b"\n2\n")


@finds((Kind.REPLACED_HISTORY, chain_name(REGION, 4)))
def the_witness_has_another_root_for_the_last_size(case: Case) -> None:
    case.notes = dict(case.region.notes)
    checkpoint = Checkpoint(f"vouch/{REGION}", 5, b"\x01" * 32, ("committed_at 2026-11-24T01:05:00.000Z",))
    note = sign_note(checkpoint, case.region.verifier_key, case.region.sign(checkpoint.text))
    case.notes[witness_name(REGION, 5)] = note.encode()


@finds((Kind.REPLACED_HISTORY, witness_name(REGION, 5)), (Kind.REPLACED_HISTORY, chain_name(REGION, 4)))
def a_region_has_signed_two_roots_for_one_size(case: Case) -> None:
    the_witness_has_another_root_for_the_last_size(case)
    assert case.notes is not None
    case.files[witness_name(REGION, 5)] = case.notes[witness_name(REGION, 5)]
    case.notes = dict(case.region.notes)


@finds((Kind.FORGED_CHECKPOINT, witness_name(REGION, 5)))
def a_note_of_the_witness_names_another_origin(case: Case) -> None:
    case.notes = dict(case.region.notes)
    checkpoint = Checkpoint("vouch/eastus2", 5, b"\x01" * 32)
    note = sign_note(checkpoint, case.region.verifier_key, case.region.sign(checkpoint.text))
    case.notes[witness_name(REGION, 5)] = note.encode()


@finds((Kind.UNWITNESSED, REGION))
def the_witness_has_kept_nothing(case: Case) -> None:
    case.notes = {}


@finds((Kind.OTHER_RECORD, SEALED_ID))
def a_record_is_another_than_its_receipt_says(case: Case) -> None:
    case.receipts = {**case.region.receipts, SEALED_ID: f"sha256:{'00' * 32}"}


@finds((Kind.MISSING_RECORD, NEVER_SEALED_ID))
def a_record_was_removed_before_its_window_was_sealed(case: Case) -> None:
    case.receipts = {NEVER_SEALED_ID: f"sha256:{'11' * 32}"}


@finds((Kind.UNKNOWN_RECORD, LATER_ID))
def a_receipt_is_of_a_window_that_is_not_sealed(case: Case) -> None:
    case.receipts = {LATER_ID: f"sha256:{'11' * 32}"}
