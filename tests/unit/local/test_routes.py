"""Routing as the real host was measured to do it."""

from __future__ import annotations

import pytest

from local.routes import InvalidRoute, Router, compile_route, decode_path

TEMPLATES = {
    "decisions_label": ("api/v1/decisions/{id}:label", ["POST"]),
    "decisions_read": ("api/v1/decisions/{id}", ["GET"]),
    "deals_score": ("api/v1/deals:score", ["POST"]),
    "infer": ("v2/models/{m}/versions/{v}/infer", ["POST"]),
    "ops": ("ops/{*path}", ["GET"]),
    "page": ("/", ["GET"]),
    "z_any": ("any", []),
}


@pytest.fixture
def router() -> Router[str]:
    return Router(compile_route(name, route, methods, name) for name, (route, methods) in TEMPLATES.items())


@pytest.mark.parametrize(
    ("method", "raw_path", "function", "parameters"),
    [
        ("POST", b"/api/v1/deals:score", "deals_score", {}),
        ("POST", b"/api/v1/deals%3Ascore", "deals_score", {}),
        ("POST", b"/API/V1/Deals:SCORE/", "deals_score", {}),
        ("POST", b"/api/v1/decisions/abc:label", "decisions_label", {"id": "abc"}),
        ("GET", b"/api/v1/decisions/abc:label", "decisions_read", {"id": "abc:label"}),
        ("GET", b"/api/v1/decisions/AbC", "decisions_read", {"id": "AbC"}),
        ("GET", b"/api/v1/decisions/a%2Fb", "decisions_read", {"id": "a%2Fb"}),
        ("GET", b"/api/v1/decisions/a%20%C3%A9", "decisions_read", {"id": "a é"}),
        ("POST", b"/v2/models/m/versions/1.0.0/infer", "infer", {"m": "m", "v": "1.0.0"}),
        ("GET", b"/ops/a/b", "ops", {"path": "a/b"}),
        ("GET", b"/ops", "ops", {}),
        ("GET", b"/", "page", {}),
        ("DELETE", b"/any", "z_any", {}),
    ],
)
def test_router_of_a_known_path_finds_function_and_parameters(
    router: Router[str], method: str, raw_path: bytes, function: str, parameters: dict[str, str]
) -> None:
    found = router.find(method, decode_path(raw_path))
    assert found is not None
    assert (found.target, found.parameters) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "raw_path"),
    [
        ("GET", b"/api/v1/deals:score"),
        ("GET", b"/nowhere"),
        ("GET", b"/api/v1/decisions/"),
        ("GET", b"/api/v1/decisions/a/b"),
        ("POST", b"/api/v1/decisions/:label"),
        ("GET", b"//"),
        ("GET", b"/api/v1/decisions/%ff/x"),
    ],
)
def test_router_of_an_unknown_path_or_method_finds_nothing(router: Router[str], method: str, raw_path: bytes) -> None:
    assert router.find(method, decode_path(raw_path)) is None


def test_router_where_two_routes_match_takes_the_first_by_function_name() -> None:
    routes = [
        compile_route("b_literal", "deals/known", ["GET"], "literal"),
        compile_route("a_parameter", "deals/{id}", ["GET"], "parameter"),
        compile_route("A_catch_all", "{*path}", ["PUT"], "catch-all"),
    ]
    router = Router(routes)
    found = router.find("GET", "/deals/known")
    assert found is not None
    assert found.target == "parameter"


def test_catch_all_takes_every_path_and_the_root() -> None:
    router = Router([compile_route("z", "{*path}", [], "all")])
    for path in ("/", "/a", "/a/b/", "//"):
        assert router.find("GET", path) is not None, path


@pytest.mark.parametrize(
    "template", ["admin/x", "Admin", "a//b", "{*path}/x", "deals/{id:int}", "deals/{id?}", "deals/{id=1}"]
)
def test_route_that_the_host_refuses_or_is_not_known_is_refused(template: str) -> None:
    with pytest.raises(InvalidRoute, match="f: "):
        compile_route("f", template, ["GET"], None)
