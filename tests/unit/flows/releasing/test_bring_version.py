"""Versions on their way: verified before they are published, and again before they are served."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from adapters.held_models import HeldModels
from adapters.held_policies import HeldPolicies
from flows.errors import (
    DigestDiffers,
    LedgerUnavailable,
    NoRegistry,
    NotFound,
    StorageFailed,
    UnsoundVersion,
)
from flows.idempotency import Idempotency
from flows.ports import MODELS_KIND, POLICY_FILE
from flows.releasing.bring_version import BringVersion
from flows.write_record import WriteRecord
from tests.desk import ROOT
from tests.fakes import CountingEntropy, FakeClock, MemoryBundles, MemoryLedger, MemoryReservations
from tests.unit.flows.conftest import CALL
from tests.unit.scoring.bundles import reseal

POLICY = b'{"name": "strict", "version": "2", "thresholds": {"review": 800, "decline": 900}}'


@cache
def bundle() -> dict[str, bytes]:
    """A real bundle, which this region did not come with."""
    folder = ROOT / "model_artifacts/deal-fraud/1.1.0"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def first_only(tmp_path_factory: pytest.TempPathFactory) -> FolderModels:
    """Models of an app that came with 1.0.0 alone."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "deal-fraud").mkdir()
    (folder / "deal-fraud" / "1.0.0").symlink_to(ROOT / "model_artifacts/deal-fraud/1.0.0")
    return FolderModels(folder)


@dataclass
class Place:
    """One region, and the registry."""

    bundled: FolderModels
    registry: MemoryBundles | None = field(default_factory=MemoryBundles)
    kept: MemoryBundles = field(default_factory=MemoryBundles)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        clock = FakeClock()
        idempotency = Idempotency(MemoryReservations(), self.ledger, clock, b"k" * 32, lease_s=45)
        write = WriteRecord("westeurope", self.ledger, idempotency, clock, CountingEntropy())
        self.models = HeldModels(self.bundled, self.kept)
        policies = HeldPolicies(FolderPolicies(ROOT / "policies"), self.kept)
        self.versions = BringVersion(self.registry, self.kept, self.models, policies, write)

    async def publish(self) -> str:
        return (await self.versions.publish_model(CALL, "deal-fraud", "1.1.0", bundle())).digest


@pytest.fixture
def place(first_only: FolderModels) -> Place:
    return Place(first_only)


async def test_published_version_can_be_pulled_and_is_then_served(place: Place) -> None:
    digest = await place.publish()
    assert place.models.find("deal-fraud", "1.1.0") is None
    model = await place.versions.pull_model("deal-fraud", "1.1.0", digest)
    assert (model.digest, place.models.find("deal-fraud", "1.1.0")) == (digest, model)


async def test_pulled_version_is_served_with_the_registry_gone(place: Place) -> None:
    await place.versions.pull_model("deal-fraud", "1.1.0", await place.publish())
    after_restart = Place(place.bundled, registry=MemoryBundles(failure=StorageFailed("gone")), kept=place.kept)
    assert (await after_restart.versions.pull_model("deal-fraud", "1.1.0", "")).version == "1.1.0"
    assert await after_restart.models.load("deal-fraud", "1.1.0") is not None


async def test_publishing_is_recorded_once_and_twice_is_harmless(place: Place) -> None:
    await place.publish()
    again = await place.versions.publish_model(CALL, "deal-fraud", "1.1.0", bundle())
    assert not again.is_new
    (event,) = place.ledger.events("vouch.version.published.v1")
    assert event["data"]["digest"] == again.digest


async def test_version_never_changes(place: Place) -> None:
    await place.publish()
    assert place.registry is not None
    kept, files = place.registry.versions[MODELS_KIND, "deal-fraud", "1.1.0"]
    place.registry.versions[MODELS_KIND, "deal-fraud", "1.1.0"] = (type(kept)("sha256:other", kept.files), files)
    with pytest.raises(DigestDiffers):
        await place.publish()


async def test_another_version_is_not_published_under_the_name_of_one_that_came_with_the_app(
    place: Place, tmp_path: Path
) -> None:
    changed = reseal({**bundle(), "CARD.md": bundle()["CARD.md"] + b"changed\n"})
    (tmp_path / "deal-fraud").mkdir()
    (tmp_path / "deal-fraud" / "1.1.0").symlink_to(ROOT / "model_artifacts/deal-fraud/1.1.0")
    with_it = Place(FolderModels(tmp_path))
    assert (await place.versions.publish_model(CALL, "deal-fraud", "1.1.0", changed)).is_new
    with pytest.raises(DigestDiffers):
        await with_it.versions.publish_model(CALL, "deal-fraud", "1.1.0", changed)
    assert with_it.registry is not None
    assert not with_it.registry.versions
    assert (await with_it.versions.publish_model(CALL, "deal-fraud", "1.1.0", bundle())).is_new


