"""Scoring over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.records import digest_of_event
from flows.errors import LedgerBusy, LedgerUnavailable
from tests.desk import Desk, golden_deal, golden_features, read
from triggers.endpoints import BATCH_BYTES, DEAL_BYTES

SCORE = "/api/v1/deals:score"
BATCH = "/api/v1/deals:scoreBatch"
FIELDS = {
    "decision_id", "deal_id", "outcome", "score", "risk_score", "reasons", "imputed", "unseen", "unusual", "model",
    "policy", "region", "decided_at", "record_digest",
}  # fmt: skip


def padded(deal: dict[str, Any], size: int) -> bytes:
    """The deal as JSON of exactly `size` bytes: white space is part of a body."""
    raw = json.dumps(deal).encode()
    return raw + b" " * (size - len(raw))


async def test_deal_gets_a_decision_with_every_field(desk: Desk) -> None:
    response = await desk.send("POST", SCORE, golden_deal())
    decision = read(response)
    assert response.status_code == 200
    assert set(decision) == FIELDS
    assert decision["model"]["version"] == response.headers["X-Model-Version"] == "1.0.0"
    (record,) = desk.ledger.records.values()
    assert decision["record_digest"] == digest_of_event(record.event)


async def test_explain_gives_that_many_reasons(desk: Desk) -> None:
    decision = read(await desk.send("POST", f"{SCORE}?explain=4", golden_deal()))
    assert len(decision["reasons"]) == 4
    assert {"code", "feature", "value", "contribution", "text"} == set(decision["reasons"][0])


@pytest.mark.parametrize("explain", ["-1", "x", "1.5", "99999", "1,2"])
async def test_explain_that_is_no_count_is_refused(desk: Desk, explain: str) -> None:
    assert (await desk.send("POST", f"{SCORE}?explain={explain}", golden_deal())).status_code == 400


async def test_missing_feature_is_imputed_and_listed(desk: Desk) -> None:
    features = {name: value for name, value in golden_features().items() if name != "fault"}
    decision = read(await desk.send("POST", SCORE, {"deal_id": "D-1", "features": features}))
    assert "fault" in decision["imputed"]


async def test_every_fault_is_listed_at_once(desk: Desk) -> None:
    response = await desk.send("POST", SCORE, {"features": {"nobody": 1, "age": "old"}, "colour": "red"})
    assert response.status_code == 422
    pointers = {error["pointer"] for error in read(response)["errors"]}
    assert pointers == {"/deal_id", "/colour", "/features/nobody", "/features/age"}


async def test_deal_at_the_limit_is_scored_and_one_byte_more_is_not(desk: Desk) -> None:
    assert (await desk.send("POST", SCORE, padded(golden_deal(), DEAL_BYTES))).status_code == 200
    assert (await desk.send("POST", SCORE, padded(golden_deal(), DEAL_BYTES + 1))).status_code == 413


async def test_batch_at_the_limit_is_scored_and_one_byte_more_is_not(desk: Desk) -> None:
    batch = {"deals": [golden_deal()]}
    assert (await desk.send("POST", BATCH, padded(batch, BATCH_BYTES))).status_code == 200
    assert (await desk.send("POST", BATCH, padded(batch, BATCH_BYTES + 1))).status_code == 413


async def test_foreign_deal_names_the_regions_that_accept_it(desk: Desk) -> None:
    response = await desk.send("POST", SCORE, golden_deal(residency="US"))
    assert response.status_code == 421
    assert read(response)["regions"] == {"eastus2": "https://eastus2.example"}


async def test_batch_of_a_thousand_is_answered_in_order(desk: Desk) -> None:
    deals = [golden_deal(f"D-{number}") for number in range(1000)]
    results = read(await desk.send("POST", BATCH, {"deals": deals}))["results"]
    assert [result["decision"]["deal_id"] for result in results] == [deal["deal_id"] for deal in deals]


async def test_batch_with_a_faulty_deal_keeps_the_good_ones_and_records_the_refusal(desk: Desk) -> None:
    results = read(await desk.send("POST", BATCH, {"deals": [golden_deal(), {"deal_id": "D-2"}, 7]}))["results"]
    assert [next(iter(result)) for result in results] == ["decision", "problem", "problem"]
    assert len(desk.ledger.events("vouch.decision.rejected.v1")) == 2


@pytest.mark.parametrize("body", [[], {}, {"deals": []}, {"deals": [1] * 1001}, {"deals": {}}, {"deals": [1], "x": 1}])
async def test_batch_that_is_none_is_refused(desk: Desk, body: object) -> None:
    assert (await desk.send("POST", BATCH, body)).status_code == 422


async def test_key_replays_the_same_answer(desk: Desk) -> None:
    headers = {"idempotency-key": "k-1"}
    first = await desk.send("POST", SCORE, golden_deal(), headers=headers)
    again = await desk.send("POST", SCORE, golden_deal(), headers=headers)
    assert read(again) == read(first)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await desk.send("POST", SCORE, golden_deal("D-2"), headers=headers)
    assert other.status_code == 422
    assert read(other)["type"].endswith("idempotency-mismatch")


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "käse"])
async def test_key_that_is_none_is_refused(desk: Desk, key: str) -> None:
    assert (await desk.send("POST", SCORE, golden_deal(), headers={"idempotency-key": key})).status_code == 400


async def test_version_may_be_pinned_by_an_operator_only(desk: Desk) -> None:
    headers = {"x-model-version": "1.1.0"}
    assert (await desk.send("POST", SCORE, golden_deal(), headers=headers)).status_code == 403
    response = await desk.send("POST", SCORE, golden_deal(), roles="operator", headers=headers)
    assert read(response)["model"]["version"] == "1.1.0"


@pytest.mark.parametrize(
    ("failure", "says"), [(LedgerUnavailable("x"), "unknown"), (LedgerBusy("x"), "Nothing was recorded")]
)
async def test_ledger_that_fails_gives_503_and_says_what_is_known(desk: Desk, failure: Exception, says: str) -> None:
    desk.ledger.failures = [failure]
    response = await desk.send("POST", SCORE, golden_deal())
    assert response.status_code == 503
    assert says in read(response)["detail"]
    assert "Retry-After" in response.headers


async def test_chunked_request_without_its_body_is_411(desk: Desk) -> None:
    response = await desk.send("POST", SCORE, b"", headers={"transfer-encoding": "chunked"})
    assert response.status_code == 411


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"a":NaN}', 400),
        (b'{"a":Infinity}', 400),
        (b'{"a":1e999}', 400),
        (b'{"a":1,"a":2}', 400),
        (b'{"a":"\xff"}', 400),
        (b'{"a":"\\ud800"}', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'{"a":' + b"9" * 5000 + b"}", 400),
        (b"[]", 422),
        (b"null", 422),
    ],
)
async def test_body_that_is_rubbish_is_a_problem(desk: Desk, body: bytes, status: int) -> None:
    response = await desk.send("POST", SCORE, body, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"


async def test_other_content_type_is_415(desk: Desk) -> None:
    assert (await desk.send("POST", SCORE, golden_deal(), headers={"content-type": "text/plain"})).status_code == 415


async def test_number_too_large_for_the_record_is_a_fault_and_no_failure(desk: Desk) -> None:
    deal = golden_deal()
    deal["features"] = {**deal["features"], "age": 2**60}
    assert (await desk.send("POST", SCORE, deal)).status_code == 422
