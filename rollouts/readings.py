"""A reading: what a region has counted of the candidate and of stable. Its JSON is what a region answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUTCOMES = ("approve", "review", "decline")


class InvalidReading(ValueError):
    """What a region answered is no reading."""


@dataclass(frozen=True, slots=True)
class Counts:
    """`errors` are deals that could not be judged; `latency` and `risk` are histograms, bin to count."""

    decisions: int = 0
    errors: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    latency: Mapping[int, int] = field(default_factory=dict)
    risk: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """`flips` counts pairs of stable's outcome and the candidate's, for deals that both judged (empty: the candidate
    failed). Latency bin `i` ends below bound `i`, the last has no end."""

    stable: Counts
    candidate: Counts
    flips: Mapping[tuple[str, str], int] = field(default_factory=dict)
    latency_bounds_ms: tuple[float, ...] = ()


def parse_reading(document: object) -> Reading:
    """Raises InvalidReading."""
    try:
        assert isinstance(document, Mapping)
        return Reading(
            stable=_parse_counts(document["stable"]),
            candidate=_parse_counts(document["candidate"]),
            flips={(str(one), str(other)): int(count) for one, other, count in document["flips"]},
            latency_bounds_ms=tuple(float(bound) for bound in document["latency_bounds_ms"]),
        )
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise InvalidReading(f"the region's answer is no reading ({type(error).__name__})") from error


def _parse_counts(document: Mapping[str, Any]) -> Counts:
    return Counts(
        decisions=int(document["decisions"]),
        errors=int(document["errors"]),
        outcomes={str(outcome): int(count) for outcome, count in document["outcomes"].items()},
        latency={int(bin_): int(count) for bin_, count in document["latency"]},
        risk={int(bin_): int(count) for bin_, count in document["risk"]},
    )
