"""Known bins: read from a version's manifest, wherever it lies, once."""

from __future__ import annotations

import pytest

from adapters.folder_models import FolderModels
from adapters.held_models import HeldModels
from audit.feature_counts import FeatureBins
from flows.errors import StorageFailed
from flows.ports import MODELS_KIND
from flows.sealing.known_bins import KnownBins
from scoring.bundle import read_bundle
from tests.fakes import MemoryBundles, MemoryModels
from tests.unit.scoring.bundles import ARTIFACTS, read_demo

DEMO = FeatureBins.of(read_bundle(read_demo()).manifest.reference.features)


async def test_version_that_came_with_the_app_is_known_without_storage() -> None:
    kept = MemoryBundles(failure=StorageFailed("away"))
    bins = KnownBins(HeldModels(FolderModels(ARTIFACTS), kept), kept)
    await bins.prepare([("deal-fraud", "1.0.0")])
    assert bins("deal-fraud", "1.0.0") == DEMO


async def test_version_that_the_region_keeps_is_read_once() -> None:
    kept = MemoryBundles()
    await kept.write(MODELS_KIND, "deal-fraud", "1.0.0", read_demo(), "sha256:00")
    bins = KnownBins(MemoryModels([]), kept)
    assert bins("deal-fraud", "1.0.0") is None
    await bins.prepare([("deal-fraud", "1.0.0")])
    kept.failure = StorageFailed("away")
    await bins.prepare([("deal-fraud", "1.0.0")])
    assert bins("deal-fraud", "1.0.0") == DEMO


async def test_version_that_is_not_there_or_damaged_has_no_bins(caplog: pytest.LogCaptureFixture) -> None:
    kept = MemoryBundles()
    await kept.write(MODELS_KIND, "deal-fraud", "1.0.0", {"manifest.json": b"{}"}, "sha256:00")
    bins = KnownBins(MemoryModels([]), kept)
    await bins.prepare([("deal-fraud", "1.0.0"), ("deal-fraud", "9.9.9")])
    assert bins("deal-fraud", "1.0.0") is bins("deal-fraud", "9.9.9") is None
    assert caplog.text.count("can't be counted") == 2


async def test_storage_that_fails_is_told() -> None:
    bins = KnownBins(MemoryModels([]), MemoryBundles(failure=StorageFailed("away")))
    with pytest.raises(StorageFailed):
        await bins.prepare([("deal-fraud", "1.0.0")])
