"""Times as text: RFC 3339 in UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(time: datetime) -> str:
    """An aware time as `2026-11-23T21:00:00.000Z`."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
