"""The metrics that a rollout can be judged by: each a value of one side, or of the pairs that both sides judged.

A value is None where there is nothing to take it of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollouts.plan import Of
from rollouts.readings import RISK_BINS, Counts, Reading

P95 = 0.95
PSI_SMOOTHING = 0.5
PSI_BINS = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and the number of deals it was taken of."""

    value: float | None
    samples: int


def decisions(counts: Counts, bounds_ms: tuple[float, ...]) -> Sample:
    """How many deals the side judged."""
    return Sample(float(counts.decisions), counts.decisions + counts.errors)


def error_rate(counts: Counts, bounds_ms: tuple[float, ...]) -> Sample:
    """The share of its deals that the side could not judge."""
    asked = counts.decisions + counts.errors
    return Sample(counts.errors / asked if asked else None, asked)


def decline_rate(counts: Counts, bounds_ms: tuple[float, ...]) -> Sample:
    return _outcome_rate(counts, "decline")


def review_rate(counts: Counts, bounds_ms: tuple[float, ...]) -> Sample:
    return _outcome_rate(counts, "review")


def latency_p95_ms(counts: Counts, bounds_ms: tuple[float, ...]) -> Sample:
    """The 95th percentile by linear interpolation inside its bin; in the last, open bin its lower bound."""
    total = sum(counts.latency.values())
    if not total:
        return Sample(None, 0)
    rank, seen = P95 * total, 0
    bins = sorted(counts.latency.items())
    at = 0
    while seen + bins[at][1] < rank:
        seen += bins[at][1]
        at += 1
    bin_, count = bins[at]
    low = bounds_ms[bin_ - 1] if bin_ else 0.0
    high = bounds_ms[bin_] if bin_ < len(bounds_ms) else low
    return Sample(low + (high - low) * (rank - seen) / count, total)


def score_psi(reading: Reading) -> Sample:
    """The population stability index of the candidate's risk scores against stable's: the sum over bins of
    (p - q) ln(p / q), with half a deal added to each bin so that an empty one has a logarithm. For one model over time,
    below 0.1 is taken as unchanged and above 0.25 as another population (Siddiqi, Credit Risk Scorecards, 2006); two
    versions differ more.

    Five bins, each a fifth of the scale, where ten are usual: the scores of trees come in clumps, and one that moved
    from 190 to 210 is no other population; and what chance adds grows with the bins, as (bins - 1)(1/n + 1/m)
    (Yurdakul, Statistical Properties of Population Stability Index, Western Michigan University, 2018)."""
    one, other = _coarsen(reading.candidate.risk), _coarsen(reading.stable.risk)
    samples = min(sum(one), sum(other))
    if not samples:
        return Sample(None, 0)
    pairs = zip(_shares(one), _shares(other), strict=True)
    return Sample(sum((p - q) * math.log(p / q) for p, q in pairs), samples)


def flip_rate(reading: Reading) -> Sample:
    """The share of the deals judged by both whose outcome differs."""
    both = {pair: count for pair, count in reading.flips.items() if pair[1]}
    total = sum(both.values())
    flipped = sum(count for (one, other), count in both.items() if one != other)
    return Sample(flipped / total if total else None, total)


def approve_to_decline_per_10k(reading: Reading) -> Sample:
    """Of 10,000 deals judged by both, how many stable approves and the candidate declines."""
    total = sum(count for (_, other), count in reading.flips.items() if other)
    turned = reading.flips.get(("approve", "decline"), 0)
    return Sample(10_000 * turned / total if total else None, total)


ONE_SIDED: Mapping[str, Callable[[Counts, tuple[float, ...]], Sample]] = {
    "decisions": decisions,
    "error_rate": error_rate,
    "latency_p95_ms": latency_p95_ms,
    "decline_rate": decline_rate,
    "review_rate": review_rate,
}
TWO_SIDED: Mapping[str, Callable[[Reading], Sample]] = {
    "score_psi": score_psi,
    "flip_rate": flip_rate,
    "approve_to_decline_per_10k": approve_to_decline_per_10k,
}
PAIRED = frozenset({"flip_rate", "approve_to_decline_per_10k"})
"""Those that need deals which both versions judged."""

NAMES = (*ONE_SIDED, *TWO_SIDED)
HIGHEST: Mapping[str, float] = {
    "error_rate": 1.0,
    "decline_rate": 1.0,
    "review_rate": 1.0,
    "flip_rate": 1.0,
    "approve_to_decline_per_10k": 10_000.0,
}
"""Every metric is 0 or more; the others have no end."""


def range_of(name: str, of: Of) -> tuple[float, float]:
    """The lowest and the highest value that a metric can have."""
    highest = HIGHEST.get(name, math.inf)
    return {Of.CANDIDATE: (0.0, highest), Of.DELTA: (-highest, highest), Of.RATIO: (0.0, math.inf)}[of]


def _outcome_rate(counts: Counts, outcome: str) -> Sample:
    share = counts.outcomes.get(outcome, 0) / counts.decisions if counts.decisions else None
    return Sample(share, counts.decisions)


def _coarsen(histogram: Mapping[int, int]) -> list[int]:
    bins = [0] * PSI_BINS
    for bin_, count in histogram.items():
        bins[bin_ * PSI_BINS // RISK_BINS] += count
    return bins


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts) + PSI_SMOOTHING * len(counts)
    return [(count + PSI_SMOOTHING) / total for count in counts]
