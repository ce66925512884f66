"""`make dev`: one region in one terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from watchfiles import Change

from local.dev import SourceFilter
from local.plan import ROOT, make_plan
from tests.system.conftest import RunningSystem, free_base_port, wait_until


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("flows/deciding/decide_deals.py", True),
        ("policies/standard/1.json", True),
        ("model_artifacts/deal-fraud/1.0.0/model.txt", True),
        ("triggers/page.html", True),
        ("regions.json", True),
        ("tests/fakes.py", False),
        (".local/first-claim.json", False),
        (".venv/lib/site.py", False),
        ("flows/__pycache__/terms.py", False),
        ("README.md", False),
        ("../elsewhere.py", False),
    ],
)
def test_change_starts_the_region_anew_only_where_the_app_depends_on_it(path: str, expected: bool) -> None:
    assert SourceFilter()(Change.modified, os.path.normpath(ROOT / path)) is expected


def test_one_region_in_a_terminal_takes_its_claim_and_stops_with_everything(tmp_path: Path) -> None:
    base_port, output = free_base_port(), tmp_path / "dev.out"
    command = [sys.executable, "-m", "local", "dev", "--region", "eastus2"]
    command += ["--folder", str(tmp_path), "--base-port", str(base_port)]
    with output.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, text=True)
    try:
        system = RunningSystem(make_plan(tmp_path, base_port), process, output)

        def is_ready() -> bool:
            assert process.poll() is None, output.read_text()
            try:
                return system.request("eastus2", "GET", "/health/ready").status == 200
            except OSError:
                return False

        wait_until(is_ready, 60, "eastus2 is ready")
        claim = json.loads((tmp_path / "first-claim.json").read_text())
        assert system.request("eastus2", "POST", "/api/v1/deals:score", role="scorer", body=claim).status == 200
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not [child for child in started if child.is_running()]
        assert "Traceback" not in output.read_text()
    finally:
        process.terminate()
        process.wait(30)
