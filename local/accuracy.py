"""How good decisions were, once the truth is known. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Judged:
    """One answered claim: its region, decision, what was found out later, and how long the answer took."""

    region: str
    outcome: str
    score: float
    is_fraud: bool
    latency_ms: float


def measure_auc(judged: Sequence[Judged]) -> float | None:
    """The chance that a fraud scores above a genuine claim, ties counting half (Mann-Whitney U); None without both."""
    frauds = sum(item.is_fraud for item in judged)
    genuine = len(judged) - frauds
    if not frauds or not genuine:
        return None
    below, wins = 0, 0.0
    for _, group in groupby(sorted(judged, key=lambda item: item.score), key=lambda item: item.score):
        tied = [item.is_fraud for item in group]
        tied_genuine = tied.count(False)
        wins += tied.count(True) * (below + tied_genuine / 2)
        below += tied_genuine
    return wins / (frauds * genuine)


def measure_precision(judged: Sequence[Judged]) -> float | None:
    """The share of frauds among the claims that were not approved; None: all were."""
    stopped = [item for item in judged if item.outcome != "approve"]
    return sum(item.is_fraud for item in stopped) / len(stopped) if stopped else None


def measure_recall(judged: Sequence[Judged]) -> float | None:
    """The share of the frauds that were not approved; None: there was none."""
    frauds = [item for item in judged if item.is_fraud]
    return sum(item.outcome != "approve" for item in frauds) / len(frauds) if frauds else None


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value with at least this share of the values at or below it (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
