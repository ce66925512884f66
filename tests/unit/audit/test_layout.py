"""Every name is read back as what it was made of, and no other name is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.layout import (
    Place,
    chain_name,
    dataset_of,
    folder_of,
    manifest_name,
    performance_name,
    read_name,
    schema_name,
    segment_name,
    witness_name,
)
from audit.windows import Window, window_of

WINDOWS = st.builds(window_of, st.integers(0, 4_102_444_800_000), st.sampled_from([60, 3600, 86_400]))
LANES = st.integers(0, 0xFFFF).map("{:04x}".format)


@given(WINDOWS, LANES, st.sampled_from(["decisions", "releases"]))
def test_segment_s_name_reads_as_its_place(window: Window, lane: str, dataset: str) -> None:
    name = segment_name(dataset, "westeurope", window, lane)
    assert read_name(name) == Place(dataset, "westeurope", window.name, lane)
    assert name.startswith(folder_of(dataset, "westeurope"))


@given(WINDOWS, st.integers(0, 1000))
def test_names_of_windows_read_as_their_places(window: Window, correction: int) -> None:
    assert read_name(manifest_name("r", window, correction)) == Place("manifests", "r", window.name, "", correction)
    assert read_name(performance_name("r", window, correction)) == Place(
        "performance", "r", window.name, "", correction
    )


@given(st.integers(0, 10**12 - 1))
def test_numbered_names_read_as_their_places(number: int) -> None:
    assert read_name(chain_name("east-us-2", number)) == Place("chain", "east-us-2", number=number)
    assert read_name(witness_name("r", number)) == Place("witness", "r", number=number)


def test_schema_s_name_is_one_of_ours() -> None:
    assert read_name(schema_name("decisions")) == Place("schemas")


@given(st.lists(WINDOWS.filter(lambda window: window.length_s == 60), min_size=2))
def test_names_sort_by_window(windows: list[Window]) -> None:
    for before, after in pairwise(sorted(manifest_name("r", window) for window in windows)):
        assert read_name(before).window <= read_name(after).window  # type: ignore[union-attr]


NAME = segment_name("decisions", "westeurope", Window(1_795_467_600, 3600), "9f3a")


@pytest.mark.parametrize(
    "name",
    [
        "",
        NAME.removeprefix("audit/"),
        NAME + ".bak",
        NAME.replace("v1", "v2"),
        NAME.replace("hour=21", "hour=20"),
        NAME.replace("day=23", "day=24"),
        NAME.replace("month=11", "month=13").replace("202611", "202613"),
        NAME.replace("hour=21", "hour=25").replace("T21", "T25"),
        NAME.replace("2026", "0000"),
        NAME.replace("9f3a", "9F3A"),
        NAME.replace("9f3a", "9f3"),
        NAME.replace("-9f3a", ""),
        NAME.replace("decisions", "manifests"),
        NAME.replace("westeurope", "../etc"),
        NAME.replace("2026", "２０２６"),  # noqa: RUF001
        chain_name("r", 5).replace("0000", "00", 1),
        manifest_name("r", Window(1_795_467_600, 3600), 1).replace("c01", "c00"),
        manifest_name("r", Window(1_795_467_600, 3600), 1).replace("c01", "c1"),
    ],
)
def test_other_name_is_none_of_ours(name: str) -> None:
    assert read_name(name) is None


@given(st.text())
def test_any_text_is_a_name_or_not(text: str) -> None:
    assert read_name(text) is None


@pytest.mark.parametrize(
    ("record_type", "dataset"),
    [
        ("vouch.decision.scored.v1", "decisions"),
        ("vouch.subject.erased.v1", "decisions"),
        ("vouch.audit.read.v1", "decisions"),
        ("vouch.release.changed.v1", "releases"),
        ("vouch.reference.activated.v1", "releases"),
    ],
)
def test_record_belongs_to_one_dataset(record_type: str, dataset: str) -> None:
    assert dataset_of(record_type) == dataset
