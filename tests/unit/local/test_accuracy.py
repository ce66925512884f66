"""The demo's measures, against scikit-learn and by hand."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from local.accuracy import Judged, measure_auc, measure_precision, measure_recall, quantile


def judge(outcome: str, score: float, is_fraud: bool) -> Judged:
    return Judged("westeurope", outcome, score, is_fraud, 1.0)


def test_measures_of_many_claims_equal_scikit_learns() -> None:
    random_ = random.Random(7)
    judged = [
        judge(random_.choice(["approve", "review", "decline"]), random_.randrange(20) / 20, random_.random() < 0.2)
        for _ in range(500)
    ]
    truth = [item.is_fraud for item in judged]
    stopped = [item.outcome != "approve" for item in judged]
    assert measure_auc(judged) == pytest.approx(roc_auc_score(truth, [item.score for item in judged]))
    assert measure_precision(judged) == pytest.approx(precision_score(truth, stopped))
    assert measure_recall(judged) == pytest.approx(recall_score(truth, stopped))


def test_measures_of_claims_that_cannot_be_measured_are_none() -> None:
    approved = [judge("approve", 0.1, False), judge("approve", 0.2, False)]
    assert measure_auc(approved) is None
    assert measure_precision(approved) is None
    assert measure_recall(approved) is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4), (0.0, 1)])
def test_quantile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert quantile([4, 1, 3, 2], share) == expected
