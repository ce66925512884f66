"""Purging: rows go only once they are past retention and provably in the lake, whatever happens on the way."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.chain import read_entry
from audit.layout import chain_name, manifest_name
from audit.manifests import read_manifest
from audit.notes import VerifierKey, open_note, sign_note
from audit.records import RecordType
from audit.windows import Window
from flows.sealing.committed_manifests import CommittedManifests
from flows.sealing.prove_window import ProveWindow
from flows.sealing.purge_windows import Purged, PurgeWindows
from tests.fakes_trail import MemoryVault, Steps, Stopped
from tests.unit.flows.trail import HOUR, START, Trail

DAY = 86_400
RETENTION = 90 * DAY
SECOND = Window(START.end_s, HOUR)
RELEASED = RecordType.RELEASE_CHANGED


def purge_of(trail: Trail, retention_s: float = RETENTION) -> PurgeWindows:
    """A purge in a new process."""

    def prove() -> ProveWindow:
        manifests = CommittedManifests(HOUR, trail.lake, trail.room.chain)
        return ProveWindow(trail.lake, trail.lanes, manifests)

    return PurgeWindows(trail.lanes, prove, trail.clock, HOUR, retention_s)


def windows_of(trail: Trail) -> list[str]:
    """The windows that still have lanes."""
    return sorted({window.name for window, _ in trail.lanes.lanes})


async def sealed_trail(windows: int = 2) -> Trail:
    """Windows with two lanes each, of decisions and releases, sealed and past retention."""
    trail = Trail()
    for number in range(windows):
        window = Window(START.start_s + number * HOUR, HOUR)
        trail.append(window, 0x9F3A, 3, subjects=["P-1"])
        trail.append(window, 0x9F3A, 2, kind=RELEASED)
        trail.append(window, 0xBEEF, 2)
    trail.pass_windows(windows)
    await trail.seal()
    trail.clock.advance(RETENTION + HOUR)
    return trail


async def test_window_past_retention_that_lies_in_the_lake_is_purged() -> None:
    trail = await sealed_trail()
    assert await purge_of(trail)() == Purged([START.name, SECOND.name])
    assert trail.lanes.lanes == {}
    assert await purge_of(trail)() == Purged()


async def test_window_is_kept_until_it_is_past_retention() -> None:
    trail = await sealed_trail()
    trail.clock.advance(-HOUR - 60 - HOUR)  # a second window's length before its time
    trail.clock.advance(1)
    assert (await purge_of(trail)()).windows == [START.name]
    trail.clock.advance(HOUR)
    assert (await purge_of(trail)()).windows == [SECOND.name]


async def test_window_that_is_not_sealed_is_kept() -> None:
    trail = Trail()
    trail.append(START, 1, 2)
    trail.clock.advance(RETENTION + 2 * HOUR)
    purged = await purge_of(trail)()
    assert purged.kept[START.name]["reason"] == "uncommitted"
    assert windows_of(trail) == [START.name]


async def test_window_whose_manifest_is_not_in_the_chain_is_kept() -> None:
    trail = await sealed_trail()
    del trail.lake.files[chain_name("westeurope", 1)]
    trail.restart()
    purged = await purge_of(trail)()
    assert purged.windows == [START.name]
    assert purged.kept[SECOND.name]["reason"] == "uncommitted"


async def test_late_lane_keeps_its_window_until_a_correction_holds_it() -> None:
    trail = await sealed_trail()
    late = trail.append(START, 0x0001, 1)
    purged = await purge_of(trail)()
    assert purged.windows == [SECOND.name]
    assert purged.kept[START.name] == {"reason": "late", "detail": "no manifest holds the lanes 0001"}
    assert str(late[0].record_id) in trail.lanes.lanes[START, "0001"].rows

    trail.clock.advance(-RETENTION)  # within what is looked back for late lanes
    await trail.seal()
    trail.clock.advance(RETENTION)
    assert (await purge_of(trail)()).windows == [START.name]
    assert trail.lanes.lanes == {}


async def test_correction_that_is_not_in_the_chain_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    trail.append(START, 0x0001, 1)
    trail.clock.advance(-RETENTION)
    await trail.seal()
    trail.clock.advance(RETENTION)
    (sequence,) = (number for number, manifest in enumerate(trail.manifests()) if manifest.correction)
    for number in range(sequence, len(trail.manifests())):
        del trail.lake.files[chain_name("westeurope", number)]
    trail.restart()
    assert (await purge_of(trail)()).kept[START.name]["reason"] == "uncommitted"


async def test_difference_that_a_manifest_tells_of_keeps_its_window() -> None:
    trail = Trail()
    (record, _) = trail.append(START, 1, 2)
    trail.remove_row(record.record_id)
    trail.pass_windows()
    await trail.seal()
    trail.clock.advance(RETENTION + HOUR)
    purged = await purge_of(trail)()
    assert purged.kept[START.name]["reason"] == "different"
    assert windows_of(trail) == [START.name]


async def test_row_that_is_no_line_of_the_lake_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    (stranger,) = Trail().append(START, 0xBEEF, 1, deal_id="D-other")
    row = dict(next(iter(trail.lanes.lanes[START, "beef"].record_rows())))
    trail.lanes.lanes[START, "beef"].rows[str(stranger.record_id)] = {**row, "RowKey": str(stranger.record_id)}
    purged = await purge_of(trail)()
    assert "is not in the lake" in purged.kept[START.name]["detail"]
    assert windows_of(trail) == [START.name]


async def test_row_with_another_digest_than_its_line_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    trail.lanes.lanes[START, "beef"].record_rows()[0]["digest"] = "sha256:" + "00" * 32
    assert (await purge_of(trail)()).kept[START.name]["reason"] == "different"


async def test_lane_that_was_erased_from_since_is_purged() -> None:
    trail = await sealed_trail(1)
    row = trail.lanes.lanes[START, "9f3a"].record_rows()[0]
    row["event"] = b"blanked"
    assert (await purge_of(trail)()).windows == [START.name]


async def test_file_of_the_same_lines_in_other_bytes_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    name = next(name for name in trail.lake.files if name.endswith("-beef.jsonl.gz"))
    trail.lake.files[name] = gzip.compress(gzip.decompress(trail.lake.files[name]), 9, mtime=0)
    assert (await purge_of(trail)()).kept[START.name]["detail"] == f"{name} is not what its manifest says"


async def test_checkpoint_that_another_key_has_signed_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    name = chain_name("westeurope", 0)
    entry = read_entry(trail.lake.files[name])
    stranger = MemoryVault()
    checkpoint = open_note(entry.checkpoint, [await trail.room.chain.public_key()])
    key = VerifierKey("vouch/westeurope", await stranger.public_key())
    forged = sign_note(checkpoint, key, await stranger.sign(checkpoint.text.encode()))
    trail.lake.files[name] = replace(entry, checkpoint=forged).to_bytes()
    assert "none of the known keys" in (await purge_of(trail)()).kept[START.name]["detail"]


async def test_checkpoint_of_another_time_keeps_its_window() -> None:
    trail = await sealed_trail(1)
    name = chain_name("westeurope", 0)
    later = replace(read_entry(trail.lake.files[name]), committed_at="2027-01-01T00:00:00.000Z")
    trail.lake.files[name] = later.to_bytes()
    assert (await purge_of(trail)()).kept[START.name]["reason"] == "different"


Damage = Callable[[dict[str, bytes], str, int], None]


def remove(files: dict[str, bytes], name: str, at: int) -> None:
    del files[name]


def change_a_byte(files: dict[str, bytes], name: str, at: int) -> None:
    content = bytearray(files[name])
    content[at % len(content)] ^= 1
    files[name] = bytes(content)


def cut_off(files: dict[str, bytes], name: str, at: int) -> None:
    files[name] = files[name][: at % len(files[name])]


def drop_a_line(files: dict[str, bytes], name: str, at: int) -> None:
    """Sound to look at: a segment with a line less, anything else with a byte more."""
    content = files[name]
    if name.endswith(".gz"):
        files[name] = gzip.compress(b"".join(gzip.decompress(content).splitlines(keepends=True)[:-1]), mtime=0)
    else:
        files[name] = content + b" "


def swap_with_another(files: dict[str, bytes], name: str, at: int) -> None:
    """The content of another window's file of the kind."""
    others = [other for other in files if other != name and other.split("/")[1] == name.split("/")[1]]
    files[name] = files[others[-1]] if others else b"{}"


