"""The Open Inference Protocol's own clients, unchanged, in an environment of their own."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from local.environments import CLIENTS, ROOT
from tests.system.conftest import RunningSystem

pytestmark = pytest.mark.skipif(
    not CLIENTS.is_made(), reason="The clients' environment is not made. Run: python -m local.environments clients"
)


def talk(system: RunningSystem, program: str, address: str, deal: dict[str, Any]) -> dict[str, Any]:
    asked = {"token": system.plan.token_file("scorer").read_text(), "deal": deal}
    command = [str(CLIENTS.python), str(ROOT / "tests" / "clients" / program), address]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def given_features(deal: dict[str, Any]) -> dict[str, Any]:
    return {**deal, "features": {name: value for name, value in deal["features"].items() if value is not None}}


def score_of(system: RunningSystem, deal: dict[str, Any]) -> float:
    answer = system.request("westeurope", "POST", "/api/v1/deals:score", role="scorer", body=deal)
    return float(answer.json()["score"])


def test_tritonclient_scores_and_reads_health_and_metadata(system: RunningSystem, first_claim: dict[str, Any]) -> None:
    deal = given_features(first_claim)
    answer = talk(system, "talk_triton.py", f"127.0.0.1:{system.plan.port_of('westeurope')}", deal)
    assert (answer["live"], answer["ready"], answer["server"], answer["id"]) == (True, True, "vouch", "from-triton")
    assert answer["score"] == answer["unnamed_score"] == score_of(system, deal)
    assert answer["deal_id"] == deal["deal_id"]
    assert "Not here" in answer["refused"]
    found = system.request("westeurope", "GET", f"/api/v1/decisions/{answer['decision_id']}", role="auditor")
    assert found.json()["decision"]["data"]["outcome"] == answer["outcome"]


def test_kserve_client_scores_and_reads_health(system: RunningSystem, first_claim: dict[str, Any]) -> None:
    deal = given_features(first_claim)
    answer = talk(system, "talk_kserve.py", system.plan.regions["westeurope"].base_url, deal)
    assert (answer["live"], answer["ready"], answer["id"]) == (True, True, "from-kserve")
    assert answer["score"] == score_of(system, deal)
