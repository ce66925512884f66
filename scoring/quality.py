"""How good scores are, by the usual measures. `labels` are True for fraud; scores are probabilities of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby


def roc_auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The chance that a fraud scores above a genuine deal, ties counting half (Mann-Whitney U); NaN without both."""
    frauds = sum(labels)
    genuine = len(labels) - frauds
    if not frauds or not genuine:
        return math.nan
    above = 0.0
    seen = 0
    for tied_frauds, tied in reversed(list(_ties(labels, scores))):
        tied_genuine = tied - tied_frauds
        above += tied_frauds * (seen + tied_genuine / 2)
        seen += tied_genuine
    return above / (frauds * genuine)


def average_precision(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Sum over thresholds of the precision times the recall gained there; NaN without a fraud."""
    frauds = sum(labels)
    found = looked_at = 0
    total = 0.0
    for tied_frauds, tied in _ties(labels, scores):
        found += tied_frauds
        looked_at += tied
        total += tied_frauds * found / looked_at
    return total / frauds if frauds else math.nan


def log_loss(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Mean negative log likelihood, in nats; infinite where a certain score was wrong."""
    likelihoods = [score if fraud else 1 - score for fraud, score in zip(labels, scores, strict=True)]
    if 0.0 in likelihoods:
        return math.inf
    return -math.fsum(map(math.log, likelihoods)) / len(likelihoods)


def brier_score(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Mean squared difference between score and outcome."""
    return math.fsum((score - fraud) ** 2 for fraud, score in zip(labels, scores, strict=True)) / len(scores)


def _ties(labels: Sequence[bool], scores: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Frauds and deals that share a score, from the highest score to the lowest."""
    ordered = sorted(zip(scores, labels, strict=True), key=lambda pair: -pair[0])
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        tied = [fraud for _, fraud in group]
        yield sum(tied), len(tied)
