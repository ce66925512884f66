"""A fresh instance whose registry and whose neighbours are gone serves what its region kept, verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.azure_storage import connect_by_string
from adapters.blobs_bundles import BlobsBundles
from flows.ports import MODELS_KIND
from local.azurite import Azurite
from local.issuer import Issuer
from scoring.model import load_model
from tests.desk import ROOT, golden_deal, read
from tests.edge.api.conftest import Worker, token
from tests.edge.conftest import take_account
from triggers.endpoints import CHANGE_RELEASE, LIST_VERSIONS, PULL, READ_RELEASE, SCORE, SYNTHETIC

BUNDLED, NEWER = "1.0.0", "1.1.0"
GONE = "AccountName=gone;AccountKey=bm9uZQ==;TableEndpoint=http://127.0.0.1:1;BlobEndpoint=http://127.0.0.1:1"
FILES = {path.name: path.read_bytes() for path in (ROOT / "model_artifacts/deal-fraud" / NEWER).iterdir()}
DIGEST = load_model(FILES).digest
MODEL = {"model": "deal-fraud"}

Compose = Callable[..., Worker]


class Region:
    """One region whose app came with 1.0.0 alone."""

    def __init__(self, compose: Compose, models_folder: Path, registry: str, issuer: Issuer) -> None:
        self._compose = compose
        self._models_folder = models_folder
        self.registry = registry
        self._issuer = issuer

    def instance(self, registry: str) -> Worker:
        """A new one, which knows nothing but what lies in storage."""
        return self._compose(VOUCH_MODELS_FOLDER=str(self._models_folder), VOUCH_REGISTRY_CONNECTION=registry)

    async def ask(self, worker: Worker, endpoint: Any, body: object = None, version: str = "", **headers: str) -> Any:
        role = "scorer" if endpoint is SCORE and not headers else "operator"
        parameters = {**MODEL, "name": "deal-fraud", "version": version}
        return await worker.send(endpoint.name, token(self._issuer, role), body, parameters, **headers)

    async def release(self, worker: Worker, version: str) -> None:
        """Serve a version, as somebody who breaks the glass does."""
        generation = read(await self.ask(worker, READ_RELEASE))["generation"]
        change = {"stable": {"version": version, "policy": "standard/1"}, "reason": "a test"}
        answer = await worker.send(
            CHANGE_RELEASE.name, token(self._issuer, "breakglass"), change, MODEL, if_match=f'"{generation}"'
        )
        assert answer.status_code == 200, answer.get_body()


@pytest.fixture
async def region(compose: Compose, serving: object, issuer: Issuer, azurite: Azurite, tmp_path: Path) -> Region:
    """A region that has pulled the newer version from a registry, where somebody published it."""
    models = tmp_path / "models"
    (models / "deal-fraud").mkdir(parents=True)
    (models / "deal-fraud" / BUNDLED).symlink_to(ROOT / "model_artifacts/deal-fraud" / BUNDLED)
    region = Region(compose, models, azurite.connection_string(take_account()), issuer)
    registry = connect_by_string(region.registry)
    await BlobsBundles(registry.blobs, "registry").write(MODELS_KIND, "deal-fraud", NEWER, FILES, DIGEST)
    await registry.close()
    return region


@pytest.fixture
async def pulled(region: Region) -> Worker:
    """The instance that pulled it."""
    worker = region.instance(region.registry)
    answer = await region.ask(worker, PULL, {"digest": DIGEST}, NEWER)
    assert answer.status_code == 200, answer.get_body()
    return worker


async def test_fresh_instance_serves_a_released_version_with_the_registry_gone(region: Region, pulled: Worker) -> None:
    await region.release(pulled, NEWER)
    answer = await region.ask(region.instance(GONE), SCORE, golden_deal())
    assert answer.status_code == 200, answer.get_body()
    assert answer.headers["X-Model-Version"] == NEWER
    assert read(answer)["model"]["digest"] == DIGEST


@pytest.mark.usefixtures("pulled")
async def test_fresh_instance_tries_out_a_kept_version_with_the_registry_gone(region: Region) -> None:
    """A preflight: digest, golden deals, warm-up, and then its golden set."""
    worker = region.instance(GONE)
    answer = await region.ask(worker, PULL, {"digest": DIGEST}, NEWER)
    assert (answer.status_code, read(answer)["digest"]) == (200, DIGEST)
    tried = await region.ask(worker, SYNTHETIC, {"policy": "standard/1"}, NEWER)
    assert tried.status_code == 200, tried.get_body()
    assert read(tried)["candidate"]["decisions"] > 0


@pytest.mark.usefixtures("pulled")
async def test_pull_of_what_is_not_kept_says_that_the_registry_is_away(region: Region) -> None:
    worker = region.instance(GONE)
    answer = await region.ask(worker, PULL, {"digest": ""}, "9.9.9")
    problem = read(answer)
    assert (answer.status_code, problem["type"]) == (503, "urn:vouch:problem:versions-unavailable")
    assert "registry" in problem["detail"]
    assert "try again" in problem["detail"].lower()
    assert answer.headers["Retry-After"]
    assert (await region.ask(worker, SCORE, golden_deal())).headers["X-Model-Version"] == BUNDLED


async def test_pull_of_what_the_registry_has_not_is_not_found(region: Region, pulled: Worker) -> None:
    answer = await region.ask(pulled, PULL, {"digest": ""}, "9.9.9")
    assert (answer.status_code, read(answer)["type"]) == (404, "urn:vouch:problem:not-found")


@pytest.mark.usefixtures("pulled")
async def test_list_of_versions_says_so_where_the_registry_is_away(region: Region) -> None:
    answer = await region.ask(region.instance(GONE), LIST_VERSIONS)
    assert read(answer)["type"] == "urn:vouch:problem:versions-unavailable"
