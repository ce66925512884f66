"""Reference data over HTTP, with the demo model that looks up what is known of a type of policy."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from flows.errors import StorageFailed
from scoring.release import Release, Target
from tests.desk import ROOT, Desk, golden_deal, golden_features, read
from tests.snapshots import Files, digest_of, put, snapshot_of
from training.claims import read_claims
from training.policy_types import DATASET, build_experience_snapshot

PART = "part-00000.jsonl.gz"
PINNED = {"x-model-version": "1.2.0"}
SERVED = {"deal-fraud": Release("deal-fraud", Target("1.2.0", "standard/1"), generation=1)}
NO_SNAPSHOT = [{"dataset": DATASET, "snapshot": None, "digest": None}]
UNMATCHED = ["policy_type_claim_share_last_year", "policy_type_fraud_rate_last_year"]


@cache
def experience() -> Files:
    return build_experience_snapshot(read_claims((ROOT / "training/data/vehicle_claims.csv.gz").read_bytes()), 1996)


def deal(policy_type: object = "Utility - All Perils") -> dict[str, Any]:
    return golden_deal("D-1") | {"features": {**golden_features(), "policy_type": policy_type}}


async def activate(desk: Desk, files: Files | None = None, snapshot: str = "1996-01-01") -> Any:
    digest = put(desk.lake, files or experience(), snapshot, DATASET)
    body = {"snapshot": snapshot, "manifest_sha256": digest.removeprefix("sha256:")}
    return await desk.send("POST", f"/api/v1/reference/{DATASET}:activate", body, "deliverer")


async def score(desk: Desk, payload: object, roles: str = "operator") -> Any:
    response = await desk.send("POST", "/api/v1/deals:score?explain=31", payload, roles, PINNED)
    assert response.status_code == 200, response.get_body()
    return read(response)


async def health(desk: Desk) -> Any:
    """Of an instance that has been asked before."""
    await desk.send("POST", "/api/v1/deals:score", golden_deal())
    response = await desk.send("GET", "/health/ready", roles=None)
    return response.status_code, read(response).get("degraded")


async def test_activated_snapshot_is_answered_listed_and_looked_into(desk: Desk) -> None:
    activated = read(await activate(desk))
    digest = digest_of(experience())
    assert {**activated, "activated_at": ""} == {
        "dataset": DATASET, "snapshot": "1996-01-01", "digest": digest, "rows": 8, "generation": 1, "activated_at": ""
    }  # fmt: skip
    listed = read(await desk.send("GET", "/api/v1/reference", roles="auditor"))
    assert listed == {"datasets": [{**activated, "serving": "1996-01-01"}]}
    answer = await score(desk, deal())
    assert answer["references"] == [{"dataset": DATASET, "snapshot": "1996-01-01", "digest": digest}]
    assert answer["unmatched"] == []
    rate = next(reason for reason in answer["reasons"] if reason["feature"] == UNMATCHED[1])
    assert rate["value"] == 0.160714


async def test_unknown_type_and_missing_snapshot_are_missing_values_that_are_listed_and_told_apart(desk: Desk) -> None:
    bare = await score(desk, deal())
    await activate(desk)
    found, unknown, absent = [await score(desk, deal(kind)) for kind in ("Utility - All Perils", "Tank", None)]
    assert bare["unmatched"] == unknown["unmatched"] == absent["unmatched"] == UNMATCHED
    assert set(UNMATCHED) <= set(bare["imputed"])
    assert bare["references"] == NO_SNAPSHOT != unknown["references"] == found["references"]
    assert found["unmatched"] == []
    assert found["score"] != bare["score"]


async def test_missing_snapshot_of_a_version_that_is_served_is_degraded_health_and_no_outage(desk: Desk) -> None:
    desk.store.rows.update(SERVED)
    status, degraded = await health(desk)
    assert status == 200
    (reason,) = degraded
    assert reason.startswith("reference dataset policy-types: no snapshot is active here; deliver one and activate it;")
    await activate(desk)
    assert await health(desk) == (200, [])


async def test_region_that_serves_no_version_with_lookups_is_not_degraded_by_missing_ones(desk: Desk) -> None:
    assert await health(desk) == (200, [])


async def test_storage_that_is_down_leaves_scoring_as_it_is(desk: Desk) -> None:
    await activate(desk)
    before = await score(desk, deal())
    desk.lake.steps.failure = desk.reference_rows.failure = StorageFailed("down")
    after = await score(desk, deal())
    assert (after["score"], after["references"]) == (before["score"], before["references"])
    response = await desk.send("GET", "/api/v1/reference", roles="operator")
    assert (response.status_code, read(response)["type"]) == (503, "urn:vouch:problem:ledger-unavailable")


@pytest.mark.parametrize("damage", [b"", b"x"])
async def test_damaged_snapshot_is_refused_with_its_file_and_nothing_is_active(desk: Desk, damage: bytes) -> None:
    response = await activate(desk, {**experience(), PART: experience()[PART][:-1] + damage})
    problem = read(response)
    assert (response.status_code, problem["type"]) == (422, "urn:vouch:problem:unsound-snapshot")
    assert problem["detail"].startswith(f"What was active still is: {PART}: ")
    assert read(await desk.send("GET", "/api/v1/reference", roles="operator")) == {"datasets": []}
    assert (await activate(desk)).status_code == 200


async def test_snapshot_without_a_row_is_refused_unless_the_call_says_that_it_is_meant(desk: Desk) -> None:
    digest = put(desk.lake, snapshot_of(rows=[]))
    body = {"snapshot": "s1", "manifest_sha256": digest.removeprefix("sha256:")}
    path = "/api/v1/reference/agents:activate"
    problem = read(await desk.send("POST", path, body, "deliverer"))
    assert problem["detail"] == (
        "What was active still is: it has no row, so every look-up would find nothing: look at what produced it, "
        "or activate it with allow_empty true if none are meant."
    )
    assert read(await desk.send("POST", path, {**body, "allow_empty": True}, "deliverer"))["rows"] == 0


async def test_snapshot_without_what_the_models_here_look_up_is_refused(desk: Desk) -> None:
    problem = read(await activate(desk, snapshot_of(dataset=DATASET), "s1"))
    assert problem["detail"] == (
        "What was active still is: it has no column claim_share_last_year of type number, "
        "which the feature policy_type_claim_share_last_year needs of deal-fraud 1.2.0."
    )


async def test_reference_is_in_the_record_that_an_auditor_reads(desk: Desk) -> None:
    await activate(desk)
    answer = await score(desk, deal())
    found = read(await desk.send("GET", f"/api/v1/decisions/{answer['decision_id']}", roles="auditor"))
    data = found["decision"]["data"]
    assert data["references"] == answer["references"]
    assert data["personal"]["referenced"] == {UNMATCHED[0]: 0.021559, UNMATCHED[1]: 0.160714}
    assert found["record_digest"] == answer["record_digest"]


async def test_golden_set_of_a_version_that_looks_up_is_scored_as_any_deal(desk: Desk) -> None:
    await activate(desk)
    path = "/api/v1/models/deal-fraud/versions/1.2.0:synthetic"
    response = await desk.send("POST", path, {"policy": "standard/1"}, "operator")
    assert response.status_code == 200
    events = desk.ledger.events("vouch.decision.scored.v1")
    assert read(response)["candidate"]["errors"] == 0
    assert {event["data"]["references"][0]["snapshot"] for event in events} == {"1996-01-01"}
