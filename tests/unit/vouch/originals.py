"""Classifiers that `training/` did not make, each trained by LightGBM's own interface on data of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

QUIET = {"verbosity": -1, "num_threads": 1, "seed": 3}


@dataclass(frozen=True)
class Original:
    """A trained classifier, the sample as its `predict` takes it, and LightGBM's own answers."""

    classifier: Any
    sample: Any
    labels: list[Any]

    @property
    def booster(self) -> lightgbm.Booster:
        return getattr(self.classifier, "booster_", self.classifier)

    @property
    def scores(self) -> list[float]:
        return self.booster.predict(self.sample).tolist()

    @property
    def contributions(self) -> list[list[float]]:
        return self.booster.predict(self.sample, pred_contrib=True).tolist()


def _shop(rows: int = 700) -> tuple[pd.DataFrame, Any]:
    """Orders with text, whole-number and ordered categories, booleans, and values missing everywhere."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "order value": rng.lognormal(4, 1, rows),
            "channel": pd.Categorical(rng.choice(["web", "shop", "phone", "none"], rows, p=[0.5, 0.3, 0.19, 0.01])),
            "region code": pd.Categorical(rng.choice([10, 20, 35], rows).astype(float)),
            "rush": rng.random(rows) < 0.3,
            "size": pd.Categorical(rng.choice(["s", "m", "l"], rows), categories=["s", "m", "l"], ordered=True),
            "items": rng.integers(1, 9, rows),
        }
    )
    odds = frame["rush"] * 1.5 + (frame["channel"] == "phone") * 1.5 + (frame["order value"] > 80) - 1.5
    labels = (odds + rng.normal(0, 0.7, rows) > 0).astype(int)
    frame.loc[::9, "order value"] = np.nan
    frame.loc[::11, "channel"] = np.nan
    frame.loc[::13, "region code"] = np.nan
    return frame, labels


def pandas_categories() -> Original:
    frame, labels = _shop()
    classifier = lightgbm.LGBMClassifier(n_estimators=25, num_leaves=7, verbose=-1, n_jobs=1).fit(frame, labels)
    return Original(classifier, frame, labels.tolist())


def unseen_pandas_categories() -> Original:
    """The sample has a category that the model has never seen, and codes its categories in another order."""
    frame, labels = _shop()
    trained = pandas_categories().classifier
    channels = frame["channel"].astype(object).where(frame.index % 7 != 0, "carrier pigeon")
    frame["channel"] = pd.Categorical(channels, categories=["web", "carrier pigeon", "phone", "shop", "none"])
    return Original(trained, frame, labels.tolist())


def random_forest() -> Original:
    data = load_breast_cancer(as_frame=True)
    classifier = lightgbm.LGBMClassifier(
        boosting_type="rf", n_estimators=15, subsample=0.6, subsample_freq=1, verbose=-1, n_jobs=1
    ).fit(data.data, data.target)
    return Original(classifier, data.data, data.target.tolist())


def other_sigmoid_without_names() -> Original:
    data = load_breast_cancer()
    booster = lightgbm.train(
        {"objective": "binary", "sigmoid": 0.7, **QUIET}, lightgbm.Dataset(data.data, data.target), 20
    )
    return Original(booster, data.data, data.target.tolist())


def integer_codes() -> Original:
    """Categories are plain whole numbers with gaps; the sample has missing, negative and unseen ones."""
    rng = np.random.default_rng(9)
    table = rng.normal(size=(600, 4))
    table[:, 1] = rng.choice([0, 3, 7, 12], 600)
    table[:, 2] = rng.choice([1, 2, 100_000], 600)
    labels = (table[:, 0] + (table[:, 1] == 7) * 2 + rng.normal(0, 0.5, 600) > 1).astype(int)
    booster = lightgbm.train(
        {"objective": "binary", "min_data_per_group": 5, **QUIET},
        lightgbm.Dataset(table, labels, categorical_feature=[1, 2], feature_name=["amount", "shop", "till", "noise"]),
        20,
    )
    sample = table.copy()
    sample[::5, 1] = np.nan
    sample[1::17, 1] = -1
    sample[2::19, 2] = 999_999
    sample[3::7, 0] = np.nan
    return Original(booster, sample, labels.tolist())


def dart_with_weights() -> Original:
    data = load_breast_cancer()
    labels = ["fraud" if target else "fine" for target in data.target]
    classifier = lightgbm.LGBMClassifier(
        boosting_type="dart", n_estimators=15, scale_pos_weight=4.0, verbose=-1, n_jobs=1
    ).fit(data.data, labels)
    return Original(classifier, data.data, labels)


def zero_as_missing_cross_entropy() -> Original:
    rng = np.random.default_rng(2)
    table = rng.poisson(1.0, size=(500, 5)).astype(float)
    labels = (table[:, 0] + table[:, 1] > 2).astype(int)
    parameters = {"objective": "cross_entropy", "zero_as_missing": True, "min_data_in_leaf": 5, **QUIET}
    return Original(lightgbm.train(parameters, lightgbm.Dataset(table, labels), 20), table, labels.tolist())


ORIGINALS: dict[str, Callable[[], Original]] = {
    made.__name__: made
    for made in (
        pandas_categories,
        unseen_pandas_categories,
        random_forest,
        other_sigmoid_without_names,
        integer_codes,
        dart_with_weights,
        zero_as_missing_cross_entropy,
    )
}
