"""The chain: entries and checkpoints."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from audit.chain import read_entry
from audit.layout import chain_name, manifest_name, segment_name
from audit.manifests import LaneEntry, Manifest, read_manifest
from audit.notes import open_note, sign_note
from audit.segments import SegmentWriter
from audit.verifying.findings import Kind
from audit.windows import Window, parse_window
from tests.lakes import FIRST, after, private_key
from tests.tamperings.case import (
    CORRECTION,
    EMPTY,
    FOURTH,
    LONG,
    MANIFEST,
    REGION,
    SEGMENT,
    THIRD,
    Case,
    finds,
    lines_of,
    packed,
)
from tests.tamperings.of_manifests import a_correction_is_added


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 0)))
def the_first_entry_is_removed(case: Case) -> None:
    del case.files[chain_name(REGION, 0)]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 1)))
def two_entries_are_removed(case: Case) -> None:
    del case.files[chain_name(REGION, 1)], case.files[chain_name(REGION, 2)]


@finds((Kind.MISSING_CHAIN, f"audit/chain/v1/region={REGION}/"))
def the_whole_chain_is_removed(case: Case) -> None:
    for name in [name for name in case.files if name.startswith("audit/chain/")]:
        del case.files[name]


@finds((Kind.DAMAGED_ENTRY, chain_name(REGION, 2)))
def an_entry_is_emptied(case: Case) -> None:
    case.files[chain_name(REGION, 2)] = b""


@finds((Kind.DAMAGED_ENTRY, chain_name(REGION, 2)))
def an_entry_is_written_in_another_form(case: Case) -> None:
    case.files[chain_name(REGION, 2)] = json.dumps(json.loads(case.files[chain_name(REGION, 2)])).encode()


@finds((Kind.DAMAGED_ENTRY, chain_name(REGION, 2)))
def an_entry_is_nested_endlessly(case: Case) -> None:
    case.files[chain_name(REGION, 2)] = b"[" * 200_000


@finds((Kind.SWAPPED_FILES, chain_name(REGION, 1)))
def two_entries_are_swapped(case: Case) -> None:
    one, two = chain_name(REGION, 1), chain_name(REGION, 2)
    case.files[one], case.files[two] = case.files[two], case.files[one]


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 5)))
def an_entry_is_added_as_a_copy(case: Case) -> None:
    case.files[chain_name(REGION, 5)] = case.files[chain_name(REGION, 4)]


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 2)))
def a_signature_is_damaged(case: Case) -> None:
    def change(entry: dict[str, Any]) -> None:
        text, _, signed = entry["checkpoint"].rpartition(" ")
        raw = bytearray(base64.b64decode(signed))
        raw[-1] ^= 1
        entry["checkpoint"] = f"{text} {base64.b64encode(raw).decode()}\n"

    case.edit(2, change)


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def the_time_of_commitment_is_changed(case: Case) -> None:
    case.edit(4, lambda entry: entry.update(committed_at="2026-11-24T01:00:00.000Z"))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_signature_is_added(case: Case) -> None:
    line = base64.b64encode(b"\0" * 70).decode()
    case.edit(4, lambda entry: entry.update(checkpoint=f"{entry['checkpoint']}— someone {line}\n"))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_signature_is_removed(case: Case) -> None:
    case.edit(4, lambda entry: entry.update(checkpoint=entry["checkpoint"].rpartition("\n— ")[0]))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_checkpoint_is_that_of_another_entry(case: Case) -> None:
    other = json.loads(case.files[chain_name(REGION, 3)])["checkpoint"]
    case.edit(4, lambda entry: entry.update(checkpoint=other))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_checkpoint_is_signed_by_a_stranger(case: Case) -> None:
    stranger = replace(case.region, key=private_key(66), files=case.files)
    stranger.last = read_entry(case.files[chain_name(REGION, 3)])
    stranger.commit(read_manifest(case.files[manifest_name(REGION, FOURTH)]))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_checkpoint_has_another_origin(case: Case) -> None:
    elsewhere = replace(case.region, origin="vouch/eastus2", files=case.files)
    elsewhere.last = read_entry(case.files[chain_name(REGION, 3)])
    elsewhere.commit(read_manifest(case.files[manifest_name(REGION, FOURTH)]))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 4)))
def a_file_is_changed_and_everything_above_it(case: Case) -> None:
    """As far as one comes without the key: segment, manifest, and the entry's tree are all made to fit."""
    content = packed(lines_of(case.files[LONG])[:-1])
    writer = SegmentWriter()
    for line in gzip.decompress(content).splitlines():
        event = json.loads(line)
        writer.add(line, event["id"], event["type"])
    case.files[LONG] = writer.finish()
    fooled = replace(case.region, key=private_key(66), files=case.files)
    fooled.last = read_entry(case.files[chain_name(REGION, 3)])
    old = read_manifest(case.files[manifest_name(REGION, FOURTH)])
    entry = writer.entry("decisions", LONG, "00ab")
    counts = replace(old.counts, rows=39, heads=39, minutes=39, lines=39)
    lanes = [LaneEntry("00ab", 39, entry.types)]
    fooled.commit(replace(old, lanes=lanes, counts=counts, files=[entry, old.files[-1]]))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_names_another_window(case: Case) -> None:
    case.edit(2, lambda entry: entry.update(window="20261124T090000Z"))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_names_another_file(case: Case) -> None:
    case.edit(2, lambda entry: entry["manifest"].update(name=EMPTY))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 4)))
