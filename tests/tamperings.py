"""Every way to tamper with a lake that the verifier claims to see through: what is done, and what has to be found.

Each one is a function that changes a sound `Case` in place. What is found is a kind, and where.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from audit.canonical import canonical_json
from audit.chain import read_entry
from audit.layout import chain_name, manifest_name, performance_name, segment_name, witness_name
from audit.manifests import Difference, LaneEntry, Manifest, read_manifest
from audit.notes import Checkpoint, open_note, sign_note
from audit.segments import SegmentWriter
from audit.verifying.findings import Kind
from audit.windows import Window
from tests.lakes import FIRST, KINDS, Region, after, copy_of, private_key, sound_lake

REGION = "westeurope"
THIRD, FOURTH = after(FIRST, 2), after(FIRST, 3)
SEGMENT = segment_name("decisions", REGION, FIRST, "9f3a")
OTHER = segment_name("decisions", REGION, THIRD, "00ab")
LONG = segment_name("decisions", REGION, FOURTH, "00ab")
MANIFEST = manifest_name(REGION, FIRST)
CORRECTION = manifest_name(REGION, FIRST, 1)
EMPTY = manifest_name(REGION, after(FIRST))
SCORED, *_, CHANGED = KINDS


SOUND = sound_lake()
SEALED_ID = next(iter(SOUND.receipts))
NEVER_SEALED_ID = f"{SEALED_ID[:-8]}00000001"
LATER_ID = f"01b{SEALED_ID[3:]}"


@dataclass
class Case:
    """A copy, the witness's notes (None: no witness is asked) and receipts."""

    region: Region = field(default_factory=lambda: copy_of(SOUND))
    notes: dict[str, bytes] | None = None
    receipts: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, bytes]:
        return self.region.files

    def edit(self, number: int, change: Callable[[dict[str, Any]], None]) -> str:
        """Change an entry of the chain as a forger without the key would; its name."""
        name = chain_name(REGION, number)
        value = json.loads(self.files[name])
        change(value)
        self.files[name] = canonical_json(value)
        return name


@dataclass(frozen=True)
class Tampering:
    what: str
    do: Callable[[Case], None]
    found: tuple[tuple[Kind, str], ...]

    def __str__(self) -> str:
        return self.what


ALL: list[Tampering] = []


