"""Microsoft's own worker library indexes, loads and invokes the deployment package."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from local.azurite import Azurite
from orchestrations.names import ACTIVITIES, ORCHESTRATORS, TRAIL_ACTIVITIES
from tests.conformance.conftest import ACCOUNT, REGION, read_golden
from triggers.endpoints import ENDPOINTS

PROGRAM = Path(__file__).with_name("worker.py")


@pytest.fixture(scope="module")
def report(
    worker_python: Path, package_folder: Path, environment: Mapping[str, str], score_call: Mapping[str, Any]
) -> dict[str, Any]:
    """What the worker program said: the functions it found, and the answers to the calls below."""
    anonymous = {**score_call, "headers": {"content-type": "application/json"}}
    health = {"function": "health_ready", "method": "GET", "url": "http://127.0.0.1:7071/health/ready",
              "headers": {}, "body": "", "until": 200}  # fmt: skip
    command = [str(worker_python), "-B", str(PROGRAM), str(package_folder)]
    done = subprocess.run(
        command, input=json.dumps([health, score_call, anonymous]), env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_worker_library_indexes_every_endpoint(report: dict[str, Any]) -> None:
    routed = {name: bindings for name, bindings in report["functions"].items() if "httpTrigger" in _types(bindings)}
    assert {name: _find_route(bindings) for name, bindings in routed.items()} == {
        endpoint.name: (endpoint.route, sorted(endpoint.methods), "ANONYMOUS") for endpoint in ENDPOINTS
    }


def test_worker_library_indexes_every_durable_function(report: dict[str, Any]) -> None:
    found = {name: _types(bindings) for name, bindings in report["functions"].items()}
    assert {name for name, types in found.items() if "orchestrationTrigger" in types} == set(ORCHESTRATORS)
    assert {name for name, types in found.items() if "activityTrigger" in types} == {*ACTIVITIES, *TRAIL_ACTIVITIES}
    assert found["control_tick"] == found["seal_tick"] == {"timerTrigger", "durableClient"}
    assert found["purge_tick"] == {"timerTrigger"}
    assert "durableClient" in found["rollouts_start"]


def test_worker_library_invokes_health(report: dict[str, Any]) -> None:
    ready, _, _ = report["answers"]
    assert (ready["status"], ready["body"]) == (200, {"status": "ready", "region": REGION, "degraded": []})


def test_worker_library_invokes_scoring(report: dict[str, Any]) -> None:
    _, scored, _ = report["answers"]
    assert scored["status"] == 200, scored["body"]
    assert scored["body"]["score"] == read_golden()["score"]
    assert len(scored["body"]["reasons"]) == 3
    assert scored["headers"]["content-type"] == "application/json"


def test_worker_library_scoring_is_in_the_ledger(report: dict[str, Any], azurite: Azurite) -> None:
    _, scored, _ = report["answers"]
    with TableServiceClient.from_connection_string(azurite.connection_string(ACCOUNT)) as tables:
        rows = [json.dumps(row, default=str) for row in tables.get_table_client("ledger").list_entities()]
    assert sum(scored["body"]["decision_id"] in row and scored["body"]["record_digest"] in row for row in rows) == 1


def test_worker_library_refuses_a_caller_without_a_token(report: dict[str, Any]) -> None:
    _, _, refused = report["answers"]
    assert refused["status"] == 401
    assert refused["headers"]["content-type"] == "application/problem+json"


def _find_route(bindings: list[dict[str, Any]]) -> tuple[str, list[str], str]:
    (trigger,) = [binding for binding in bindings if binding["type"] == "httpTrigger"]
    return trigger["route"], sorted(trigger["methods"]), trigger["authLevel"]


def _types(bindings: list[dict[str, Any]]) -> set[str]:
    return {binding["type"] for binding in bindings}
