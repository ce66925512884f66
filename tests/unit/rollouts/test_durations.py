"""Durations in ISO 8601."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT10M", 600),
        ("PT1H", 3600),
        ("P1D", 86_400),
        ("P1DT12H", 129_600),
        ("PT0S", 0),
        ("PT0.5S", 0.5),
        ("PT0.000001S", 0.000001),
        ("PT1H30M15.25S", 5415.25),
        ("P30D", 2_592_000),
    ],
)
def test_duration_is_read_and_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("text", "shortest"), [("PT60M", "PT1H"), ("PT90S", "PT1M30S"), ("PT24H", "P1D")])
def test_duration_is_written_the_shortest_way(text: str, shortest: str) -> None:
    seconds = parse_duration(text)
    assert seconds is not None
    assert format_duration(seconds) == shortest


def test_duration_that_rounds_up_carries_over() -> None:
    assert format_duration(59.9999999) == "PT1M"


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "10M", "PT10", "P1Y", "P1M", "PT-1S", "pt1s", "PT1.5M", "PT1.S", "PT.5S", "PT1.1234567S",
     " PT1S", "PT1S\n", "PT٣S", "P1234567D", 600, True, None, ["PT1S"]],
)  # fmt: skip
def test_what_is_no_duration_is_not_read(text: object) -> None:
    assert parse_duration(text) is None


@given(st.integers(0, 30 * 86_400 * 1_000_000))
def test_duration_written_and_read_is_the_very_same(microseconds: int) -> None:
    seconds = microseconds / 1_000_000
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(alphabet="PTDHMS.0123456789", max_size=16))
def test_duration_read_and_written_means_the_same(text: str) -> None:
    seconds = parse_duration(text)
    if seconds is not None:
        assert parse_duration(format_duration(seconds)) == seconds
