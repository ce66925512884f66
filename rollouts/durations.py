"""Durations as ISO 8601 writes them, without years and months, whose length nobody knows: `PT10M`, `P1DT12H`."""

from __future__ import annotations

import re

_UNITS_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(
    r"P(?:(?P<d>\d{1,6})D)?(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,8}(?:\.\d{1,6})?)S)?)?", re.ASCII
)


def parse_duration(text: object) -> float | None:
    """Seconds, or None where it is no duration."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()) or str(text).endswith("T"):
        return None
    return sum(_UNITS_S[unit] * float(count) for unit, count in match.groupdict().items() if count)


def format_duration(seconds: float) -> str:
    """The shortest way to write it."""
    whole, parts = int(seconds), []
    fraction = round(seconds - whole, 6)
    for unit in "dhm":
        count, whole = divmod(whole, int(_UNITS_S[unit]))
        parts.append(f"{count}{unit.upper()}" if count else "")
    rest = f"{whole + fraction:.6f}".rstrip("0").rstrip(".") if whole or fraction else ""
    parts.append(f"{rest}S" if rest else "")
    time = "".join(parts[1:])
    return f"P{parts[0]}{f'T{time}' if time else ''}" if parts[0] or time else "PT0S"
