"""Times as text: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def format_second(unix_s: int) -> str:
    """`2026-11-23T21:00:00Z`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
