"""Reference data over HTTP, with the demo model that looks agents up."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from flows.errors import StorageFailed
from scoring.release import Release, Target
from tests.desk import ROOT, Desk, golden_deal, golden_features, read
from tests.snapshots import Files, digest_of, put, snapshot_of
from training.agents import build_agents_snapshot
from training.claims import read_claims

PART = "part-00000.jsonl.gz"
PINNED = {"x-model-version": "1.2.0"}
SERVED = {"deal-fraud": Release("deal-fraud", Target("1.2.0", "standard/1"), generation=1)}
NO_SNAPSHOT = [{"dataset": "agents", "snapshot": None, "digest": None}]
UNMATCHED = ["agent_claim_share_last_year", "agent_fraud_rate_last_year"]


@cache
def agents() -> Files:
    return build_agents_snapshot(read_claims((ROOT / "training/data/vehicle_claims.csv.gz").read_bytes()), 1996)


def deal(agent: object = 7) -> dict[str, Any]:
    return golden_deal("D-1") | {"features": {**golden_features(), "rep_number": agent}}


async def activate(desk: Desk, files: Files | None = None, snapshot: str = "1996-01-01") -> Any:
    digest = put(desk.lake, files or agents(), snapshot)
    body = {"snapshot": snapshot, "manifest_sha256": digest.removeprefix("sha256:")}
    return await desk.send("POST", "/api/v1/reference/agents:activate", body, "deliverer")


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
    digest = digest_of(agents())
    assert {**activated, "activated_at": ""} == {
        "dataset": "agents", "snapshot": "1996-01-01", "digest": digest, "rows": 16, "generation": 1, "activated_at": ""
    }  # fmt: skip
    listed = read(await desk.send("GET", "/api/v1/reference", roles="auditor"))
    assert listed == {"datasets": [{**activated, "serving": "1996-01-01"}]}
    answer = await score(desk, deal())
    assert answer["references"] == [{"dataset": "agents", "snapshot": "1996-01-01", "digest": digest}]
    assert answer["unmatched"] == []
    rate = next(reason for reason in answer["reasons"] if reason["feature"] == UNMATCHED[1])
    assert rate["value"] == 0.056657


async def test_agent_given_as_text_or_number_is_the_same_agent(desk: Desk) -> None:
    await activate(desk)
    assert (await score(desk, deal(7)))["score"] == (await score(desk, deal("7")))["score"]


async def test_unknown_agent_and_missing_snapshot_give_the_same_score_and_say_what_was_missing(desk: Desk) -> None:
    bare = await score(desk, deal())
    await activate(desk)
    unknown = await score(desk, deal(99))
    absent = await score(desk, golden_deal("D-1"))
    assert bare["score"] == unknown["score"] == absent["score"]
    assert bare["unmatched"] == unknown["unmatched"] == absent["unmatched"] == UNMATCHED
    assert bare["references"] == NO_SNAPSHOT != unknown["references"]
    assert set(UNMATCHED) <= set(bare["imputed"])


async def test_stable_version_without_lookups_takes_the_key_and_says_that_it_has_no_use_for_it(desk: Desk) -> None:
    plain = read(await desk.send("POST", "/api/v1/deals:score", golden_deal("D-1")))
    keyed = read(await desk.send("POST", "/api/v1/deals:score", deal()))
    assert keyed["unused"] == ["rep_number"]
    assert keyed["score"] == plain["score"]
    assert "unused" not in plain


async def test_missing_snapshot_of_a_version_that_is_served_is_degraded_health_and_no_outage(desk: Desk) -> None:
    desk.store.rows.update(SERVED)
    status, degraded = await health(desk)
    assert status == 200
    assert degraded == [
        "reference dataset agents: no snapshot is active here; deliver one and activate it; its values are missing"
    ]
    await activate(desk)
    assert await health(desk) == (200, [])


async def test_region_that_serves_no_version_with_lookups_is_not_degraded_by_missing_ones(desk: Desk) -> None:
    assert await health(desk) == (200, [])


async def test_storage_that_is_down_leaves_scoring_as_it_is(desk: Desk) -> None:
    await activate(desk)
    before = await score(desk, deal())
    desk.lake.failure = desk.reference_rows.failure = StorageFailed("down")
    after = await score(desk, deal())
    assert (after["score"], after["references"]) == (before["score"], before["references"])
    response = await desk.send("GET", "/api/v1/reference", roles="operator")
    assert (response.status_code, read(response)["type"]) == (503, "urn:vouch:problem:ledger-unavailable")


@pytest.mark.parametrize("damage", [b"", b"x"])
async def test_damaged_snapshot_is_refused_with_its_file_and_nothing_is_active(desk: Desk, damage: bytes) -> None:
    response = await activate(desk, {**agents(), PART: agents()[PART][:-1] + damage})
    problem = read(response)
    assert (response.status_code, problem["type"]) == (422, "urn:vouch:problem:unsound-snapshot")
    assert problem["detail"].startswith(f"What was active still is: {PART}: ")
    assert read(await desk.send("GET", "/api/v1/reference", roles="operator")) == {"datasets": []}
    assert (await activate(desk)).status_code == 200


async def test_snapshot_without_what_the_models_here_look_up_is_refused(desk: Desk) -> None:
    problem = read(await activate(desk, snapshot_of(), "s1"))
    assert problem["detail"] == (
        "What was active still is: it has no column claim_share_last_year of type number, "
        "which the feature agent_claim_share_last_year needs of deal-fraud 1.2.0."
    )


async def test_reference_is_in_the_record_that_an_auditor_reads(desk: Desk) -> None:
    await activate(desk)
    answer = await score(desk, deal())
    found = read(await desk.send("GET", f"/api/v1/decisions/{answer['decision_id']}", roles="auditor"))
    data = found["decision"]["data"]
    assert data["references"] == answer["references"]
    assert data["personal"]["referenced"] == {UNMATCHED[0]: 0.06795, UNMATCHED[1]: 0.056657}
    assert found["record_digest"] == answer["record_digest"]


async def test_golden_set_of_a_version_that_looks_up_is_scored_as_any_deal(desk: Desk) -> None:
    await activate(desk)
    path = "/api/v1/models/deal-fraud/versions/1.2.0:synthetic"
    response = await desk.send("POST", path, {"policy": "standard/1"}, "operator")
    assert response.status_code == 200
    events = desk.ledger.events("vouch.decision.scored.v1")
    assert read(response)["candidate"]["errors"] == 0
    assert {event["data"]["references"][0]["snapshot"] for event in events} == {"1996-01-01"}
