"""The README is true: its commands run, its answer is the real one, what it names is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import lightgbm
import pytest
from sklearn.datasets import load_breast_cancer

from local.plan import ROOT
from tests.system.conftest import RunningSystem, wait_until

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```bash\n(.*?)\n```", README, re.DOTALL)
NEVER_THE_SAME = {"decision_id", "decided_at", "record_digest"}


def command(start: str) -> str:
    (found,) = [block for block in COMMANDS if block.startswith(start)]
    return str(found)


def run_here(system: RunningSystem, line: str) -> str:
    """A curl of the README, sent to the running system instead of one on the usual ports and folder."""
    port = str(system.plan.port_of("westeurope"))
    moved = line.replace(":7071", f":{port}").replace(".local/", f"{system.plan.folder}/")
    return subprocess.run(["sh", "-c", moved], capture_output=True, text=True, check=True, timeout=60).stdout


def test_readme_has_only_commands_that_are_tested_here() -> None:
    assert [block.split()[0:2] for block in COMMANDS] == [
        ["make", "run"],
        ["curl", "-s"],
        ["curl", "-s"],
        ["make", "test"],
        ["python", "-m"],
        ["python", "-m"],
        ["python", "-m"],
        ["make", "package"],
    ]


def test_first_curl_gives_the_answer_that_the_readme_shows(system: RunningSystem) -> None:
    (shown,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", README, re.DOTALL)]
    given = json.loads(run_here(system, command("curl -s http://127.0.0.1:7071/api/v1/deals:score")))
    assert set(given) == set(shown)
    for name in set(shown) - NEVER_THE_SAME:
        assert given[name] == shown[name], name


def test_second_curl_reads_the_decision_as_an_auditor(system: RunningSystem) -> None:
    decision = json.loads(run_here(system, command("curl -s http://127.0.0.1:7071/api/v1/deals:score")))
    line = command("curl -s http://127.0.0.1:7071/api/v1/decisions/")
    moved = re.sub(r"decisions/[0-9a-f-]{36}", f"decisions/{decision['decision_id']}", line)
    found = json.loads(run_here(system, moved))
    assert found["record_digest"] == decision["record_digest"]


def test_package_command_makes_a_bundle_from_a_model_and_a_sample(tmp_path: Path) -> None:
    data = load_breast_cancer(as_frame=True)
    columns = [name.replace(" ", "_") for name in data.data.columns]
    frame = data.data.set_axis(columns, axis="columns")
    classifier = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1).fit(frame[:300], data.target[:300])
    classifier.booster_.save_model(tmp_path / "model.txt")
    frame[300:].assign(is_fraud=data.target[300:]).to_csv(tmp_path / "labelled.csv", index=False)
    words = [sys.executable, *shlex.split(command("python -m vouch package"))[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.rglob("my-fraud/1.0.0/manifest.json"))


def test_rollout_command_begins_a_rollout_that_can_be_aborted(system: RunningSystem) -> None:
    def vouch(*words: str) -> tuple[int, str]:
        where = ["--url", system.plan.control.base_url, "--token-file", str(system.plan.token_file("operator"))]
        done = subprocess.run(
            [sys.executable, "-m", "vouch", *words, *where], cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    words = shlex.split(command("python -m vouch rollout"))[3:]
    assert words[-1] == "--watch"
    code, said = vouch(*words[:-1])
    assert code == 0, said
    assert vouch("rollout", "abort", "--reason", "seen")[0] == 0
    code, said = vouch("rollout", "watch")
    assert (code, said.splitlines()[-1]) == (3, "RolledBack: aborted; every region was taken back")


def test_commands_of_the_trail_copy_verify_and_replay(system: RunningSystem, tmp_path: Path) -> None:
    def is_sealed() -> bool:
        exports = system.request("westeurope", "GET", "/api/v1/exports", role="auditor").json()
        witness = system.request("eastus2", "GET", "/api/v1/witness/westeurope", role="auditor").json()
        return any(window.get("rows") for window in exports["windows"]) and witness["size"] > 0

    wait_until(is_sealed, 120, "a window with records is sealed, and the witness has its checkpoint")
    for line in command("python -m vouch copy").splitlines():
        moved = re.sub(r":70(7\d)", lambda found: f":{system.plan.base_port - 70 + int(found[1])}", line)
        moved = moved.replace(".local/", f"{system.plan.folder}/").replace(" lake", f" {tmp_path}/lake")
        words = [sys.executable, *shlex.split(moved)[1:], "--token-file", str(system.plan.token_file("auditor"))]
        words += ["--region", system.plan.control.base_url] if "replay" in words else []
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, line + done.stdout + done.stderr
    assert "EQUAL" in done.stdout


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)`?", README)) - {"is", "are"}))
def test_make_target_that_the_readme_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_files_that_the_readme_names_are_there() -> None:
    linked = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    (layout,) = re.findall(r"```\nfunction_app.py.*?\n```", README, re.DOTALL)
    rooms = re.findall(r"^(?:[\w.]+/? +)+|[\w]+/", layout, re.MULTILINE)
    named = [*linked, *(word for room in rooms for word in room.split() if word.endswith(("/", ".py")))]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []
    assert len(named) > 15
