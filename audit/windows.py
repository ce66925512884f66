"""Windows: the fixed UTC time slices of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

DAY_S = 86_400


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
    """The window of a name."""
    started = datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Window(int(started.timestamp()), length_s)


def window_of(unix_ms: int, length_s: int) -> Window:
    """The window that holds a time. `length_s` divides the day."""
    if length_s <= 0 or DAY_S % length_s:
        raise ValueError(f"A window of {length_s} s doesn't divide the day; take 3600 or 60.")
    second = unix_ms // 1000
    return Window(second - second % length_s, length_s)
