"""Rubbish to every endpoint of releases, versions, the registry and rollouts: a clear problem, and nothing changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import pytest

from adapters.system_clock import SystemClock
from flows.regions import Region
from tests.desk import JSON, Desk, RoleTokens, read
from triggers import endpoints
from triggers.edge import Edge
from triggers.endpoints import ENDPOINTS, Endpoint
from triggers.rollouts import ALL, elsewhere_blueprint

ROLLOUT_ID = "01a20b88-7c4e-7995-b00e-1b51e55f7352"
LONG = "x" * 5000
REFUSAL = "vouch.decision.rejected.v1"
TARGET = {"version": "1.1.0", "policy": "standard/1"}
REASONED = {"reason": "why", "change_id": "c-1"}
PLAN = {"model": "deal-fraud", "version": "1.1.0"}
GOOD: Mapping[Endpoint, dict[str, Any]] = {
    endpoints.CHANGE_RELEASE: {"stable": TARGET, "weight": 0, "shadow_share": 0.0, **REASONED},
    endpoints.RENEW_RELEASE: {"rollout_id": ROLLOUT_ID, "generation": 2, "valid_until": "2030-01-01T00:00:00Z"},
    endpoints.CLOSE_RELEASE: {"rollout_id": ROLLOUT_ID, "stable": TARGET, **REASONED},
    endpoints.WITHDRAW: {"version": "1.1.0", **REASONED},
    endpoints.UNWITHDRAW: {"version": "1.1.0", **REASONED},
    endpoints.UNHOLD: dict(REASONED),
    endpoints.PULL: {"digest": f"sha256:{'0' * 64}"},
    endpoints.PULL_POLICY: {"digest": f"sha256:{'0' * 64}"},
    endpoints.SYNTHETIC: {"policy": "standard/1"},
    endpoints.UNDO: {"leave": "1.1.0", "reason": "why"},
    endpoints.LIFT: {"version": "1.1.0", **REASONED},
    endpoints.START_ROLLOUT: PLAN,
    endpoints.APPROVE: {"gate": "wave-1"},
    **{e: {"reason": "why"} for e in (endpoints.REJECT, endpoints.PAUSE, endpoints.RESUME, endpoints.ABORT,
                                      endpoints.PROMOTE_FULL)},
}  # fmt: skip
WITH_BODY = [*GOOD, endpoints.LINT_ROLLOUT, endpoints.PUBLISH_POLICY, endpoints.PUBLISH]
PARAMS = {"model": "deal-fraud", "name": "deal-fraud", "version": "1.1.0"}


def state_of(desk: Desk) -> list[object]:
    """Everything that a region keeps and whom it asked, to be compared; that somebody was refused is recorded."""
    records = [record for record in desk.ledger.records.values() if record.event["type"] != REFUSAL]
    return [dict(desk.store.rows), dict(desk.rows.rows), dict(desk.kept.versions), dict(desk.registry.versions),
            len(records), list(desk.engine.started), list(desk.engine.nudged), list(desk.others.asked)]  # fmt: skip


@pytest.fixture
async def rollout_id(desk: Desk) -> str:
    """One that is under way, so that steering has something to change."""
    started = await desk.send("POST", "/api/v1/rollouts", PLAN, "operator")
    shown = {"phase": "Paused", "message": "", "wave": 1, "gate": "wave-1", "seq": 1, "seen_at": "2026-11-23T21:00:00Z"}
    await desk.rows.insert(read(started)["id"], "shown-rollout", shown)
    await desk.send("GET", "/api/v1/releases/deal-fraud", roles="operator")
    return str(read(started)["id"])


def url(endpoint: Endpoint, rollout_id: str = ROLLOUT_ID, **params: str) -> str:
    given = {**PARAMS, "rollout_id": rollout_id, **params}
    return "/" + re.sub(r"\{(\w+)\}", lambda match: given[match[1]], endpoint.route)


async def send(desk: Desk, endpoint: Endpoint, body: object, rollout_id: str, **headers: str) -> func.HttpResponse:
    given = {"If-Match": '"1"', **{name.replace("_", "-"): value for name, value in headers.items()}}
    roles = ",".join(endpoint.roles or ())
    return await desk.send(endpoint.methods[0], url(endpoint, rollout_id), body, roles, given)


def is_clear(response: func.HttpResponse, *statuses: int) -> None:
    """A problem of one of these statuses, with a sentence, and nothing internal in it."""
    problem = read(response)
    assert response.status_code in statuses, problem
    assert response.mimetype == "application/problem+json"
    assert problem["title"]
    assert problem["detail"]
    assert not re.search(r"Traceback|Error\b|/work/|\.py", response.get_body().decode())


RUBBISH: Mapping[str, bytes] = {
    "nothing": b"",
    "blank": b"  \n",
    "no JSON": b"{",
    "NaN": b'{"reason": NaN}',
    "infinity": b'{"weight": -Infinity}',
    "beyond doubles": b'{"weight": 1e999}',
    "same name twice": b'{"reason": "a", "reason": "b"}',
    "no UTF-8": b'{"reason": "\xff"}',
    "half a surrogate": b'{"reason": "\\ud800"}',
    "too deep": b"[" * 100 + b"]" * 100,
}


@pytest.mark.parametrize("endpoint", [e for e in WITH_BODY if e is not endpoints.PUBLISH], ids=lambda e: e.name)
@pytest.mark.parametrize("body", RUBBISH.values(), ids=list(RUBBISH))
async def test_body_that_is_no_sound_json_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, body: bytes
) -> None:
    before = state_of(desk)
    is_clear(await send(desk, endpoint, body, rollout_id, content_type="application/json"), 400)
    assert state_of(desk) == before


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=lambda e: e.name)
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/jsonx"])
async def test_body_of_another_type_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, content_type: str
) -> None:
    before = state_of(desk)
    is_clear(await send(desk, endpoint, b"{}", rollout_id, content_type=content_type), 415)
    assert state_of(desk) == before


@pytest.mark.parametrize("endpoint", [e for e in WITH_BODY if e is not endpoints.PUBLISH], ids=lambda e: e.name)
async def test_body_that_is_too_large_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint
) -> None:
    before = state_of(desk)
    body = b'{"reason": "' + b"x" * endpoint.max_bytes + b'"}'
    is_clear(await send(desk, endpoint, body, rollout_id, content_type="application/json"), 413)
    assert state_of(desk) == before


@pytest.mark.parametrize("endpoint", GOOD, ids=lambda e: e.name)
@pytest.mark.parametrize("body", [None, [], "text", 5, True, {"unheard-of": 1}], ids=str)
async def test_json_of_another_shape_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, body: object
) -> None:
    before = state_of(desk)
    raw = b"null" if body is None else body
    is_clear(await send(desk, endpoint, raw, rollout_id, content_type="application/json"), 422)
    assert state_of(desk) == before


def spoiled() -> list[Any]:
    """Every member of every good body, spoiled in each way that is certain to be wrong."""
    wrong: list[object] = [[], {}, 5.5, True, LONG]
    found = []
    for endpoint, good in GOOD.items():
        for name in good:
            found += [
                pytest.param(endpoint, {**good, name: value}, id=f"{endpoint.name}-{name}-{str(value)[:6]}")
                for value in wrong
            ]
        found.append(pytest.param(endpoint, {**good, "unheard-of": 1}, id=f"{endpoint.name}-more"))
    return found


@pytest.mark.parametrize(("endpoint", "body"), spoiled())
async def test_member_of_the_wrong_kind_is_named_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, body: dict[str, Any]
) -> None:
    before = state_of(desk)
    response = await send(desk, endpoint, body, rollout_id)
    is_clear(response, 422)
    (wrong,) = [name for name, value in body.items() if GOOD[endpoint].get(name) != value]
    faults = read(response)["errors"]
    assert any(wrong in fault["pointer"] or wrong in fault["detail"] for fault in faults), faults
    assert state_of(desk) == before


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(e, n) for e, good in GOOD.items() for n in good if n in {"version", "leave", "gate", "policy", "rollout_id"}],
)
async def test_empty_name_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, name: str
) -> None:
    before = state_of(desk)
    is_clear(await send(desk, endpoint, {**GOOD[endpoint], name: ""}, rollout_id), 422)
    assert state_of(desk) == before


@pytest.mark.parametrize(
    ("endpoint", "name", "value"),
    [
        (endpoints.CHANGE_RELEASE, "weight", -1),
        (endpoints.CHANGE_RELEASE, "weight", 101),
        (endpoints.CHANGE_RELEASE, "shadow_share", 1.0001),
        (endpoints.CHANGE_RELEASE, "valid_until", "2030-01-01T00:00:00"),
        (endpoints.CHANGE_RELEASE, "valid_until", "tomorrow"),
        (endpoints.CHANGE_RELEASE, "valid_until", "0001-01-01T00:00:00+23:59"),
        (endpoints.CHANGE_RELEASE, "valid_until", "9999-12-31T23:59:59-23:59"),
        (endpoints.CHANGE_RELEASE, "stable", {"version": "1.1.0"}),
        (endpoints.CHANGE_RELEASE, "stable", {**TARGET, "more": 1}),
        (endpoints.CHANGE_RELEASE, "stable", {**TARGET, "version": "../../etc"}),
        (endpoints.CHANGE_RELEASE, "stable", {**TARGET, "policy": "standard"}),
        (endpoints.CHANGE_RELEASE, "stable", {**TARGET, "policy": "//"}),
        (endpoints.RENEW_RELEASE, "generation", 0),
        (endpoints.RENEW_RELEASE, "generation", "1"),
        (endpoints.RENEW_RELEASE, "valid_until", "9999-99-99T00:00:00Z"),
        (endpoints.RENEW_RELEASE, "valid_until", "9999-12-31T23:59:59-23:59"),
        (endpoints.RENEW_RELEASE, "rollout_id", "!active-deal-fraud"),
        (endpoints.CLOSE_RELEASE, "rollout_id", ROLLOUT_ID.upper()),
        (endpoints.PULL, "digest", "sha256:"),
        (endpoints.PULL, "digest", f"sha256:{'0' * 65}"),
        (endpoints.SYNTHETIC, "policy", "standard/9"),
        (endpoints.SYNTHETIC, "policy", "standard"),
    ],
)
async def test_value_that_no_caller_can_mean_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, name: str, value: object
) -> None:
    before = state_of(desk)
    is_clear(await send(desk, endpoint, {**GOOD[endpoint], name: value}, rollout_id), 422, 404)
    assert state_of(desk) == before


@pytest.mark.parametrize("header", ["", "*", "x", '"', '"1"2', "1" * 19, 'W/"1"', "-1"])
async def test_if_match_that_names_no_generation_is_refused_and_changes_nothing(
    desk: Desk, rollout_id: str, header: str
) -> None:
    before = state_of(desk)
    response = await send(desk, endpoints.CHANGE_RELEASE, GOOD[endpoints.CHANGE_RELEASE], rollout_id, If_Match=header)
    is_clear(response, 400)
    assert state_of(desk) == before


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "a\tb"])
async def test_idempotency_key_that_is_none_is_refused_and_begins_nothing(desk: Desk, key: str) -> None:
    response = await desk.send("POST", "/api/v1/rollouts", PLAN, "operator", {"Idempotency-Key": key})
    is_clear(response, 400)
    assert desk.rows.rows == {}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "since=",
        "since=now",
        "since=2026-11-23",
        "since=2026-11-23T21:00:00",
        "since=0001-01-01T00:00:00%2B23:59",
        "since=9999-12-31T23:59:59-23:59",
        "since=2026-11-23T21:00:00Z&generation=-1",
        "since=2026-11-23T21:00:00Z&generation=1e3",
        f"since=2026-11-23T21:00:00Z&generation={'9' * 400}",
        "since=2026-11-23T21:00:00Z&step_generation=NaN",
        f"since={LONG}",
    ],
)
async def test_reading_of_a_span_that_is_none_is_refused(desk: Desk, query: str) -> None:
    is_clear(await desk.send("GET", f"/api/v1/releases/deal-fraud/metrics?{query}", roles="auditor"), 400)


STRANGE = [
    "unheard-of",
    LONG,
    "%21active-deal-fraud",
    "!active-deal-fraud",
    "!fleet-deal-fraud",
    "..",
    "'",
    "a%2Fb",
    "%00",
]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: name[:20])
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "{rollout_id}" in e.route], ids=lambda e: e.name)
async def test_rollout_that_is_none_is_not_found_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, name: str
) -> None:
    before = state_of(desk)
    is_clear(await send(desk, endpoint, GOOD.get(endpoint), name), 404)
    assert state_of(desk) == before


OF_MODELS = [e for e in GOOD if "{model}" in e.route and e is not endpoints.SYNTHETIC]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: name[:20])
@pytest.mark.parametrize("endpoint", [*OF_MODELS, endpoints.READ_RELEASE, endpoints.READ_FLEET], ids=lambda e: e.name)
async def test_model_that_is_none_is_not_found_and_changes_nothing(
    desk: Desk, rollout_id: str, endpoint: Endpoint, name: str
) -> None:
    before = state_of(desk)
    roles, body = ",".join(endpoint.roles or ()), GOOD.get(endpoint)
    response = await desk.send(endpoint.methods[0], url(endpoint, model=name), body, roles, {"If-Match": '"1"'})
    is_clear(response, 404)
    assert state_of(desk) == before


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: name[:20])
@pytest.mark.parametrize(
    "endpoint", [endpoints.PULL, endpoints.PULL_POLICY, endpoints.DOWNLOAD, endpoints.SYNTHETIC], ids=lambda e: e.name
)
async def test_version_that_is_nowhere_is_not_found_and_nothing_is_kept(
    desk: Desk, rollout_id: str, endpoint: Endpoint, name: str
) -> None:
    before = state_of(desk)
    roles, body = ",".join(endpoint.roles or ()), GOOD.get(endpoint)
    response = await desk.send(endpoint.methods[0], url(endpoint, version=name), body, roles)
    is_clear(response, 404)
    assert state_of(desk) == before


@pytest.mark.parametrize(
    "body", [b"", b"rubbish" * 100, b"\0" * 1024, b"\x1f\x8b" + b"\0" * 600], ids=["nothing", "text", "zeros", "gzip"]
)
async def test_archive_that_is_none_is_refused_and_nothing_is_published(desk: Desk, body: bytes) -> None:
    headers = {"content-type": "application/x-tar"}
    response = await desk.send("PUT", "/api/v1/models/deal-fraud/versions/2.0.0", body, "operator", headers)
    is_clear(response, 400, 422)
    assert desk.registry.versions == {}


@pytest.mark.parametrize(
    "body", [{}, [], {"name": "lax", "version": "1"}, {"name": "lax", "version": "1", "thresholds": {"review": -1}}]
)
async def test_policy_that_is_none_is_refused_and_nothing_is_published(desk: Desk, body: object) -> None:
    is_clear(await desk.send("PUT", "/api/v1/policies/lax/versions/1", body, "operator"), 422)
    assert desk.registry.versions == {}


async def test_rollout_that_is_asked_for_again_after_its_end_is_not_started_anew(desk: Desk) -> None:
    """Its history is purged by then, so that the engine would take it for a new one."""
    headers = {"Idempotency-Key": "k-1"}
    first = read(await desk.send("POST", "/api/v1/rollouts", PLAN, "operator", headers))
    past = {"phase": "Succeeded", "message": "", "wave": 1, "gate": None, "seq": 9, "seen_at": "2026-11-23T21:00:00Z"}
    await desk.rows.insert(first["id"], "shown-rollout", past)
    desk.engine.started.clear()
    again = await desk.send("POST", "/api/v1/rollouts", PLAN, "operator", headers)
    assert (again.status_code, read(again)["id"], read(again)["phase"]) == (202, first["id"], "Succeeded")
    assert desk.engine.started == []


CONTROL = Region("westeurope", "eu", frozenset({"DE"}), "https://westeurope.example", control=True)


@pytest.mark.parametrize("endpoint", ALL, ids=lambda e: e.name)
async def test_region_that_is_not_control_says_where_control_is(desk: Desk, endpoint: Endpoint) -> None:
    app = func.FunctionApp()
    app.register_functions(elsewhere_blueprint(Edge(desk.service, RoleTokens(), SystemClock()), CONTROL))
    (handler,) = [f.get_user_function() for f in app.get_functions() if f.get_function_name() == endpoint.name]
    request = func.HttpRequest(
        method=endpoint.methods[0],
        url=f"https://eastus2.example{url(endpoint)}",
        headers={**JSON, "authorization": f"Bearer {','.join(endpoint.roles or ())}"},
        route_params={},
        body=b'{"reason": "why"}',
    )
    response = await handler(request)
    is_clear(response, 421)
    assert "https://westeurope.example" in read(response)["detail"]
    assert desk.rows.rows == {}
