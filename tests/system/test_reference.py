"""Reference data on the running system: there from the start, refused when damaged, whole after a kill."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

import pytest

from local.azurite import account_key
from local.plan import ROOT
from local.reference import demo_snapshot, write_snapshot
from local.regions import account_of
from scoring.reference_table import MANIFEST_FILE, digest_of_manifest
from tests.system.conftest import CONTROL, Answer, RunningSystem, wait_until
from tests.system.test_readme import run_here
from training.policy_types import COLUMNS, DATASET, KEY
from vouch.snapshots import build_snapshot

DEMO = "1996-01-01"
PART = "part-00000.jsonl.gz"
LOOKED_UP = ["policy_type_claim_share_last_year", "policy_type_fraud_rate_last_year"]
Files = dict[str, bytes]


def connection_string(system: RunningSystem, region: str) -> str:
    blob, _, table = system.plan.azurite_ports
    account, host = account_of(region), "http://127.0.0.1"
    return (
        f"AccountName={account};AccountKey={account_key(account)};"
        f"BlobEndpoint={host}:{blob}/{account};TableEndpoint={host}:{table}/{account};"
    )


def deliver(system: RunningSystem, snapshot: str, files: Files) -> None:
    write_snapshot(connection_string(system, CONTROL), DATASET, snapshot, files)


def activate(system: RunningSystem, snapshot: str, manifest: bytes, role: str = "deliverer") -> Answer:
    body = {"snapshot": snapshot, "manifest_sha256": digest_of_manifest(manifest).removeprefix("sha256:")}
    return system.request(CONTROL, "POST", f"/api/v1/reference/{DATASET}:activate", role=role, body=body)


def active(system: RunningSystem, region: str = CONTROL) -> Any:
    (found,) = system.request(region, "GET", "/api/v1/reference", role="auditor").json()["datasets"]
    return found


def score(system: RunningSystem, claim: dict[str, Any], policy_type: object = None, region: str = CONTROL) -> Any:
    """With the version that looks up what is known of a type of policy; None: of the claim's own."""
    changed = {} if policy_type is None else {KEY: policy_type}
    deal = {"deal_id": claim["deal_id"], "features": {**claim["features"], **changed}}
    answer = system.request(region, "POST", "/api/v1/deals:score", role="operator", body=deal, X_Model_Version="1.2.0")
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.fixture
def with_demo_snapshot(system: RunningSystem) -> Iterator[RunningSystem]:
    """The running system, which looks into the demo's snapshot again afterwards."""
    yield system
    assert activate(system, DEMO, demo_snapshot()[MANIFEST_FILE], "operator").status == 200


def test_every_region_looks_into_the_demo_snapshot_from_the_start(
    system: RunningSystem, first_claim: dict[str, Any]
) -> None:
    digest = digest_of_manifest(demo_snapshot()[MANIFEST_FILE])
    for region in system.plan.regions:
        assert (active(system, region)["snapshot"], active(system, region)["rows"]) == (DEMO, 8)
        assert system.request(region, "GET", "/health/ready").json()["degraded"] == []
        answer = score(system, first_claim, region=region)
        assert answer["references"] == [{"dataset": DATASET, "snapshot": DEMO, "digest": digest}]
        assert answer["unmatched"] == []


def test_commands_of_the_page_give_what_it_says(system: RunningSystem) -> None:
    page = (ROOT / "docs" / "reference-data.md").read_text()
    scoring, listing = (run_here(system, line) for line in re.findall(r"```bash\n(.*?)\n```", page, re.DOTALL))
    shown = json.loads(re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)[0])
    assert {name: json.loads(scoring)[name] for name in shown} == shown
    assert json.loads(listing)["datasets"][0]["serving"] == DEMO


def test_unknown_type_of_policy_is_missing_and_listed(system: RunningSystem, first_claim: dict[str, Any]) -> None:
    answer = score(system, first_claim, "Tank")
    assert answer["unmatched"] == LOOKED_UP
    assert set(LOOKED_UP) <= set(answer["imputed"])


def test_damaged_snapshot_is_refused_and_the_sound_one_goes_on(
    system: RunningSystem, first_claim: dict[str, Any]
) -> None:
    before = active(system)
    files = build_snapshot(DATASET, "damaged", "2026-11-01T00:00:00Z", KEY, COLUMNS, [{KEY: "Tank"}])
    deliver(system, "damaged", {**files, PART: files[PART][:-1] + b"x"})
    answer = activate(system, "damaged", files[MANIFEST_FILE])
    assert (answer.status, answer.json()["type"]) == (422, "urn:vouch:problem:unsound-snapshot")
    assert f"{PART}: is changed or foreign" in answer.json()["detail"]
    assert active(system) == before
    assert score(system, first_claim)["references"][0]["snapshot"] == before["snapshot"]


def test_region_killed_while_it_activates_has_one_snapshot_or_the_other_and_takes_the_activation_again(
    with_demo_snapshot: RunningSystem, first_claim: dict[str, Any]
) -> None:
    system = with_demo_snapshot
    rows = [{KEY: f"type {number}", COLUMNS[0].name: number, COLUMNS[1].name: 0.5} for number in range(200_000)]
    files = build_snapshot(DATASET, "large", "2026-11-01T00:00:00Z", KEY, COLUMNS, rows)
    deliver(system, "large", files)
    process, generation = system.process_of(CONTROL), active(system)["generation"]
    asking = threading.Thread(target=lambda: _ask_and_be_cut_off(system, files[MANIFEST_FILE]))
    asking.start()
    asking.join(0.3)
    assert asking.is_alive(), "the activation was over before it could be cut off"
    process.kill()
    asking.join()
    wait_until(lambda: _is_ready(system), 30, "the region is back")
    assert active(system)["snapshot"] in (DEMO, "large")
    assert score(system, first_claim)["references"][0]["snapshot"] in (DEMO, "large")
    again = activate(system, "large", files[MANIFEST_FILE])
    assert (again.status, again.json()["rows"], again.json()["generation"]) == (200, 200_000, generation + 1)
    assert score(system, first_claim, "type 199999")["unmatched"] == []


def _ask_and_be_cut_off(system: RunningSystem, manifest: bytes) -> None:
    try:
        activate(system, "large", manifest)
    except (OSError, HTTPException):
        return


def _is_ready(system: RunningSystem) -> bool:
    try:
        return system.request(CONTROL, "GET", "/health/ready").status == 200
    except OSError:
        return False
