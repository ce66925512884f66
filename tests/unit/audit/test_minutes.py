"""Which minute a counters' row is of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit.lanes import minute_started_s
from audit.windows import Window


@pytest.mark.parametrize(
    ("window_start", "row_key", "expected"),
    [
        ("2026-11-23T21:00:00", "!minute-2100", "2026-11-23T21:00:00"),
        ("2026-11-23T21:00:00", "!minute-2159", "2026-11-23T21:59:00"),
        ("2026-11-23T21:00:00", "!minute-2201", "2026-11-23T22:01:00"),
        ("2026-11-23T23:00:00", "!minute-0000", "2026-11-24T00:00:00"),
    ],
)
def test_minute_of_a_row_lies_in_its_window_or_right_after(window_start: str, row_key: str, expected: str) -> None:
    window = Window(_unix(window_start), 3600)
    assert minute_started_s(window, row_key) == _unix(expected)


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
