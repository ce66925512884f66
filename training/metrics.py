"""How good scores are, by the usual measures. `labels` are 1.0 for fraud, 0.0 for genuine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def roc_auc(labels: Vector, scores: Vector) -> float:
    """The chance that a fraud scores above a genuine deal, ties counting half (Mann-Whitney U)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    positives = labels.sum()
    rank_sum = mid_ranks[inverse][labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))


def average_precision(labels: Vector, scores: Vector) -> float:
    """Sum over thresholds of precision times the recall gained there; tied scores share a threshold."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = np.cumsum(labels[order])[ends]
    precision = found / (ends + 1)
    return float(np.sum(np.diff(found, prepend=0.0) * precision) / labels.sum())


def log_loss(labels: Vector, scores: Vector) -> float:
    """Mean negative log likelihood, in nats."""
    return float(-np.mean(np.log(np.where(labels == 1, scores, 1 - scores))))


def brier_score(labels: Vector, scores: Vector) -> float:
    """Mean squared difference between score and outcome."""
    return float(np.mean((scores - labels) ** 2))


def share_from(risk_scores: Vector, threshold: int) -> float:
    """The share of deals with at least this risk score; NaN where there is no deal."""
    return float(np.mean(risk_scores >= threshold)) if len(risk_scores) else float("nan")
