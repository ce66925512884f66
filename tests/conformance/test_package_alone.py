"""The deployment package needs nothing that isn't in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audit.layout import DATASETS, schema_name
from flows.sealing.publish_schemas import read_schema
from local.environments import ROOT
from local.package.__main__ import build_package
from orchestrations.names import ACTIVITIES, ORCHESTRATORS, TRAIL_ACTIVITIES
from tests.conformance.conftest import read_golden
from triggers.endpoints import ENDPOINTS

PROGRAM = Path(__file__).with_name("package_alone.py")


@pytest.fixture(scope="module")
def report(
    python313: Path, package_folder: Path, environment: Mapping[str, str], score_call: Mapping[str, Any]
) -> dict[str, Any]:
    """What the program said that starts the app from the package alone."""
    command = [str(python313), "-I", "-S", "-B", str(PROGRAM), str(package_folder)]
    done = subprocess.run(
        command, input=json.dumps(score_call), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_package_alone_scores_a_deal(report: dict[str, Any]) -> None:
    assert report["status"] == 200, report["body"]
    assert report["body"]["score"] == read_golden()["score"]
    assert report["body"]["record_digest"].startswith("sha256:")


def test_package_alone_has_every_endpoint(report: dict[str, Any]) -> None:
    durable = {*ORCHESTRATORS, *ACTIVITIES, *TRAIL_ACTIVITIES, "control_tick", "seal_tick", "purge_tick"}
    assert report["functions"] == sorted({endpoint.name for endpoint in ENDPOINTS} | durable)


@pytest.mark.parametrize("dataset", DATASETS)
def test_package_alone_has_the_schemas_of_the_datasets(package_folder: Path, dataset: str) -> None:
    assert (package_folder / schema_name(dataset)).read_bytes() == read_schema(dataset)


def test_package_alone_loads_no_module_from_elsewhere(report: dict[str, Any]) -> None:
    assert report["foreign_modules"] == []


def test_package_alone_loads_its_own_lightgbm_and_openmp(report: dict[str, Any], package_folder: Path) -> None:
    libraries = package_folder / ".python_packages/lib/site-packages/lightgbm/lib"
    assert report["libraries"] == [str(libraries / "libgomp.so.1"), str(libraries / "lib_lightgbm.so")]


def test_package_built_again_has_the_same_bytes(package_folder: Path, tmp_path: Path) -> None:
    build_package(ROOT, tmp_path / "again.zip")
    first = package_folder.with_name("vouch.zip")
    assert (tmp_path / "again.zip").read_bytes() == first.read_bytes()


def test_package_of_lightgbm_is_its_library_with_openmp_and_no_numpy(package_folder: Path) -> None:
    vendored = package_folder / ".python_packages/lib/site-packages"
    assert sorted(path.relative_to(vendored).as_posix() for path in vendored.glob("lightgbm/**/*.*")) == [
        "lightgbm/__init__.py",
        "lightgbm/lib/lib_lightgbm.so",
        "lightgbm/lib/libgomp.NOTICE.txt",
        "lightgbm/lib/libgomp.so.1",
    ]
    assert not any((vendored / name).exists() for name in ("numpy", "scipy", "narwhals"))