async def test_another_policy_is_not_published_under_the_name_of_one_that_came_with_the_app(place: Place) -> None:
    standing = (ROOT / "policies/standard/1.json").read_bytes()
    policy = json.loads(standing)
    policy["thresholds"]["review"] = 900
    with pytest.raises(DigestDiffers):
        await place.versions.publish_policy(CALL, "standard", "1", json.dumps(policy).encode())
    assert place.registry is not None
    assert not place.registry.versions
    assert (await place.versions.publish_policy(CALL, "standard", "1", standing)).is_new


@pytest.mark.parametrize("file", ["model.txt", "manifest.json", "golden.jsonl"])
async def test_damaged_bundle_is_not_published(place: Place, file: str) -> None:
    files = bundle()
    with pytest.raises(UnsoundVersion, match=file):
        await place.versions.publish_model(CALL, "deal-fraud", "1.1.0", files | {file: files[file][:-9]})
    assert place.registry is not None
    assert not place.registry.versions
    assert not place.ledger.records


async def test_bundle_under_a_foreign_name_is_not_published(place: Place) -> None:
    with pytest.raises(UnsoundVersion, match="not of deal-fraud 9"):
        await place.versions.publish_model(CALL, "deal-fraud", "9", bundle())


async def test_version_that_cannot_be_audited_is_not_published(place: Place) -> None:
    place.ledger.failures = [LedgerUnavailable()]
    with pytest.raises(LedgerUnavailable):
        await place.publish()
    assert place.registry is not None
    assert not place.registry.versions


async def test_pull_of_another_digest_than_is_meant_keeps_nothing(place: Place) -> None:
    await place.publish()
    with pytest.raises(DigestDiffers):
        await place.versions.pull_model("deal-fraud", "1.1.0", f"sha256:{'0' * 64}")
    assert not place.kept.versions
    assert place.models.find("deal-fraud", "1.1.0") is None


async def test_damaged_copy_in_the_registry_is_not_kept(place: Place) -> None:
    await place.publish()
    assert place.registry is not None
    _, files = place.registry.versions[MODELS_KIND, "deal-fraud", "1.1.0"]
    files["model.txt"] = files["model.txt"].replace(b"leaf_value=", b"leaf_value=9", 1)
    with pytest.raises(UnsoundVersion, match=r"model\.txt"):
        await place.versions.pull_model("deal-fraud", "1.1.0", "")
    assert not place.kept.versions


async def test_version_that_is_nowhere_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        await place.versions.pull_model("deal-fraud", "9.9.9", "")
    assert await place.versions.model_digest("deal-fraud", "9.9.9") is None


async def test_region_without_a_registry_says_so(first_only: FolderModels) -> None:
    alone = Place(first_only, registry=None)
    with pytest.raises(NoRegistry):
        await alone.publish()
    with pytest.raises(NoRegistry):
        await alone.versions.pull_model("deal-fraud", "1.1.0", "")


async def test_policy_is_published_and_pulled_like_a_model(place: Place) -> None:
    published = await place.versions.publish_policy(CALL, "strict", "2", POLICY)
    policy = await place.versions.pull_policy("strict", "2", published.digest)
    assert (policy.review_from, policy.decline_from) == (800, 900)
    assert await place.versions.policy_digest("strict/2") == published.digest
    assert await place.versions.policy_digest("standard/1") == ""
    assert POLICY_FILE in place.kept.versions["policies", "strict", "2"][1]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"name": "strict", "version": "2"}', b"[" * 100_000])
async def test_unsound_policy_is_not_published(place: Place, content: bytes) -> None:
    with pytest.raises(UnsoundVersion):
        await place.versions.publish_policy(CALL, "strict", "2", content)


async def test_versions_are_listed_with_where_they_are(place: Place) -> None:
    await place.publish()
    listed = {entry["version"]: entry for entry in await place.versions.list_versions("deal-fraud")}
    assert listed["1.0.0"] == {"version": "1.0.0", "in_memory": True, "kept_here": True, "in_registry": False}
    assert listed["1.1.0"] == {"version": "1.1.0", "in_memory": False, "kept_here": False, "in_registry": True}
    assert await place.versions.download_model("deal-fraud", "1.1.0") == bundle()


async def test_pull_of_a_policy_that_stands_here_is_held_to_the_digest_that_is_meant(place: Place) -> None:
    """An app of another deployment may have come with another document under the same name."""
    digest = (await place.versions.publish_policy(CALL, "strict", "2", POLICY)).digest
    await place.versions.pull_policy("strict", "2", digest)
    for name, version in (("strict", "2"), ("standard", "1")):
        assert (await place.versions.pull_policy(name, version, "")).name == name
        with pytest.raises(DigestDiffers):
            await place.versions.pull_policy(name, version, f"sha256:{'0' * 64}")
    assert (await place.versions.pull_policy("strict", "2", digest)).version == "2"
