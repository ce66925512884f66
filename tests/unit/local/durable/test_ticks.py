"""Times as .NET writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.durable.ticks import format_seconds, format_ticks, parse_ticks


@given(st.integers(min_value=0, max_value=4_000_000_000 * 10_000_000))
def test_ticks_written_and_read_are_the_same(ticks: int) -> None:
    assert parse_ticks(format_ticks(ticks)) == ticks


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-23T22:22:46.104270Z", "2026-11-23T22:22:46.10427Z"),
        ("2026-11-23T22:22:46.0000000Z", "2026-11-23T22:22:46Z"),
        ("2026-11-23T22:22:46", "2026-11-23T22:22:46Z"),
        ("2026-11-23T22:22:46.1042709+00:00", "2026-11-23T22:22:46.1042709Z"),
        ("0001-01-01T00:00:00.000000Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_time_is_written_with_no_zero_at_the_end(text: str, written: str) -> None:
    assert format_ticks(parse_ticks(text)).rjust(len(written), "0") == written


def test_whole_seconds_are_cut_not_rounded() -> None:
    assert format_seconds(parse_ticks("2026-11-23T22:22:46.9999999Z")) == "2026-11-23T22:22:46Z"


def test_text_that_is_no_time_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'soon' is no UTC time"):
        parse_ticks("soon")
