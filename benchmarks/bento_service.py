"""The same model behind BentoML: rows of numbers in, probabilities out, as its LightGBM examples do. Runs in
BentoML's own environment."""

from __future__ import annotations

import os

import bentoml  # type: ignore[import-not-found]
import lightgbm
import numpy as np


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, traffic={"timeout": 30})
class DealFraud:
    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["BENCH_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, rows: list[list[float]]) -> list[float]:
        scores = self.booster.predict(np.array(rows), num_threads=1)
        return [float(score) for score in scores]
