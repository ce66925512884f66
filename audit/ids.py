"""Record ids: UUIDv7 (RFC 9562) whose last two bytes are the lane, so that an id alone tells where its record lies.

    48 bits  Unix time in milliseconds
     4 bits  version 7
    12 bits  random          \\
     2 bits  variant          > the 58 random bits that make ids of one millisecond differ and rise
    46 bits  random          /
    16 bits  lane

Inside a lane ids rise: where the clock stands still or runs back, the last id's random bits are stepped up
(RFC 9562, section 6.2, method 2).
"""

from __future__ import annotations

from uuid import UUID

LANE_BITS = 16
RANDOM_BITS = 58
LOW_BITS = 46
STEP_BITS = 32
LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""

_RANDOM_MASK = (1 << RANDOM_BITS) - 1
_LOW_MASK = (1 << LOW_BITS) - 1
_STEP_MASK = (1 << STEP_BITS) - 1
_LANE_MASK = (1 << LANE_BITS) - 1
_VERSION = 7 << 76
_VARIANT = 2 << 62


def mint_id(unix_ms: int, random_bits: int, lane: int, previous: UUID | None = None) -> UUID:
    """An id above `previous`, the last one minted in this lane. `random_bits`: at least 58 of them."""
    if previous is not None and unix_ms <= (previous_ms := time_of(previous)):
        stepped = _random_of(previous) + 1 + (random_bits & _STEP_MASK)
        unix_ms, random_bits = previous_ms + (stepped >> RANDOM_BITS), stepped
    high, low = divmod(random_bits & _RANDOM_MASK, 1 << LOW_BITS)
    return UUID(int=unix_ms << 80 | _VERSION | high << 64 | _VARIANT | low << LANE_BITS | lane)


def lane_of(record_id: UUID) -> int:
    """The lane, 0 to 65,535."""
    return record_id.int & _LANE_MASK


def time_of(record_id: UUID) -> int:
    """Unix time in milliseconds."""
    return record_id.int >> 80


def parse_id(text: str) -> UUID:
    """An id as somebody wrote it. Raises ValueError for what can't be a record's: no UUID of version 7, or of a time
    that no calendar has."""
    record_id = UUID(text)
    if record_id.version != 7 or time_of(record_id) > LAST_MS:
        raise ValueError(f"{text} is no record's id")
    return record_id


def _random_of(record_id: UUID) -> int:
    high = record_id.int >> 64 & 0xFFF
    return high << LOW_BITS | record_id.int >> LANE_BITS & _LOW_MASK
