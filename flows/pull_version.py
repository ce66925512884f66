"""Bring a version to this region, so that it can serve it with everything else gone: fetched, verified, kept, loaded.

A version never changes, so that what is here already is only looked at. The caller names the digest it means.
"""

from __future__ import annotations

from flows.errors import DigestDiffers, NotFound
from flows.ports import Models
from scoring.model import Model


class PullVersion:
    def __init__(self, models: Models) -> None:
        self._models = models

    async def __call__(self, name: str, version: str, digest: str) -> Model:
        """The version, in memory and warm. Raises NotFound or DigestDiffers."""
        model = self._models.find(name, version)
        if model is None:
            raise NotFound("model version")
        if digest and model.digest != digest:
            raise DigestDiffers(f"{name} {version} is {model.digest} here, not {digest}")
        warm_up(model)
        return model


def warm_up(model: Model) -> None:
    """Score and explain a golden deal, so that the first real one isn't the first of all."""
    row, _ = model.encode(model.golden[0])
    model.score(row.values)
    model.contributions(row.values)
