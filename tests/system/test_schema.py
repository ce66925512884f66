"""Schemathesis against the OpenAPI document: whatever it makes up, the region answers as the document says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from flows.calls import ROLES
from local.issuer import open_issuer
from local.plan import ROOT
from tests.system.conftest import RunningSystem

EXAMPLES = 25
CONFIG = ROOT / "tests" / "system" / "schemathesis.toml"


def test_schemathesis_finds_no_failure(system: RunningSystem, tmp_path: Path) -> None:
    region = system.plan.regions["westeurope"]
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(CONFIG),
        "run", f"{region.base_url}/api/openapi.json",
        "--max-examples", str(EXAMPLES),
        "--seed", "1",
        "--generation-database", "none",
        "--header", f"Authorization: Bearer {token_of_every_role(system)}",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def token_of_every_role(system: RunningSystem) -> str:
    """A token that may do everything, so that every endpoint is reached."""
    return open_issuer(system.plan).mint(int(time.time()), *ROLES)
