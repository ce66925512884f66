"""The loop is closed: what was decided, and what was found out about it, becomes the version that decides next."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.plan import ROOT
from local.replay import choose_claims
from tests.system.conftest import CONTROL, MODEL, RunningSystem, served, take_back, wait_until
from training.retrain import main as retrain
from vouch.__main__ import main as vouch
from vouch.dataset_files import datasheet_of, read_rows

VERSION = "1.3.0-retrained"
PLAN = {
    "model": MODEL,
    "version": VERSION,
    "waves": [["westeurope"], ["northeurope", "eastus2", "brazilsouth"]],
    "steps": [{"shadow": 1.0}, {"analysis": True}, {"setWeight": 100}],
    "metrics": [{"name": "error_rate", "max": 0.05, "minSamples": 10}],
    "bake": "PT1S",
    "deadline": "PT2M",
}
SEALED_S, ROLLOUT_S = 150.0, 90.0
PAUSE_S = 0.02


@pytest.fixture
def learning(system: RunningSystem) -> Iterator[RunningSystem]:
    """The running system, which serves afterwards what it served before."""
    yield system
    take_back(system, VERSION)


class Claims:
    """Claims for every region, one after another, until the end of the block; `answered` by version and region."""

    def __init__(self, system: RunningSystem) -> None:
        self._system = system
        self._claims = choose_claims(200)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(region,)) for region in system.plan.regions]
        self.answered: Counter[tuple[str, str]] = Counter()
        self.refused: list[bytes] = []

    def __enter__(self) -> Claims:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self, region: str) -> None:
        for number in itertools.count():
            if self._ended.wait(PAUSE_S):
                return
            deal = {"deal_id": f"next-{number}", "features": self._claims[number % len(self._claims)].features}
            answer = self._system.request(region, "POST", "/api/v1/deals:score", role="scorer", body=deal)
            if answer.status == 200:
                self.answered[answer.json()["model"]["version"], region] += 1
            else:
                self.refused.append(answer.body)


def test_decisions_and_their_labels_become_the_version_that_every_region_serves(
    learning: RunningSystem, tmp_path: Path
) -> None:
    dataset = _make_dataset(learning, tmp_path / "set.jsonl.gz")
    base = str(ROOT / "model_artifacts" / MODEL / "1.0.0")
    assert retrain([str(dataset), "--base", base, "--version", VERSION, "--out", str(tmp_path)]) == 0
    bundle = tmp_path / MODEL / VERSION
    url, operator = learning.plan.control.base_url, str(learning.plan.token_file("operator"))
    assert vouch(["publish", str(bundle), "--to", url, "--token-file", operator]) == 0
    with Claims(learning) as claims:
        ended = _roll_out(learning)
    assert ended["phase"] == "Succeeded", json.dumps(ended, indent=1)
    assert {served(learning, region) for region in learning.plan.regions} == {VERSION}
    assert claims.refused == []
    assert all(claims.answered[VERSION, region] for region in learning.plan.regions), claims.answered
    _expect_provenance(learning, bundle, dataset)


def _make_dataset(system: RunningSystem, out: Path) -> Path:
    """What was labelled first, once it is sealed; the erased person's claim is not in it."""
    labelled = system.labelled
    assert labelled is not None
    _wait_until_sealed(system, labelled.recorded_by)
    auditor = str(system.plan.token_file("auditor"))
    words = ["dataset", system.plan.control.base_url, "--labelled", "--out", str(out), "--token-file", auditor]
    assert vouch(words) == 0
    rows = {row["decision_id"]: row for row in read_rows(out)}
    assert labelled.erased not in rows
    known = {decision: fraud for decision, fraud in labelled.frauds.items() if decision != labelled.erased}
    assert {decision: rows[decision]["label"] == "fraud" for decision in known} == known
    assert json.loads(datasheet_of(out).read_bytes())["left_out"]["erased"] >= 1
    return out


def _wait_until_sealed(system: RunningSystem, recorded_by: str) -> None:

    def is_sealed() -> bool:
        exports = system.request(CONTROL, "GET", "/api/v1/exports", role="auditor")
        return bool(exports.status == 200 and (exports.json()["sealed_until"] or "") >= recorded_by)

    wait_until(is_sealed, SEALED_S, "the labels are sealed", 0.5)


def _roll_out(system: RunningSystem) -> Any:
    began = system.request(CONTROL, "POST", "/api/v1/rollouts", role="operator", body=PLAN)
    assert began.status == 202, began.body
    seen: Any = {}

    def has_ended() -> bool:
        nonlocal seen
        path = f"/api/v1/rollouts/{began.json()['id']}"
        seen = system.request(CONTROL, "GET", path, role="operator").json()
        return seen["phase"] in {"Succeeded", "RolledBack", "Failed"}

    wait_until(has_ended, ROLLOUT_S, "the rollout has ended", 0.2)
    return seen


def _expect_provenance(system: RunningSystem, bundle: Path, dataset: Path) -> None:
    """The version has learnt something, and any region tells from which checkpoint of which trail."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    assert manifest["metrics"]["held_out"]["auc"] > 0.55
    training = manifest["training"]
    sheet = json.loads(datasheet_of(dataset).read_bytes())
    assert training["lake"] == sheet["lake"]
    assert training["data_sha256"] == sheet["file"]["sha256"]
    held = system.request("eastus2", "GET", f"/api/v1/models/{MODEL}/versions/{VERSION}", role="auditor").json()
    assert held["training"] == training