def finds(*found: tuple[Kind, str]) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Say what has to be found once a tampering was done."""

    def note(do: Callable[[Case], None]) -> Callable[[Case], None]:
        ALL.append(Tampering(do.__name__, do, found))
        return do

    return note


def lines_of(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines(keepends=True)


def packed(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), 4, mtime=0)


def resealed(case: Case, change: Callable[[Manifest], Manifest], at: int = 4) -> None:
    """Let who holds the key commit another last manifest: what is signed is not believed for that alone."""
    sealed = case.region
    entry = read_entry(sealed.files[chain_name(REGION, at)])
    manifest = change(read_manifest(sealed.files[entry.manifest.name]))
    sealed.last = read_entry(sealed.files[chain_name(REGION, at - 1)])
    del sealed.files[entry.manifest.name]
    sealed.commit(manifest)


# --- segments --------------------------------------------------------------------------------------------------------


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_byte_of_the_gzip_is_changed(case: Case) -> None:
    content = bytearray(case.files[SEGMENT])
    content[-9] ^= 0xFF
    case.files[SEGMENT] = bytes(content)


@finds((Kind.REPACKED_FILE, SEGMENT))
def a_byte_of_the_gzip_header_is_changed(case: Case) -> None:
    content = bytearray(case.files[SEGMENT])
    content[4] = 7
    case.files[SEGMENT] = bytes(content)


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_line_is_changed(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[2] = lines[2].replace(b'"score":0', b'"score":1')
    case.files[SEGMENT] = packed(lines)


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_line_is_no_json_any_more(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[2] = lines[2].replace(b":", b";", 1)
    case.files[SEGMENT] = packed(lines)


@finds((Kind.MISSING_LINES, SEGMENT))
def a_line_is_removed(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    case.files[SEGMENT] = packed(lines[:1] + lines[2:])


@finds((Kind.ADDED_LINES, SEGMENT))
def a_line_is_added(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    case.files[SEGMENT] = packed([*lines, lines[-1]])


@finds((Kind.CHANGED_LINES, SEGMENT))
def two_lines_are_exchanged(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[1], lines[2] = lines[2], lines[1]
    case.files[SEGMENT] = packed(lines)


@finds((Kind.REPACKED_FILE, SEGMENT))
def a_file_is_compressed_anew(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(gzip.decompress(case.files[SEGMENT]), 9, mtime=1)


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_is_cut_off(case: Case) -> None:
    case.files[SEGMENT] = case.files[SEGMENT][:-1]


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_is_emptied(case: Case) -> None:
    case.files[SEGMENT] = b""


@finds((Kind.DAMAGED_FILE, SEGMENT))
def bytes_follow_a_file(case: Case) -> None:
    case.files[SEGMENT] += b"\x00"


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_second_member_follows_a_file(case: Case) -> None:
    case.files[SEGMENT] += gzip.compress(b"")


@finds((Kind.ADDED_LINES, SEGMENT))
def a_file_becomes_a_bomb(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(b"\n" * 10**7)


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_becomes_one_endless_line(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(b"{" * 10**7)


@finds((Kind.MISSING_FILE, SEGMENT))
def a_file_is_removed(case: Case) -> None:
    del case.files[SEGMENT]


@finds((Kind.MISSING_FILE, performance_name(REGION, FIRST)))
def a_performance_file_is_removed(case: Case) -> None:
    del case.files[performance_name(REGION, FIRST)]


@finds((Kind.MISSING_LINES, performance_name(REGION, FIRST)))
def a_line_of_performance_is_removed(case: Case) -> None:
    name = performance_name(REGION, FIRST)
    case.files[name] = packed(lines_of(case.files[name])[:1])


@finds((Kind.ADDED_FILE, segment_name("decisions", REGION, FIRST, "abcd")))
def a_file_is_added_to_a_window(case: Case) -> None:
    case.files[segment_name("decisions", REGION, FIRST, "abcd")] = case.files[SEGMENT]


@finds((Kind.ADDED_FILE, segment_name("decisions", REGION, Window(FIRST.start_s - 86_400, 3600), "9f3a")))
def a_file_is_added_before_the_first_window(case: Case) -> None:
    case.files[segment_name("decisions", REGION, Window(FIRST.start_s - 86_400, 3600), "9f3a")] = case.files[SEGMENT]


@finds((Kind.ADDED_FILE, "audit/decisions/v1/region=westeurope/notes.txt"))
def a_file_of_another_kind_is_added(case: Case) -> None:
    case.files["audit/decisions/v1/region=westeurope/notes.txt"] = b"seen and approved"


@finds((Kind.ADDED_FILE, SEGMENT.replace("hour=21", "hour=20")))
def a_file_is_added_under_another_hour(case: Case) -> None:
    case.files[SEGMENT.replace("hour=21", "hour=20")] = case.files[SEGMENT]


@finds((Kind.SWAPPED_FILES, SEGMENT))
def two_files_are_swapped(case: Case) -> None:
    case.files[SEGMENT], case.files[OTHER] = case.files[OTHER], case.files[SEGMENT]


@finds((Kind.SWAPPED_FILES, LONG), (Kind.SWAPPED_FILES, OTHER), (Kind.SWAPPED_FILES, SEGMENT))
def three_files_change_places(case: Case) -> None:
    files = case.files
    files[SEGMENT], files[OTHER], files[LONG] = files[OTHER], files[LONG], files[SEGMENT]


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_file_is_replaced_by_a_copy_of_another(case: Case) -> None:
    case.files[SEGMENT] = case.files[OTHER]


# --- manifests -------------------------------------------------------------------------------------------------------


@finds((Kind.MISSING_MANIFEST, MANIFEST))
def a_manifest_is_removed(case: Case) -> None:
    del case.files[MANIFEST]


@finds((Kind.MISSING_MANIFEST, CORRECTION))
def a_correction_is_removed(case: Case) -> None:
    del case.files[CORRECTION]


@finds((Kind.CHANGED_MANIFEST, MANIFEST))
def a_manifest_is_changed(case: Case) -> None:
    case.files[MANIFEST] = case.files[MANIFEST].replace(b'"rows":5', b'"rows":4', 1)


@finds((Kind.CHANGED_MANIFEST, MANIFEST))
def a_manifest_is_nested_endlessly(case: Case) -> None:
    case.files[MANIFEST] = case.files[MANIFEST][:-1] + b',"x":' + b"[" * 100_000


@finds((Kind.SWAPPED_FILES, EMPTY))
def two_manifests_are_swapped(case: Case) -> None:
    third = manifest_name(REGION, THIRD)
    case.files[EMPTY], case.files[third] = case.files[third], case.files[EMPTY]


@finds((Kind.ADDED_MANIFEST, manifest_name(REGION, FIRST, 2)))
def a_correction_is_added(case: Case) -> None:
    added = Manifest(REGION, FIRST, 2)
    case.files[manifest_name(REGION, FIRST, 2)] = added.to_bytes()


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FIRST, 2)))
def a_manifest_is_added_under_another_name(case: Case) -> None:
    case.files[manifest_name(REGION, FIRST, 2)] = case.files[CORRECTION]


@finds((Kind.CHANGED_MANIFEST, EMPTY))
def a_manifest_is_replaced_by_a_copy_of_another(case: Case) -> None:
    case.files[EMPTY] = case.files[manifest_name(REGION, THIRD)]


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def what_is_no_manifest_is_committed(case: Case) -> None:
    case.region.last = read_entry(case.files[chain_name(REGION, 3)])
    manifest = case.files[manifest_name(REGION, FOURTH)]
    case.region.commit(read_manifest(manifest), manifest.replace(b'"counts"', b'"Counts"'))


@finds((Kind.RECORDED_DIFFERENCE, manifest_name(REGION, FOURTH)))
def counts_differed_when_a_window_was_sealed(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, differences=[Difference("00ab", "minutes", 40, 39)]))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def counts_differ_without_a_word(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=replace(manifest.counts, minutes=39)))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def counts_are_no_sums(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=replace(manifest.counts, heads=41, rows=41)))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def a_lane_has_other_types_than_its_files(case: Case) -> None:
    lane = LaneEntry("00ab", 40, {"vouch.decision.rejected.v1": 40})
    resealed(case, lambda manifest: replace(manifest, lanes=[lane]))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def a_lane_is_there_twice(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, lanes=[*manifest.lanes, LaneEntry("00ab", 0, {})]))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)), (Kind.MISSING_FILE, SEGMENT))
def a_manifest_names_a_file_of_another_window(case: Case) -> None:
    first = read_manifest(case.files[MANIFEST])
    stolen = next(file for file in first.files if file.name == SEGMENT)
    resealed(case, lambda manifest: replace(manifest, files=[*manifest.files, stolen]))


@finds((Kind.FALSE_FILE, LONG))
def a_manifest_lies_about_a_root(case: Case) -> None:
    resealed(
        case,
        lambda manifest: replace(
            manifest, files=[replace(f, root="00" * 32) if f.name == LONG else f for f in manifest.files]
        ),
    )


@finds((Kind.FALSE_FILE, LONG))
def a_manifest_lies_about_the_last_id(case: Case) -> None:
    resealed(
        case,
        lambda manifest: replace(
            manifest, files=[replace(f, last=f.first) if f.name == LONG else f for f in manifest.files]
        ),
    )


def _seal_lines(case: Case, lines: list[tuple[bytes, str, str]]) -> None:
    """Let who holds the key seal lines that are none in the last window."""

    def change(manifest: Manifest) -> Manifest:
        writer = SegmentWriter()
        for line, record_id, kind in lines:
            writer.add(line, record_id, kind)
        case.files[LONG] = writer.finish()
        entry = writer.entry("decisions", LONG, "00ab")
        counts = replace(manifest.counts, rows=len(lines), heads=len(lines), minutes=len(lines), lines=len(lines))
        lanes = [LaneEntry("00ab", len(lines), entry.types)]
        return replace(manifest, lanes=lanes, counts=counts, files=[entry, manifest.files[-1]])

    resealed(case, change)


def _events(case: Case) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(case.files[LONG])]


def _seal_events(case: Case, events: list[dict[str, Any]]) -> None:
    _seal_lines(case, [(canonical_json(event), str(event["id"]), str(event["type"])) for event in events])


@finds((Kind.FALSE_FILE, LONG))
def what_is_personal_is_sealed_readable(case: Case) -> None:
    events = _events(case)
    events[7]["data"]["personal"] = {"deal_id": "D-1", "salt": "00"}
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_of_another_dataset_is_sealed(case: Case) -> None:
    events = _events(case)
    events[7]["type"] = "vouch.release.changed.v1"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_of_another_lane_is_sealed(case: Case) -> None:
    events = _events(case)
    events[7]["id"] = f"{events[7]['id'][:-4]}9f3a"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_is_sealed_twice(case: Case) -> None:
    events = _events(case)
    _seal_events(case, [*events, events[-1]])


@finds((Kind.FALSE_FILE, LONG))
def a_record_from_before_the_window_is_sealed(case: Case) -> None:
    events = _events(case)
    events[0]["id"] = f"01a20000{events[0]['id'][8:]}"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_is_nested_endlessly(case: Case) -> None:
    deep = b'{"id":"%b","data":%b' % (SEALED_ID.encode(), b'{"a":' * 100_000)
    _seal_lines(case, [(deep + b"}" * 100_001, SEALED_ID, "vouch.decision.scored.v1")])


@finds((Kind.FALSE_FILE, LONG))
def what_is_no_record_is_sealed(case: Case) -> None:
    _seal_lines(case, [(b"[]", "", "vouch.decision.scored.v1")])


# --- the chain -------------------------------------------------------------------------------------------------------


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


@finds((Kind.MISSING_ENTRY, chain_name(REGION, 0)), (Kind.FALSE_ENTRY, chain_name(REGION, 4)))
def an_entry_is_removed_and_a_later_tree_is_false(case: Case) -> None:
    a_tree_is_signed_that_is_not_of_the_manifests(case)
    del case.files[chain_name(REGION, 0)]


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


# --- what only the witness or a receipt shows ------------------------------------------------------------------------


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
