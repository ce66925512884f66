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
        ("PT0.5S", 0.5),
        ("PT1H30M15.25S", 5415.25),
    ],
)
def test_duration_is_read_and_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "10M", "PT10", "P1Y", "P1M", "PT-1S", "pt1s", "PT1.5M", " PT1S", "PT٣S", 600, None]
)
def test_what_is_no_duration_is_not_read(text: object) -> None:
    assert parse_duration(text) is None


@given(st.integers(0, 30 * 86_400_000))
def test_duration_written_and_read_is_the_same(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
