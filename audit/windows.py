"""Windows: the fixed UTC time slices of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

DAY_S = 86_400
LAST_S = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`start_s` and `length_s` in seconds; the start is Unix time."""

    start_s: int
    length_s: int

    @property
    def end_s(self) -> int:
        return self.start_s + self.length_s

    @property
    def name(self) -> str:
        """`20261123T210000Z`: sorts by time."""
        return datetime.fromtimestamp(self.start_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_window(name: str, length_s: int) -> Window:
    """The window of a name. Raises ValueError where a calendar has no such time, or not all of the window."""
    try:
        started = datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{name!r} is no window") from None
    window = Window(int(started.timestamp()), length_s)
    if window.end_s > LAST_S:
        raise ValueError(f"{name!r} of {length_s} s is no window: it ends after the year 9999")
    return window


def window_of(unix_ms: int, length_s: int) -> Window:
    """The window that holds a time. `length_s` divides the day."""
    if length_s <= 0 or DAY_S % length_s:
        raise ValueError(f"A window of {length_s} s doesn't divide the day; take 3600 or 60.")
    second = unix_ms // 1000
    return Window(second - second % length_s, length_s)
