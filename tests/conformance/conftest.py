"""The package as it would be deployed, unzipped; storage, an issuer and the settings that the app starts with."""

from __future__ import annotations

import json
import platform
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite, start_azurite
from local.conformance import NO_PYTHON, NOT_PREPARED, WORKER, find_python
from local.environments import ROOT
from local.package.__main__ import build_package
from tests.conformance.issuer import Issuer, run_issuer
from tests.edge.conftest import free_port

REGION = "westeurope"
ACCOUNT = "conformance"


@pytest.fixture(scope="session")
def python313() -> Path:
    """A Python 3.13 of this machine, which the package is for: Linux x86_64."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("The deployment package runs on Linux x86_64 only.")
    python = find_python()
    if python is None:
        pytest.skip(NO_PYTHON)
    return python


@pytest.fixture(scope="session")
def worker_python(python313: Path) -> Path:
    """The Python that has Microsoft's worker library."""
    if not WORKER.is_made():
        pytest.skip(NOT_PREPARED)
    return WORKER.python


@pytest.fixture(scope="session")
def package_folder(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unzipped package."""
    folder = tmp_path_factory.mktemp("package")
    build_package(ROOT, folder / "vouch.zip")
    with zipfile.ZipFile(folder / "vouch.zip") as package:
        package.extractall(folder / "app")
    return folder / "app"


@pytest.fixture(scope="session")
def azurite(python313: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    started = start_azurite([ACCOUNT], tmp_path_factory.mktemp("azurite"), (free_port(), free_port(), free_port()))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    with run_issuer() as running:
        yield running


@pytest.fixture(scope="session")
def environment(azurite: Azurite, issuer: Issuer) -> Mapping[str, str]:
    """All that the app's process is told: nothing of this process's environment gets through."""
    return {
        "VOUCH_REGION": REGION,
        "VOUCH_STORAGE_CONNECTION": azurite.connection_string(ACCOUNT),
        "VOUCH_ISSUER": issuer.url,
        "VOUCH_JWKS_URL": issuer.jwks_url,
        "VOUCH_HMAC_KEY": "5a" * 32,
        "VOUCH_VAULT_FOLDER": "none",
    }


@pytest.fixture(scope="session")
def score_call(issuer: Issuer) -> Mapping[str, Any]:
    """A request to score the first golden deal, of a caller who may."""
    token = issuer.token(f"api://vouch-{REGION}", ["scorer"])
    return {
        "function": "deals_score",
        "method": "POST",
        "url": "http://127.0.0.1:7071/api/v1/deals:score?explain=3",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {token}"},
        "body": json.dumps({"deal_id": "conformance-1", "features": read_golden()["features"]}),
    }


def read_golden() -> Mapping[str, Any]:
    """The first golden deal of deal-fraud 1.0.0, with the score that LightGBM gave it in training."""
    lines = (ROOT / "model_artifacts" / "deal-fraud" / "1.0.0" / "golden.jsonl").read_text().splitlines()
    golden: Mapping[str, Any] = json.loads(lines[0])
    return golden
