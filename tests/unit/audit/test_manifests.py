"""A manifest is read as it was written or not at all, and its counts tell every difference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical_json
from audit.manifests import (
    Counts,
    Difference,
    InvalidManifest,
    LaneEntry,
    Manifest,
    compare_counts,
    read_manifest,
)
from audit.segments import FileEntry
from audit.windows import Window
from tests.lakes import FIRST, sound_lake

FILE = FileEntry("decisions", "b", "9f3a", 5, 100, "aa" * 32, "bb" * 32, "first", "last", {"scored": 5})
PERFORMANCE = FileEntry("performance", "a", "", 2, 50, "cc" * 32, "dd" * 32, "", "", {"performance": 2})
LANE = LaneEntry("9f3a", 5, {"scored": 5})
MANIFEST = Manifest("westeurope", FIRST, 0, [LANE], [PERFORMANCE, FILE], Counts(5, 5, 5, 5), [])
COUNT = st.integers(0, 2**53 - 1)


@given(
    st.integers(0, 999),
    st.lists(st.builds(LaneEntry, st.text(max_size=4), COUNT, st.dictionaries(st.text(max_size=5), COUNT)), max_size=3),
    st.builds(Counts, COUNT, COUNT, COUNT, COUNT),
    st.lists(st.builds(Difference, st.text(max_size=4), st.text(max_size=5), COUNT, COUNT), max_size=2),
    st.sampled_from([60, 3600, 86_400]),
)
def test_manifest_reads_as_it_was_written(
    correction: int, lanes: list[LaneEntry], counts: Counts, differences: list[Difference], length_s: int
) -> None:
    lanes = list({lane.lane: lane for lane in lanes}.values())
    written = Manifest("r", Window(1_795_467_600, length_s), correction, lanes, [FILE], counts, differences)
    read = read_manifest(written.to_bytes())
    assert read.to_bytes() == written.to_bytes()
    assert (read.window, read.correction, read.counts) == (written.window, correction, counts)
    assert json.loads(read.to_bytes())["kind"] == ("correction" if correction else "window")


def test_manifest_lists_lanes_and_files_in_order() -> None:
    two = Manifest("r", FIRST, lanes=[LaneEntry("b", 0, {}), LaneEntry("a", 0, {})], files=[FILE, PERFORMANCE])
    value = json.loads(two.to_bytes())
    assert [lane["lane"] for lane in value["lanes"]] == ["a", "b"]
    assert [file["name"] for file in value["files"]] == ["a", "b"]


def test_every_manifest_of_a_sound_lake_reads_as_itself() -> None:
    contents = [content for name, content in sound_lake().files.items() if name.startswith("audit/manifests/")]
    assert len(contents) == 5
    assert all(read_manifest(content).to_bytes() == content for content in contents)


def changed(*path: Any, to: object) -> bytes:
    value: Any = json.loads(MANIFEST.to_bytes())
    at = value
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return canonical_json(value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        MANIFEST.to_bytes() + b"\n",
        MANIFEST.to_bytes().replace(b":", b": ", 1),
        MANIFEST.to_bytes()[:-1] + b',"more":1}',
        MANIFEST.to_bytes().replace(b'"region"', b'"region":"a","region"'),
        MANIFEST.to_bytes()[:-1] + b',"more":' + b"[" * 100_000,
        changed("format", to="vouch.manifest.v2"),
        changed("kind", to="correction"),
        changed("correction", to=-1),
        changed("correction", to=1),
        changed("window", "seconds", to=0),
        changed("window", "seconds", to=-3600),
        changed("window", "seconds", to=2**53 - 1),
        changed("window", "seconds", to=1800),
        changed("window", "start", to="2026-11-23T21:00:01Z"),
        changed("window", "end", to="2026-11-23T23:00:00Z"),
        changed("window", "name", to="20261123T210001Z"),
        changed("window", "name", to="20261323T210000Z"),
        changed("window", "name", to="99991231T235959Z"),
        changed("window", "name", to=""),
        changed("files", 0, "rows", to=-1),
        changed("files", 0, "rows", to="5"),
        changed("files", 0, "types", to={"performance": -2}),
        changed("files", 0, "more", to=1),
        changed("lanes", 0, "records", to=-5),
        changed("lanes", 0, "types", to=None),
        changed("counts", "rows", to=-1),
        changed("counts", to={"rows": 5}),
        changed("differences", to=[{}]),
        changed("files", to=[json.loads(MANIFEST.to_bytes())["files"][at] for at in (1, 0)]),
    ],
)
def test_bytes_that_are_no_manifest_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        read_manifest(content)


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(InvalidManifest):
        read_manifest(content)


def test_counts_that_agree_have_no_differences() -> None:
    assert compare_counts([LANE], {"9f3a": 5}, {"9f3a": 5}, [FILE, PERFORMANCE]) == (Counts(5, 5, 5, 5), [])


@pytest.mark.parametrize(
    ("rows", "minutes", "files", "differences"),
    [
        ({"9f3a": 4}, {"9f3a": 5}, [FILE], [Difference("9f3a", "rows", 5, 4)]),
        ({"9f3a": 5}, {}, [FILE], [Difference("9f3a", "minutes", 5, 0)]),
        ({"9f3a": 5}, {"9f3a": 6}, [], [Difference("9f3a", "minutes", 5, 6), Difference("9f3a", "lines", 5, 0)]),
    ],
)
def test_counts_that_differ_say_where(
    rows: dict[str, int], minutes: dict[str, int], files: list[FileEntry], differences: list[Difference]
) -> None:
    assert compare_counts([LANE], rows, minutes, files)[1] == differences
