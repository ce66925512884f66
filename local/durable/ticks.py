"""Times as the real host writes them: .NET round-trip text with up to seven decimals, trailing zeros cut.

A time is an integer of ticks of 100 ns since 1970, so that nothing is rounded between a timer and its event.
"""

from __future__ import annotations

import calendar
import re
import time

TICKS_PER_SECOND = 10_000_000
TICKS_PER_MILLISECOND = 10_000
NEVER = "0001-01-01T00:00:00"
TEXT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,7})\d*)?(?:Z|\+00:00)?")


def system_ticks() -> int:
    """The time now."""
    return time.time_ns() // 100


def format_ticks(ticks: int) -> str:
    """`2026-11-23T22:22:46.10427Z`."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    decimals = f".{fraction:07d}".rstrip("0") if fraction else ""
    return f"{text}{decimals}Z"


def format_seconds(ticks: int) -> str:
    """Whole seconds, cut: `2026-11-23T22:22:46Z`."""
    return format_ticks(ticks - ticks % TICKS_PER_SECOND)


def parse_ticks(text: str) -> int:
    """The ticks of a UTC time in ISO 8601. Raises ValueError."""
    found = TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no UTC time like 2026-11-23T22:22:46.10427Z")
    seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    return seconds * TICKS_PER_SECOND + int((found[2] or "").ljust(7, "0"))
