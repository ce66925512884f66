"""Windows: fixed slices of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.windows import Window, parse_window, window_of

LAST_MS = int(datetime(2026, 11, 23, 20, 59, 59, 999_000, UTC).timestamp() * 1000)
LENGTHS = st.sampled_from([1, 60, 300, 3600, 86_400])


@given(st.integers(0, 2**42), LENGTHS)
def test_window_of_a_time_holds_it(unix_ms: int, length_s: int) -> None:
    window = window_of(unix_ms, length_s)
    assert window.start_s * 1000 <= unix_ms < window.end_s * 1000
    assert window.end_s - window.start_s == length_s
    assert window.start_s % length_s == 0


@given(st.integers(0, 2**42), LENGTHS)
def test_window_is_found_again_by_its_name(unix_ms: int, length_s: int) -> None:
    window = window_of(unix_ms, length_s)
    assert parse_window(window.name, length_s) == window


def test_window_is_named_by_its_start_in_utc() -> None:
    assert window_of(LAST_MS, 3600).name == "20261123T200000Z"
    assert window_of(LAST_MS, 60).name == "20261123T205900Z"


@given(st.integers(0, 2**30), st.integers(0, 2**30))
def test_names_sort_as_times_do(one: int, other: int) -> None:
    windows = sorted([window_of(one * 1000, 60), window_of(other * 1000, 60)])
    assert windows[0].name <= windows[1].name


@pytest.mark.parametrize("length_s", [0, -60, 7, 100_000])
def test_length_that_does_not_divide_the_day_is_refused(length_s: int) -> None:
    with pytest.raises(ValueError, match="doesn't divide the day"):
        window_of(0, length_s)


@pytest.mark.parametrize(
    ("name", "length_s"),
    [
        ("20261323T210000Z", 60),
        ("20261123T250000Z", 60),
        ("00001123T210000Z", 60),
        ("99991231T230000Z", 3600),
        ("", 60),
    ],
)
def test_window_of_a_time_that_no_calendar_has_is_refused(name: str, length_s: int) -> None:
    with pytest.raises(ValueError, match="no window"):
        parse_window(name, length_s)


def test_windows_are_values() -> None:
    assert Window(0, 60) == window_of(59_999, 60)