def a_tree_is_signed_that_is_not_of_the_manifests(case: Case) -> None:
    last = read_entry(case.files[chain_name(REGION, 3)])
    case.region.last = replace(last, frontier=["00" * 32])
    case.region.commit(read_manifest(case.files[manifest_name(REGION, FOURTH)]))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 4)))
def a_manifest_of_another_window_is_committed(case: Case) -> None:
    case.region.last = read_entry(case.files[chain_name(REGION, 3)])
    case.region.commit(read_manifest(case.files[manifest_name(REGION, FOURTH)]), case.files[EMPTY])


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_says_another_digest_of_its_manifest(case: Case) -> None:
    case.edit(2, lambda entry: entry["manifest"].update(sha256="00" * 32))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_calls_its_window_a_correction(case: Case) -> None:
    case.edit(2, lambda entry: entry.update(kind="correction"))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_has_another_frontier(case: Case) -> None:
    case.edit(2, lambda entry: entry["frontier"].reverse())


@finds((Kind.MISSING_WINDOW, chain_name(REGION, 5)))
def a_window_was_never_sealed(case: Case) -> None:
    case.region.seal(after(FIRST, 6), {})


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 5)), (Kind.FALSE_MANIFEST, manifest_name(REGION, FIRST, 3)))
def a_correction_is_left_out(case: Case) -> None:
    case.region.seal(FIRST, {"0001": []}, correction=3)


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 5)))
def a_correction_comes_before_its_window(case: Case) -> None:
    case.region.seal(after(FIRST, 4), {}, correction=1)


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 5)))
def a_window_overlaps_an_earlier_one(case: Case) -> None:
    case.region.seal(Window(FIRST.start_s + 1800, 3600), {})


@finds((Kind.MISSING_WINDOW, chain_name(REGION, 5)))
def a_window_was_left_out_but_for_its_files(case: Case) -> None:
    case.region.seal(after(FIRST, 6), {})
    case.files[segment_name("decisions", REGION, after(FIRST, 4), "00ab")] = case.files[LONG]


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 5)))
def a_window_is_sealed_that_ends_after_every_calendar(case: Case) -> None:
    manifest = Manifest(REGION, parse_window("99991231T220000Z", 3600))
    case.region.commit(manifest, manifest.to_bytes().replace(b'"seconds":3600', b'"seconds":86400'))


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 2)))
def an_entry_is_removed_with_its_manifest(case: Case) -> None:
    del case.files[chain_name(REGION, 2)], case.files[manifest_name(REGION, THIRD)]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 2)), (Kind.ADDED_MANIFEST, manifest_name(REGION, FIRST, 2)))
def an_entry_is_removed_and_a_correction_is_added(case: Case) -> None:
    a_correction_is_added(case)
    del case.files[chain_name(REGION, 2)]


@finds(
    (Kind.DAMAGED_ENTRY, chain_name(REGION, 1)),
    (Kind.DAMAGED_ENTRY, chain_name(REGION, 2)),
    (Kind.ADDED_FILE, SEGMENT.replace("9f3a", "aaaa")),
)
def two_entries_are_emptied_and_a_file_is_added_elsewhere(case: Case) -> None:
    case.files[chain_name(REGION, 1)] = case.files[chain_name(REGION, 2)] = b""
    case.files[SEGMENT.replace("9f3a", "aaaa")] = case.files[SEGMENT]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 0)))
def the_first_entry_is_removed_with_its_manifest(case: Case) -> None:
    del case.files[chain_name(REGION, 0)], case.files[MANIFEST]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 2)), (Kind.ADDED_FILE, SEGMENT.replace("9f3a", "aaaa")))
