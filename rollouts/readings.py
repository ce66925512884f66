"""A reading: what a region has counted of the candidate and of stable. Its JSON is what a region answers, and what
control reads.

A region is believed, but not blindly: numbers that can't be counts are no reading, so that nothing that follows has to
expect a negative count or a bin that isn't there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Never, TypeVar

OUTCOMES = ("approve", "review", "decline")
RISK_BINS = 50
"""As the ledger counts them: `audit.counters.RISK_BINS`."""

MOST = 2**53
"""The largest count; beyond it JSON numbers are no longer exact (RFC 8259, section 6)."""
MOST_BOUNDS = 1_000


class InvalidReading(ValueError):
    """What a region answered is no reading."""


@dataclass(slots=True)
class Counts:
    """One side of a reading, as it is added up. `errors` are deals it was asked about and could not judge; `latency`
    and `risk` are histograms, bin to count."""

    decisions: int = 0
    errors: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    latency: dict[int, int] = field(default_factory=dict)
    risk: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """`flips` counts pairs of stable's outcome and the candidate's, for deals that both judged (empty: the candidate
    failed). Latency bin `i` ends below bound `i`, the last has no end."""

    stable: Counts
    candidate: Counts
    flips: Mapping[tuple[str, str], int] = field(default_factory=dict)
    latency_bounds_ms: tuple[float, ...] = ()


def reading_data(reading: Reading) -> dict[str, Any]:
    """The reading as JSON values, as a region answers it."""
    return {
        "stable": _counts_data(reading.stable),
        "candidate": _counts_data(reading.candidate),
        "flips": [[one, other, count] for (one, other), count in sorted(reading.flips.items())],
        "latency_bounds_ms": list(reading.latency_bounds_ms),
    }


def parse_reading(document: object) -> Reading:
    """Fields that aren't known are left alone: a newer region may say more. Raises InvalidReading."""
    members = _object("a reading", document)
    bounds_ms = _parse_bounds(_member(members, "latency_bounds_ms"))
    stable, candidate = (
        _parse_counts(side, _member(members, side), latency_bins=len(bounds_ms) + 1) for side in ("stable", "candidate")
    )
    return Reading(stable, candidate, _parse_flips(_member(members, "flips")), bounds_ms)


def _counts_data(counts: Counts) -> dict[str, Any]:
    return {
        "decisions": counts.decisions,
        "errors": counts.errors,
        "outcomes": counts.outcomes,
        "latency": [[bin_, count] for bin_, count in sorted(counts.latency.items())],
        "risk": [[bin_, count] for bin_, count in sorted(counts.risk.items())],
    }


def _parse_counts(side: str, document: object, *, latency_bins: int) -> Counts:
    members = _object(side, document)
    outcomes = _object(f"{side}.outcomes", _member(members, "outcomes"))
    return Counts(
        decisions=_count(f"{side}.decisions", _member(members, "decisions")),
        errors=_count(f"{side}.errors", _member(members, "errors")),
        outcomes={_outcome(name): _count(f"{side}.outcomes", count) for name, count in outcomes.items()},
        latency=_parse_histogram(f"{side}.latency", _member(members, "latency"), latency_bins),
        risk=_parse_histogram(f"{side}.risk", _member(members, "risk"), RISK_BINS),
    )


def _parse_histogram(what: str, document: object, bins: int) -> dict[int, int]:
    def bin_of(row: Sequence[object]) -> int:
        bin_ = _count(what, row[0])
        return bin_ if bin_ < bins else _refuse(f"{what} has no bin {bin_}")

    return _parse_rows(what, document, width=2, key=bin_of)


def _parse_flips(document: object) -> dict[tuple[str, str], int]:
    def pair_of(row: Sequence[object]) -> tuple[str, str]:
        return _outcome(row[0]), row[1] if row[1] == "" else _outcome(row[1])

    return _parse_rows("flips", document, width=3, key=pair_of)


Key = TypeVar("Key")


def _parse_rows(what: str, document: object, width: int, key: Callable[[Sequence[object]], Key]) -> dict[Key, int]:
    """Rows of a key and, at their end, a count."""
    rows = document if isinstance(document, list | tuple) else _refuse(f"{what} is no list")
    counts: dict[Key, int] = {}
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != width:
            _refuse(f"{what} has a row that is not {width} long")
        counts[key(row)] = _count(what, row[-1])
    return counts if len(counts) == len(rows) else _refuse(f"{what} says something twice")


def _parse_bounds(document: object) -> tuple[float, ...]:
    bounds = document if isinstance(document, list | tuple) else _refuse("latency_bounds_ms is no list")
    if not all(type(bound) in {int, float} for bound in bounds) or len(bounds) > MOST_BOUNDS:
        _refuse(f"latency_bounds_ms are not at most {MOST_BOUNDS} numbers")
    if not all(low < high for low, high in pairwise([0, *bounds, MOST])):
        _refuse("latency_bounds_ms do not rise from above 0")
    return tuple(float(bound) for bound in bounds)


def _object(what: str, document: object) -> Mapping[str, object]:
    return document if isinstance(document, Mapping) else _refuse(f"{what} is no object")


def _member(members: Mapping[str, object], name: str) -> object:
    return members[name] if name in members else _refuse(f"{name} is missing")


def _count(what: str, value: object) -> int:
    return value if type(value) is int and 0 <= value <= MOST else _refuse(f"{what} is no count")


def _outcome(value: object) -> str:
    return value if isinstance(value, str) and value in OUTCOMES else _refuse("there is an unknown outcome")


def _refuse(fault: str) -> Never:
    raise InvalidReading(f"the region's answer is no reading: {fault}")
