"""`make demo` over the running system."""

from __future__ import annotations

import re
import subprocess
import sys

from local.plan import ROOT
from tests.system.conftest import RunningSystem, served


def test_demo_of_a_running_system_decides_every_claim_tells_how_well_and_rolls_out(as_started: RunningSystem) -> None:
    system = as_started
    command = ["make", "demo", "CLAIMS=200", f"PYTHON={sys.executable}"]
    command += [f"FOLDER={system.plan.folder}", f"BASE_PORT={system.plan.base_port}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    decided = {row[0]: int(row[1]) for row in rows if row[0] in {*system.plan.regions, "all"} and len(row) == 8}
    assert decided == {"westeurope": 50, "northeurope": 50, "eastus2": 50, "brazilsouth": 50, "all": 200}
    measures = next(row for row in rows if row[0] == "all" and len(row) == 5)
    auc = float(measures[2])
    assert auc > 0.65, done.stdout
    assert "starting one" not in done.stdout
    assert "Succeeded" in done.stdout
    verdicts = [
        line.split(":")[0] for line in done.stdout.splitlines() if line.startswith(("SOUND", "NOT SO", "EQUAL"))
    ]
    assert verdicts == ["SOUND", "NOT SOUND", "SOUND", "EQUAL"]
    assert re.search(r"^[1-9]\d* were erased on a person's request", done.stdout, re.MULTILINE)
    assert {served(system, region) for region in system.plan.regions} == {"1.1.0"}
