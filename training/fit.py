"""Fits the classifier, the same bytes every time: one thread, fixed seeds, row-wise histograms.

The number of trees and the calibration come from five folds inside the training years; the following year is looked
at only once the model stands, to report on it. The folds are dealt out by position (row i goes to fold i mod 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

FOLDS = 5
MAX_TREES = 300
PATIENCE = 40
PARAMETERS: dict[str, object] = {
    "objective": "binary",
    "num_leaves": 8,
    "max_depth": 4,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "lambda_l2": 2.0,
    "cat_smooth": 5.0,
    "max_cat_to_onehot": 13,
    "seed": 7,
    "deterministic": True,
    "num_threads": 1,
    "force_row_wise": True,
    "verbosity": -1,
}

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model text, and the scores that each training row got from a model that had not seen it."""

    model_text: str
    held_out_scores: Matrix
    trees: int


def fit(rows: Matrix, labels: Matrix, names: Sequence[str], categorical: Sequence[str]) -> Fitted:
    """Fit on all rows, with as many trees as five-fold cross-validation found best by log loss."""
    data = lightgbm.Dataset(rows, labels, feature_name=list(names), categorical_feature=list(categorical))
    fold_of = np.arange(len(labels)) % FOLDS
    folds = [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(FOLDS)]
    found: dict[str, Any] = lightgbm.cv(
        PARAMETERS,
        data,
        num_boost_round=MAX_TREES,
        folds=folds,
        metrics=["binary_logloss"],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        return_cvbooster=True,
    )
    trees = len(found["valid binary_logloss-mean"])
    held_out = np.empty(len(labels))
    for booster, (_, held) in zip(found["cvbooster"].boosters, folds, strict=True):
        held_out[held] = booster.predict(rows[held], num_iteration=trees)
    booster = lightgbm.train(PARAMETERS, data, num_boost_round=trees)
    return Fitted(booster.model_to_string(), held_out, trees)