def an_entry_is_removed_and_a_file_is_added_elsewhere(case: Case) -> None:
    del case.files[chain_name(REGION, 2)], case.files[manifest_name(REGION, THIRD)]
    case.files[SEGMENT.replace("9f3a", "aaaa")] = case.files[SEGMENT]


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)), (Kind.ADDED_FILE, SEGMENT.replace("9f3a", "aaaa")))
def an_entry_names_no_window_and_a_file_is_added_elsewhere(case: Case) -> None:
    case.edit(2, lambda entry: entry.update(window="some day"))
    del case.files[manifest_name(REGION, THIRD)]
    case.files[SEGMENT.replace("9f3a", "aaaa")] = case.files[SEGMENT]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 1)), (Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_is_removed_and_the_next_is_changed(case: Case) -> None:
    case.notes = dict(case.region.notes)
    del case.files[chain_name(REGION, 1)]
    case.edit(2, lambda entry: entry["frontier"].reverse())


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 3)), (Kind.ADDED_MANIFEST, manifest_name(REGION, FIRST, 2)))
def the_entry_of_a_correction_is_removed_and_a_correction_is_added(case: Case) -> None:
    a_correction_is_added(case)
    del case.files[chain_name(REGION, 3)]


@finds(*((Kind.FALSE_ENTRY, chain_name(REGION, number)) for number in (2, 3, 4)))
def an_entry_is_changed_and_the_next_tree_is_false(case: Case) -> None:
    last = read_entry(case.files[chain_name(REGION, 2)])
    case.region.last = replace(last, frontier=last.frontier[::-1])
    case.region.commit(read_manifest(case.files[CORRECTION]))
    case.edit(2, lambda entry: entry["frontier"].reverse())


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 0)), (Kind.FALSE_ENTRY, chain_name(REGION, 4)))
def an_entry_is_removed_and_a_later_tree_is_false(case: Case) -> None:
    a_tree_is_signed_that_is_not_of_the_manifests(case)
    del case.files[chain_name(REGION, 0)]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 1)), (Kind.CHANGED_MANIFEST, manifest_name(REGION, THIRD)))
def an_entry_is_removed_and_the_next_says_another_size_of_its_manifest(case: Case) -> None:
    del case.files[chain_name(REGION, 1)]
    case.edit(2, lambda entry: entry["manifest"].update(bytes=5))


@finds((Kind.FALSE_ENTRY, chain_name(REGION, 2)))
def an_entry_has_another_frontier_and_digest(case: Case) -> None:
    def change(entry: dict[str, Any]) -> None:
        entry["frontier"].reverse()
        entry["manifest"]["sha256"] = "00" * 32

    case.edit(2, change)


@finds((Kind.ADDED_FILE, f"audit/chain/v1/region={REGION}/notes.txt"))
def a_file_is_added_to_the_chain(case: Case) -> None:
    case.files[f"audit/chain/v1/region={REGION}/notes.txt"] = b"{}"


def _resign(case: Case, number: int, key: ec.EllipticCurvePrivateKey, **changes: Any) -> None:
    """Give an entry a checkpoint that is another one, signed under the region's name."""
    entry = read_entry(case.files[chain_name(REGION, number)])
    believed = open_note(entry.checkpoint, [case.region.verifier_key])
    checkpoint, signer = replace(believed, **changes), replace(case.region, key=key)
    note = sign_note(checkpoint, signer.verifier_key, signer.sign(checkpoint.text))
    case.edit(number, lambda value: value.update(checkpoint=note))


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 2)))
def a_checkpoint_names_another_origin(case: Case) -> None:
    _resign(case, 2, case.region.key, origin="vouch/eastus2")


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 2)))
def a_checkpoint_has_another_root(case: Case) -> None:
    _resign(case, 2, case.region.key, root=b"\x07" * 32)


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 2)))
def a_checkpoint_has_another_size(case: Case) -> None:
    _resign(case, 2, case.region.key, size=4)


@finds((Kind.FORGED_CHECKPOINT, chain_name(REGION, 2)))
def an_entry_in_the_middle_is_a_stranger_s(case: Case) -> None:
    last = read_entry(case.files[chain_name(REGION, 1)])
    stranger = replace(case.region, key=private_key(66), files={}, last=replace(last, frontier=["00" * 32]))
    stranger.commit(read_manifest(case.files[manifest_name(REGION, THIRD)]))
    case.files[chain_name(REGION, 2)] = stranger.files[chain_name(REGION, 2)]


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 3)), (Kind.MISSING_FILE, SEGMENT))
def a_file_is_removed_and_an_entry_that_has_nothing_to_do_with_it(case: Case) -> None:
    del case.files[chain_name(REGION, 3)], case.files[SEGMENT]
