from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters.folder_models import FolderModels, ModelsNotLoaded, version_order
from adapters.folder_policies import FolderPolicies, PoliciesNotLoaded

ROOT = Path(__file__).parents[3]
ARTIFACTS, POLICIES = ROOT / "model_artifacts", ROOT / "policies"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ARTIFACTS, tmp_path / "models"))


def test_committed_models_are_served_oldest_first() -> None:
    models = FolderModels(ARTIFACTS)
    assert models.names() == ("deal-fraud",)
    assert models.versions("deal-fraud") == ("1.0.0", "1.1.0", "1.2.0")
    model = models.find("deal-fraud", "1.1.0")
    assert model is not None
    assert (model.name, model.version) == ("deal-fraud", "1.1.0")
    assert model.manifest["name"] == "deal-fraud"


def test_unknown_name_and_version_are_not_found() -> None:
    models = FolderModels(ARTIFACTS)
    assert models.find("deal-fraud", "9") is None
    assert models.find("other", "1.0.0") is None
    assert models.versions("other") == ()


def test_corrupt_bundle_is_refused_with_the_path_of_its_file(folder: Path) -> None:
    path = folder / "deal-fraud" / "1.1.0" / "model.txt"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelsNotLoaded) as caught:
        FolderModels(folder)
    assert str(caught.value).startswith(f"{path}: is truncated")


def test_bundle_in_the_folder_of_another_version_is_refused(folder: Path) -> None:
    (folder / "deal-fraud" / "1.1.0").rename(folder / "deal-fraud" / "2.0.0")
    with pytest.raises(ModelsNotLoaded, match=r"2\.0\.0/manifest\.json: is foreign: it is of deal-fraud 1\.1\.0"):
        FolderModels(folder)


def test_folder_in_a_bundle_is_refused_with_its_path(folder: Path) -> None:
    (folder / "deal-fraud" / "1.0.0" / "more").mkdir()
    with pytest.raises(ModelsNotLoaded, match=r"1\.0\.0.*more"):
        FolderModels(folder)


def test_folder_without_models_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelsNotLoaded, match="python -m vouch package"):
        FolderModels(tmp_path)
    with pytest.raises(ModelsNotLoaded, match="VOUCH_MODELS_FOLDER"):
        FolderModels(tmp_path / "nowhere")


def test_versions_are_ordered_as_numbers() -> None:
    versions = ["1.10.0", "1.9.0", "1.0.0", "2.0", "1.0.0-rc"]
    assert sorted(versions, key=version_order) == ["1.0.0-rc", "1.0.0", "1.9.0", "1.10.0", "2.0"]


def test_committed_policy_is_found_by_name_and_version() -> None:
    policies = FolderPolicies(POLICIES)
    policy = policies.find("standard/1")
    assert policy is not None
    assert (policy.review_from, policy.decline_from) == (800, 980)
    assert policies.find("standard/2") is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "Expecting property name"),
        ("{}", "thresholds: must hold review and decline"),
        ('{"name": "other", "version": "1", "thresholds": {"review": 1, "decline": 2}}', "is foreign: it says other/1"),
    ],
)
def test_policy_that_cannot_be_obeyed_is_refused_with_its_path(content: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "strict" / "1.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(PoliciesNotLoaded) as caught:
        FolderPolicies(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert fault in str(caught.value)


def test_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PoliciesNotLoaded, match="holds no policy"):
        FolderPolicies(tmp_path)
    with pytest.raises(PoliciesNotLoaded, match="VOUCH_POLICIES_FOLDER"):
        FolderPolicies(tmp_path / "nowhere")
