"""Durations as ISO 8601 writes them, without years and months, whose length nobody knows: `PT10M`, `P1DT12H`.

Counted in whole microseconds, so that what is written and read again is the very same number.
"""

from __future__ import annotations

import re

SECOND_US = 1_000_000
_UNITS_US = {"d": 86_400 * SECOND_US, "h": 3_600 * SECOND_US, "m": 60 * SECOND_US}
_DURATION = re.compile(
    r"P(?:(?P<d>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,8})(?:\.(?P<fraction>\d{1,6}))?S)?)?",
    re.ASCII,
)


def parse_duration(text: object) -> float | None:
    """Seconds, or None where it is no duration. A second may have up to six decimals."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        return None
    whole_us = sum(int(match[unit] or 0) * unit_us for unit, unit_us in _UNITS_US.items())
    seconds_us = int(match["s"] or 0) * SECOND_US + int((match["fraction"] or "").ljust(6, "0"))
    return (whole_us + seconds_us) / SECOND_US


def format_duration(seconds: float) -> str:
    """The shortest way to write it, to the microsecond."""
    left_us, parts = round(seconds * SECOND_US), {}
    for unit, unit_us in _UNITS_US.items():
        parts[unit], left_us = divmod(left_us, unit_us)
    whole, fraction_us = divmod(left_us, SECOND_US)
    fraction = f".{fraction_us:06}".rstrip("0") if fraction_us else ""
    date = f"{parts['d']}D" if parts["d"] else ""
    time = "".join(f"{parts[unit]}{unit.upper()}" for unit in "hm" if parts[unit])
    time += f"{whole}{fraction}S" if left_us or not (date or time) else ""
    return f"P{date}{f'T{time}' if time else ''}"
