"""The bins of model versions' features, from their manifests: whoever seals needs them, and need not hold the models.

A version's bins never change, so each is read once a process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from audit.feature_counts import FeatureBins
from flows.ports import MODELS_KIND, BundleStore, Models
from scoring.manifest import FILE_NAME, InvalidManifest, parse_manifest

logger = logging.getLogger("vouch.trail")


class KnownBins:
    """`kept` are the versions that the region keeps besides those that came with the app."""

    def __init__(self, models: Models, kept: BundleStore) -> None:
        self._models = models
        self._kept = kept
        self._known: dict[tuple[str, str], FeatureBins] = {}

    def __call__(self, model: str, version: str) -> FeatureBins | None:
        """The bins of a version, or None where it was not prepared or isn't there."""
        return self._known.get((model, version))

    async def prepare(self, versions: Iterable[tuple[str, str]]) -> None:
        """Read the bins of these versions, as (model, version), unless they are known. Raises StorageFailed."""
        for model, version in sorted(set(versions) - self._known.keys()):
            bins = await self._read(model, version)
            if bins is not None:
                self._known[model, version] = bins

    async def _read(self, model: str, version: str) -> FeatureBins | None:
        files = self._models.bundled_files(model, version)
        if files is None:
            kept = await self._kept.find(MODELS_KIND, model, version)
            files = await self._kept.read(kept) if kept else {}
        try:
            manifest, _ = parse_manifest(files[FILE_NAME])
        except (KeyError, InvalidManifest) as error:
            logger.warning("The features of %s %s can't be counted: no sound manifest (%s).", model, version, error)
            return None
        return FeatureBins.of(manifest.reference.features)
