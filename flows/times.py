"""Times as text: RFC 3339 in UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(time: datetime) -> str:
    """An aware time as `2026-11-23T21:00:00.000Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