DAMAGES: list[Damage] = [remove, change_a_byte, cut_off, drop_a_line, swap_with_another]


@settings(deadline=None, max_examples=60)
@given(st.data())
async def test_window_with_any_damage_to_its_files_is_kept(data: st.DataObject) -> None:
    trail = await sealed_trail(3)
    window = data.draw(st.sampled_from([Window(START.start_s + number * HOUR, HOUR) for number in range(3)]))
    sequence = (window.start_s - START.start_s) // HOUR
    manifest = manifest_name("westeurope", window)
    files = [file.name for file in read_manifest(trail.lake.files[manifest]).files]
    name = data.draw(st.sampled_from([manifest, chain_name("westeurope", sequence), *files]))
    before = dict(trail.lake.files)
    data.draw(st.sampled_from(DAMAGES))(trail.lake.files, name, data.draw(st.integers(0, 5_000)))
    trail.restart()
    rows = {key: dict(lane.rows) for key, lane in trail.lanes.lanes.items() if key[0] == window}
    purged = await purge_of(trail)()
    if trail.lake.files != before:
        assert window.name in purged.kept
        assert {key: lane.rows for key, lane in trail.lanes.lanes.items() if key[0] == window} == rows
    assert window.name not in purged.windows or trail.lake.files == before


@pytest.mark.parametrize("when", ["stop_before", "stop_after"])
async def test_purge_that_is_killed_at_any_step_is_finished_by_the_next(when: str) -> None:
    steps, number = Steps(), 0
    while number == 0 or len(steps.calls) >= number:
        number += 1
        trail = await sealed_trail()
        steps = Steps(**{when: number})
        trail.use(steps)
        try:
            await purge_of(trail)()
        except Stopped:
            trail.use(Steps())
            trail.restart()
            assert (await purge_of(trail)()).kept == {}
        assert trail.lanes.lanes == {}
    assert number > 20


