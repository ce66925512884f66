"""Errors have one shape on every path, tell nothing internal, and are recorded without the payload."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from flows.errors import LedgerUnavailable, StorageFailed, VouchError
from tests.desk import Desk, golden_deal, read
from triggers.problems import KINDS, build_problem

ACTIVATION = {"snapshot": "s1", "manifest_sha256": "0" * 64}
RELEASE_OF_NONE = {"subject": "P-1", "hold_id": "0" * 32, "reason": "x"}
WRONG: list[tuple[str, str, object, str | None, dict[str, str], int, str]] = [
    ("POST", "/api/v1/deals:score", golden_deal(), None, {}, 401, "unauthenticated"),
    ("POST", "/api/v1/deals:score", golden_deal(), "auditor", {}, 403, "not-allowed"),
    ("POST", "/api/v1/deals:score", b"{", "scorer", {}, 400, "malformed-body"),
    ("POST", "/api/v1/deals:score", {}, "scorer", {}, 422, "invalid-deal"),
    ("POST", "/api/v1/deals:score", golden_deal(residency="US"), "scorer", {}, 421, "foreign-deal"),
    ("POST", "/api/v1/deals:score", golden_deal(), "scorer", {"content-type": "text/csv"}, 415, "wrong-content-type"),
    ("POST", "/api/v1/deals:score?explain=x", golden_deal(), "scorer", {}, 400, "invalid-parameter"),
    ("POST", "/api/v1/deals:scoreBatch", {}, "scorer", {}, 422, "invalid-request"),
    ("GET", "/api/v1/deals:score", None, "scorer", {}, 405, "method-not-allowed"),
    ("DELETE", "/api/v1/models", None, None, {}, 405, "method-not-allowed"),
    ("PUT", "/api/v1/releases/deal-fraud:close", None, "operator", {}, 405, "method-not-allowed"),
    ("PUT", "/api/v1/releases/deal-fraud:serve", None, "operator", {}, 404, "no-such-path"),
    ("GET", "/nowhere", None, None, {}, 404, "no-such-path"),
    ("GET", "/api/v1/decisions/x", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/decisions/f10cc4f3-ae39-789a-81cf-e9d7627bffe1", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/decisions/x%3Ay", None, "auditor", {}, 404, "no-such-path"),
    ("GET", "/api/v1/decisions/../../etc/passwd", None, "auditor", {}, 404, "no-such-path"),
    ("POST", "/api/v1/decisions/x:label", {"label": "maybe"}, "labeller", {}, 422, "invalid-request"),
    ("GET", "/api/v1/models/deal-fraud/versions/9", None, "scorer", {}, 404, "not-found"),
    ("GET", "/api/v1/releases/nobody", None, "operator", {}, 404, "not-found"),
    ("PUT", "/api/v1/releases/deal-fraud", {}, "operator", {}, 428, "precondition-required"),
    ("PUT", "/api/v1/releases/deal-fraud", {}, "operator", {"if-match": "x"}, 400, "invalid-parameter"),
    ("POST", "/api/v1/reference/agents:activate", {}, "deliverer", {}, 422, "invalid-request"),
    ("POST", "/api/v1/reference/agents:activate", ACTIVATION, "deliverer", {}, 422, "unsound-snapshot"),
    ("POST", "/api/v1/reference/NO..NE:activate", ACTIVATION, "deliverer", {}, 422, "unsound-snapshot"),
    ("GET", "/api/v1/reference/agents", None, "deliverer", {}, 404, "no-such-path"),
    ("GET", "/api/v1/lake?prefix=secrets/", None, "auditor", {}, 400, "invalid-parameter"),
    ("GET", "/api/v1/lake?prefix=audit/../", None, "auditor", {}, 400, "invalid-parameter"),
    ("GET", "/api/v1/lake?limit=0", None, "auditor", {}, 400, "invalid-parameter"),
    ("GET", "/api/v1/lake?limit=x", None, "auditor", {}, 400, "invalid-parameter"),
    ("GET", "/api/v1/lake/audit/decisions/none", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/lake/audit/../versions/x", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/lake/audit%2Fmanifests%2Fx", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/lake/versions/x", None, "auditor", {}, 404, "not-found"),
    ("GET", "/api/v1/lake/audit/x:y", None, "auditor", {}, 404, "no-such-path"),
    ("POST", "/api/v1/lake/audit/x", None, "auditor", {}, 405, "method-not-allowed"),
    ("GET", "/api/v1/decisions/x?proof=maybe", None, "auditor", {}, 400, "invalid-parameter"),
    ("POST", "/api/v1/decisions:search", {}, "auditor", {}, 422, "invalid-request"),
    ("POST", "/api/v1/decisions:search", {"deal_id": "D-1", "limit": 0}, "auditor", {}, 422, "invalid-request"),
    ("POST", "/api/v1/decisions:search", {"deal_id": "D-1", "after": "x"}, "auditor", {}, 422, "invalid-request"),
    ("POST", "/api/v1/decisions/x:search", {"deal_id": "D-1"}, "auditor", {}, 404, "no-such-path"),
    ("POST", "/api/v1/exports/20261123T210000Z:open", {}, "auditor", {}, 404, "not-found"),
    ("POST", "/api/v1/exports/20261123T210001Z:open", {}, "auditor", {}, 404, "not-found"),
    ("POST", "/api/v1/exports/now:open", {"dataset": "releases"}, "auditor", {}, 422, "invalid-request"),
    ("POST", "/api/v1/subjects:erase", {"subject": "P-1"}, "privacy", {}, 422, "invalid-request"),
    ("POST", "/api/v1/subjects:erase", {"subject": "", "reason": "x"}, "privacy", {}, 422, "invalid-request"),
    (
        "POST",
        "/api/v1/subjects:erase",
        {"subject": "P-1", "reason": "x", "all": 1},
        "privacy",
        {},
        422,
        "invalid-request",
    ),
    ("POST", "/api/v1/subjects:erase", {"subject": "P-1", "reason": "x"}, "auditor", {}, 403, "not-allowed"),
    ("POST", "/api/v1/subjects:hold", {"subject": "P\n1", "reason": "x"}, "privacy", {}, 422, "invalid-request"),
    ("POST", "/api/v1/subjects:release", RELEASE_OF_NONE, "privacy", {}, 404, "not-found"),
    ("POST", "/api/v1/subjects:access", {"subject": "P-1", "limit": 101}, "privacy", {}, 422, "invalid-request"),
    ("GET", "/api/v1/subjects:access", None, "privacy", {}, 405, "method-not-allowed"),
    ("GET", "/api/v1/erasures/x", None, "privacy", {}, 404, "not-found"),
    ("GET", "/v2/models/nobody", None, "scorer", {}, 404, "not-found"),
    ("POST", "/v2/models/deal-fraud/infer", {}, "scorer", {}, 422, "invalid-request"),
    ("POST", "/v2/models/deal-fraud/infer", b"[[", "scorer", {}, 400, "malformed-body"),
]


@pytest.mark.parametrize(("method", "url", "body", "roles", "headers", "status", "slug"), WRONG)
async def test_error_on_every_path_has_the_same_shape(
    desk: Desk,
    method: str,
    url: str,
    body: object,
    roles: str | None,
    headers: dict[str, str],
    status: int,
    slug: str,
) -> None:
    response = await desk.send(method, url, body, roles, headers)
    problem = read(response)
    assert (response.status_code, problem["status"], problem["type"]) == (status, status, f"urn:vouch:problem:{slug}")
    assert response.mimetype == "application/problem+json"
    assert problem["title"]
    assert problem["detail"].endswith((".", ";"))
    assert problem["instance"].endswith(response.headers["X-Request-Id"])
    assert response.headers["X-Region"] == "westeurope"
    assert response.headers["traceparent"].startswith("00-")
    assert ("error" in problem) == url.startswith("/v2")
    assert all(set(error) == {"pointer", "detail"} for error in problem.get("errors", []))


@pytest.mark.parametrize(
    ("path", "allowed"), [("/api/v1/releases/deal-fraud", "GET, PUT"), ("/api/v1/decisions/x:label", "POST")]
)
async def test_wrong_method_says_which_are_allowed(desk: Desk, path: str, allowed: str) -> None:
    response = await desk.send("DELETE", path, None)
    assert response.headers["Allow"] == allowed


async def test_fault_of_ours_is_a_problem_that_tells_nothing_and_a_log_line_that_does(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.ledger.failures = [RuntimeError("/secret/path is broken")]
    response = await desk.send("POST", "/api/v1/deals:score", golden_deal())
    assert response.status_code == 500
    assert "secret" not in response.get_body().decode()
    (fault,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert response.headers["X-Request-Id"] in fault.getMessage()
    assert "/secret/path is broken" in str(fault.exc_info)


async def test_refused_request_is_recorded_without_its_payload(desk: Desk) -> None:
    await desk.send("POST", "/api/v1/deals:score", {"deal_id": "D-planted", "features": {"planted": 1}})
    (event,) = desk.ledger.events("vouch.decision.rejected.v1")
    assert event["data"]["problem"] == "invalid-deal"
    assert event["data"]["fault_count"] >= 1
    assert "planted" not in str(event)


async def test_request_without_a_valid_token_is_not_recorded(desk: Desk) -> None:
    await desk.send("POST", "/api/v1/deals:score", golden_deal(), None)
    assert desk.ledger.records == {}


async def test_refusal_that_cannot_be_recorded_still_stands_and_is_told(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.ledger.failures = [LedgerUnavailable("down")]
    assert (await desk.send("POST", "/api/v1/deals:score", {})).status_code == 422
    assert any("was not recorded" in record.getMessage() for record in caplog.records)


async def test_log_line_holds_no_feature_person_deal_or_token(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    deal: dict[str, Any] = golden_deal("D-planted", subjects=["P-planted"])
    deal["features"] = {**deal["features"], "vehicle_make": "planted"}
    await desk.send("POST", "/api/v1/deals:score?explain=9", deal)
    await desk.send("POST", "/api/v1/deals:score", {**deal, "planted": 1})
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "planted" not in text
    assert "Bearer" not in text


async def test_request_gives_one_log_line_with_what_an_operator_needs(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vouch.requests")
    await desk.send("POST", "/api/v1/deals:score", golden_deal(), headers={"x-request-id": "r-1"})
    (line,) = [json.loads(record.getMessage()) for record in caplog.records if record.name == "vouch.requests"]
    assert line["request_id"] == "r-1"
    assert line["status"] == 200
    assert line["caller"] == "test-scorer"
    assert line["versions"] == ["1.0.0"]
    assert sum(line["outcomes"].values()) == 1
    assert {"latency_ms", "storage_ms", "traceparent", "endpoint", "region"} <= set(line)


async def test_request_that_what_it_needs_failed_says_in_its_log_line_what_and_in_its_answer_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vouch.requests")
    desk.reference_rows.failure = StorageFailed("table storage refused: 403 AuthorizationFailure")
    response = await desk.send("GET", "/api/v1/reference", roles="operator")
    assert response.status_code == 503
    assert b"AuthorizationFailure" not in response.get_body()
    (line,) = [json.loads(record.getMessage()) for record in caplog.records if record.name == "vouch.requests"]
    assert line["fault"] == ("the active snapshots could not be read: table storage refused: 403 AuthorizationFailure")


async def test_trace_goes_on_with_a_span_of_its_own(desk: Desk) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = await desk.send("GET", "/health/live", headers={"traceparent": given})
    _, trace, span, flags = response.headers["traceparent"].split("-")
    assert (trace, flags) == ("0af7651916cd43dd8448eb211c80319c", "01")
    assert span != "b7ad6b7169203331"


@pytest.mark.parametrize("given", ["", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-1-2-3", "a\nb"])
async def test_trace_that_is_none_is_replaced(desk: Desk, given: str) -> None:
    response = await desk.send("GET", "/health/live", headers={"traceparent": given})
    version, trace, _, _ = response.headers["traceparent"].split("-")
    assert (version, len(trace)) == ("00", 32)
    assert int(trace, 16) > 0


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\nb", "<script>"])
async def test_request_id_that_is_not_sane_is_replaced(desk: Desk, given: str) -> None:
    response = await desk.send("GET", "/health/live", headers={"x-request-id": given})
    assert len(response.headers["X-Request-Id"]) == 32


async def test_region_that_is_not_ready_says_why(desk: Desk) -> None:
    desk.store.failure = StorageFailed("down")
    response = await desk.send("GET", "/health/ready")
    assert response.status_code == 503
    assert "release of deal-fraud" in read(response)["detail"]
    assert (await desk.send("GET", "/health/live")).status_code == 200


def test_every_error_a_caller_can_meet_is_in_the_table() -> None:
    def subclasses(kind: type[VouchError]) -> set[type[VouchError]]:
        return (
            {kind}.union(*map(subclasses, kind.__subclasses__()))
            if kind is not VouchError
            else set().union(*map(subclasses, kind.__subclasses__()))
        )

    unanswered = {kind.__name__ for kind in subclasses(VouchError) - {VouchError, *KINDS}}
    assert unanswered <= {"NotAttempted", "Surprise"}


def test_problem_of_an_unknown_error_is_a_fault_of_ours() -> None:
    class Surprise(VouchError):
        pass

    assert build_problem(Surprise("secret"), "r-1")["status"] == 500
    assert "secret" not in str(build_problem(Surprise("secret"), "r-1"))
