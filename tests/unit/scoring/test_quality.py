"""The measures equal scikit-learn's, which shares no code with them."""

from __future__ import annotations

import math
import random

import pytest
from sklearn import metrics

from scoring.quality import average_precision, brier_score, log_loss, roc_auc

RANDOM = random.Random(4)
SCORES = [round(RANDOM.random(), 2) * 0.98 + 0.01 for _ in range(1500)]
LABELS = [RANDOM.random() < score for score in SCORES]


def test_measures_equal_scikit_learns_with_ties() -> None:
    assert roc_auc(LABELS, SCORES) == pytest.approx(metrics.roc_auc_score(LABELS, SCORES), rel=1e-12)
    assert average_precision(LABELS, SCORES) == pytest.approx(
        metrics.average_precision_score(LABELS, SCORES), rel=1e-12
    )
    assert log_loss(LABELS, SCORES) == pytest.approx(metrics.log_loss(LABELS, SCORES), rel=1e-12)
    assert brier_score(LABELS, SCORES) == pytest.approx(metrics.brier_score_loss(LABELS, SCORES), rel=1e-12)


def test_perfect_and_hopeless_scores_are_told_apart() -> None:
    assert roc_auc([False, True], [0.1, 0.9]) == 1.0
    assert roc_auc([True, False], [0.1, 0.9]) == 0.0
    assert roc_auc([True, False], [0.5, 0.5]) == 0.5
    assert log_loss([True], [0.0]) == math.inf


def test_measures_that_need_both_kinds_of_deal_say_so() -> None:
    assert math.isnan(roc_auc([True, True], [0.1, 0.2]))
    assert math.isnan(average_precision([False], [0.1]))