async def test_lane_that_was_deleted_in_part_is_deleted_to_the_end() -> None:
    trail = await sealed_trail(1)
    lane = trail.lanes.lanes[START, "9f3a"]
    for key in [*sorted(lane.rows)[::2]]:
        del lane.rows[key]
    assert (await purge_of(trail)()).windows == [START.name]


async def test_run_begins_no_window_after_its_time_is_over() -> None:
    trail = await sealed_trail(3)

    class Slow(ProveWindow):
        async def __call__(self, window: Window, registered: object) -> None:
            trail.clock.advance(130)

    purge = PurgeWindows(
        trail.lanes,
        lambda: Slow(trail.lake, trail.lanes, CommittedManifests(HOUR, trail.lake, trail.room.chain)),
        trail.clock, HOUR, RETENTION,
    )  # fmt: skip
    purged = await purge()
    assert (len(purged.windows), purged.is_done) == (2, False)
    assert (len((await purge()).windows), windows_of(trail)) == (1, [])


async def test_windows_far_apart_are_all_purged() -> None:
    trail = Trail()
    far = Window(START.start_s + 2_500 * HOUR, HOUR)
    trail.append(START, 1, 1)
    trail.append(far, 1, 1)
    trail.clock.advance(2_502 * HOUR)
    await trail.seal()
    trail.clock.advance(RETENTION)
    assert (await purge_of(trail)()).windows == [START.name, far.name]
