"""Sealing: what lies in the lake is what was in the ledger, however often the sealer is killed on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from audit.manifests import Manifest
from audit.personal import SUBJECT
from audit.records import Record, RecordType, digest_of_event
from audit.windows import Window
from flows.sealing.seal_lane import SegmentDiffers
from tests.fakes_trail import Steps, Stopped
from tests.unit.flows.trail import HOUR, START, Trail

REVIEWED, READ, ROLLOUT = RecordType.DECISION_REVIEWED, RecordType.AUDIT_READ, RecordType.ROLLOUT_CHANGED
NEXT = Window(START.end_s, HOUR)


@pytest.fixture
def trail() -> Trail:
    return Trail()


def fill(trail: Trail) -> list[Record]:
    """Two lanes with records of both datasets, some of them personal."""
    return [
        *trail.append(START, 0x9F3A, 3, deal_id="D-1", subjects=["anna", "ben"], features={"age": 40}),
        *trail.append(START, 0x9F3A, 2, kind=ROLLOUT),
        *trail.append(START, 0x0001, 2, deal_id="D-2", features={"age": 41}),
        *trail.append(START, 0x0001, 1, kind=REVIEWED, reason="looked twice"),
        *trail.append(START, 0x0001, 1, kind=READ),
    ]


def check(trail: Trail, records: Sequence[Record], windows: int) -> list[Manifest]:
    """One chain of so many manifests, whose lines are these records, each once and whole."""
    manifests = trail.manifests()
    assert len(manifests) == windows
    found = {}
    for manifest in manifests:
        for file in manifest.files:
            content = trail.lake.files[file.name]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
        for dataset in ("decisions", "releases"):
            for line in trail.lines(manifest, dataset):
                assert line["id"] not in found
                found[line["id"]] = digest_of_event(line)
        assert not manifest.differences
        assert manifest.counts.rows == manifest.counts.heads == manifest.counts.minutes == manifest.counts.lines
    assert found == {str(record.record_id): record.digest for record in records}
    named = {file.name for manifest in manifests for file in manifest.files}
    assert named == {name for name in trail.lake.files if name.endswith(".gz")}
    return manifests


async def check_boxes(trail: Trail) -> list[Any]:
    """What is in the boxes of the first window, opened by the keys that stand."""
    lines = trail.lines(trail.manifests()[0])
    return [await trail.open(line) for line in lines if "box" in line["data"]["personal"]]


async def test_window_is_sealed_with_everything_that_was_recorded(trail: Trail) -> None:
    records = fill(trail)
    trail.pass_windows()
    await trail.seal()
    (manifest,) = check(trail, records, 1)
    assert [(lane.lane, lane.records) for lane in manifest.lanes] == [("0001", 4), ("9f3a", 5)]
    assert [(file.dataset, file.lane, file.rows) for file in manifest.files] == [
        ("decisions", "0001", 4), ("decisions", "9f3a", 3), ("releases", "9f3a", 2),
    ]  # fmt: skip


async def test_what_is_personal_lies_there_only_encrypted_and_can_be_opened(trail: Trail) -> None:
    fill(trail)
    trail.pass_windows()
    await trail.seal()
    text = json.dumps(trail.lines(trail.manifests()[0]))
    assert not any(word in text for word in ("anna", "D-1", "age", "looked twice"))
    opened = await check_boxes(trail)
    assert [personal.get("deal_id") for personal in opened] == ["D-2", "D-2", None, "D-1", "D-1", "D-1"]


async def test_every_window_has_a_manifest_also_an_empty_one(trail: Trail) -> None:
    records = fill(trail)
    trail.pass_windows(6)
    await trail.seal()
    manifests = check(trail, records, 6)
    assert [manifest.window.start_s for manifest in manifests] == [START.start_s + HOUR * n for n in range(6)]


async def test_open_window_is_left_alone(trail: Trail) -> None:
    trail.append(START, 1)
    trail.clock.advance(HOUR + 59)  # its grace is not over
    await trail.seal()
    assert not trail.lake.files


async def test_lane_that_appears_later_is_sealed_as_a_correction(trail: Trail) -> None:
    records = fill(trail)
    trail.pass_windows(2)
    await trail.seal()
    late = trail.append(START, 0x0777, 2, deal_id="D-late")
    await trail.seal()
    manifests = check(trail, [*records, *late], 3)
    assert [(manifest.kind, manifest.correction) for manifest in manifests] == [
        ("window", 0), ("window", 0), ("correction", 1),
    ]  # fmt: skip
    later = trail.append(START, 0x0778)
    trail.pass_windows()
    await trail.seal()
    check(trail, [*records, *late, *later], 5)


async def test_fenced_lane_takes_nothing_more(trail: Trail) -> None:
    fill(trail)
    trail.pass_windows()
    await trail.seal()
    assert all(lane.head is not None and lane.head.sealed for lane in trail.lanes.lanes.values())


async def test_registered_lane_without_a_head_is_fenced_and_empty(trail: Trail) -> None:
    trail.lanes.register(START, "0abc", has_head=False)
    trail.pass_windows()
    await trail.seal()
    (manifest,) = check(trail, [], 1)
    assert [(lane.lane, lane.records) for lane in manifest.lanes] == [("0abc", 0)]


async def test_records_are_found_by_subject_deal_and_decision(trail: Trail) -> None:
    first = trail.append(START, 1, 2, deal_id="D-1", subjects=["anna"])
    trail.pass_windows()
    await trail.seal()
    for kind, value in ((SUBJECT, "anna"), ("deal", "D-1")):
        assert await trail.find(kind, value) == [record.record_id for record in first]
    assert await trail.find(SUBJECT, "D-1") == []


async def test_person_who_was_erased_is_sealed_without_what_was_personal(trail: Trail) -> None:
    records = fill(trail)
    await trail.erase("anna")
    trail.pass_windows()
    await trail.seal()
    (manifest,) = check(trail, records, 1)
    with_anna = [line for line in trail.lines(manifest) if line["id"] in {str(r.record_id) for r in records[:3]}]
    assert all("personal" not in line["data"] for line in with_anna)
    assert b"anna" not in b"".join(map(zlib.decompress, trail.payloads()))
    assert await trail.find("deal", "D-1") == []


async def test_row_that_was_changed_is_told_as_a_difference(trail: Trail) -> None:
    records = fill(trail)
    row = trail.row_of(records[0].record_id)
    row["event"] = zlib.compress(zlib.decompress(row["event"]).replace(b"approve", b"decline"))
    trail.pass_windows()
    await trail.seal()
    (manifest,) = trail.manifests()
    assert [(d.lane, d.what, d.found) for d in manifest.differences] == [("9f3a", "digests", 1)]


async def test_row_that_was_removed_is_told_as_a_difference(trail: Trail) -> None:
    records = fill(trail)
    trail.remove_row(records[1].record_id)
    trail.pass_windows()
    await trail.seal()
    (manifest,) = trail.manifests()
    assert {(d.lane, d.what, d.expected, d.found) for d in manifest.differences} == {
        ("9f3a", "rows", 5, 4), ("9f3a", "lines", 5, 4),
    }  # fmt: skip


async def test_file_that_stands_and_is_another_is_not_sealed_over(trail: Trail) -> None:
    fill(trail)
    trail.pass_windows()
    other = Trail()
    other.append(START, 0x9F3A, 3, deal_id="D-9")
    other.pass_windows()
    await other.seal()
    name = next(name for name in other.lake.files if "decisions" in name)
    trail.lake.files[name] = other.lake.files[name]
    with pytest.raises(SegmentDiffers):
        await trail.seal()
    assert not any("manifests" in name for name in trail.lake.files)


@pytest.mark.parametrize("place", ["stop_before", "stop_after"])
async def test_sealer_killed_at_any_step_leaves_one_set_of_files_one_manifest_one_chain(place: str) -> None:
    stop, was_killed = 0, True
    while was_killed:
        stop += 1
        trail = Trail()
        records = fill(trail)
        trail.pass_windows(2)
        trail.use(Steps(**{place: stop}))
        try:
            await trail.seal()
            was_killed = False
        except Stopped:
            trail.restart()
            trail.use(Steps())
            await trail.seal()
        trail.use(Steps())
        check(trail, records, 2)
        assert len(await check_boxes(trail)) == 6
    assert stop > 30


async def test_two_sealers_at_once_leave_one_set_of_files_one_manifest_one_chain(trail: Trail) -> None:
    records = fill(trail)
    trail.pass_windows(3)
    await asyncio.gather(trail.seal(), trail.seal(), trail.seal())
    check(trail, records, 3)
    assert len(await check_boxes(trail)) == 6
