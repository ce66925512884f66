"""What a newcomer does with the running system, over plain HTTP."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from flows.calls import ROLES
from local.newcomer import curl_to
from local.plan import ROOT
from tests.system.conftest import RunningSystem, wait_until

REGIONS = {"westeurope": "DE", "northeurope": "IE", "eastus2": "US", "brazilsouth": "BR"}


@pytest.mark.parametrize("region", REGIONS)
def test_region_is_ready_live_and_says_which_it_is(system: RunningSystem, region: str) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = system.request(region, "GET", path)
        assert (answer.status, answer.json()["region"]) == (200, region)
        assert system.request(region, "HEAD", path).status == 200


@pytest.mark.parametrize(("region", "residency"), REGIONS.items())
def test_deal_scored_in_a_region_is_found_in_its_ledger(
    system: RunningSystem, first_claim: dict[str, Any], region: str, residency: str
) -> None:
    scored = system.request(
        region, "POST", "/api/v1/deals:score", role="scorer", body={**first_claim, "residency": residency}
    )
    assert scored.status == 200, scored.body
    decision = scored.json()
    assert decision["outcome"] in {"review", "decline"}
    assert decision["reasons"]
    assert decision["region"] == region
    found = system.request(region, "GET", f"/api/v1/decisions/{decision['decision_id']}", role="auditor")
    assert found.status == 200, found.body
    record = found.json()["decision"]
    assert record["data"]["outcome"] == decision["outcome"]
    assert record["data"]["personal"]["deal_id"] == first_claim["deal_id"]


def test_deal_of_another_residency_is_refused_with_the_regions_that_accept_it(
    system: RunningSystem, first_claim: dict[str, Any]
) -> None:
    answer = system.request(
        "eastus2", "POST", "/api/v1/deals:score", role="scorer", body={**first_claim, "residency": "DE"}
    )
    assert answer.status == 421
    assert system.plan.regions["westeurope"].base_url in answer.body.decode()


def test_printed_curl_run_by_a_shell_scores_the_first_claim(system: RunningSystem) -> None:
    curl = curl_to(system.plan, "westeurope")
    done = subprocess.run(["sh", "-c", curl], cwd=ROOT, capture_output=True, text=True, check=True)
    assert '"outcome":"decline"' in done.stdout.replace(" ", "")
    assert curl in system.output.read_text()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/api/v1/deals:score", 405)]
)
def test_unknown_path_or_wrong_method_is_a_problem(system: RunningSystem, method: str, path: str, status: int) -> None:
    answer = system.request("westeurope", method, path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_tokens_lie_where_their_owner_alone_reads_them(system: RunningSystem) -> None:
    files = [system.plan.token_file(role) for role in ROLES]
    files += list((system.plan.folder / "issuer").iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_call_without_a_token_is_refused(system: RunningSystem, first_claim: dict[str, Any]) -> None:
    assert system.request("westeurope", "POST", "/api/v1/deals:score", body=first_claim).status == 401


def test_region_killed_hard_is_started_again_with_its_ledger(
    system: RunningSystem, first_claim: dict[str, Any]
) -> None:
    decision = system.request("northeurope", "POST", "/api/v1/deals:score", role="scorer", body=first_claim).json()
    killed = system.process_of("northeurope")
    killed.kill()

    def is_back() -> bool:
        try:
            return system.request("northeurope", "GET", "/health/ready").status == 200
        except OSError:
            return False

    wait_until(lambda: not killed.is_running(), 10, "the killed process is gone")
    wait_until(is_back, 60, "northeurope is back")
    assert "northeurope (exit code -9) ended by itself" in system.output.read_text()
    found = system.request("northeurope", "GET", f"/api/v1/decisions/{decision['decision_id']}", role="auditor")
    assert found.status == 200
    again = system.request("northeurope", "POST", "/api/v1/deals:score", role="scorer", body=first_claim)
    assert again.status == 200
