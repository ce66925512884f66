"""The OpenAPI document is valid and says what the table of endpoints says."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from scoring.features import Feature, Kind
from tests.desk import Desk, golden_features, load_models, read
from tests.fakes import LookupModel, RuleModel
from triggers.endpoints import ENDPOINTS, UNMATCHED
from triggers.openapi import describe_features
from triggers.problems import KINDS


async def document(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = read(await desk.send("GET", "/api/openapi.json", roles=None))
    return found


async def test_document_is_valid_openapi(desk: Desk) -> None:
    OpenAPIV31SpecValidator(await document(desk)).validate()


async def test_document_describes_every_endpoint_and_no_other(desk: Desk) -> None:
    paths = (await document(desk))["paths"]
    described = {(path, method.upper()) for path, operations in paths.items() for method in operations}
    routed = {(e.path, method) for e in ENDPOINTS if e is not UNMATCHED for method in e.methods}
    assert described == routed


async def test_document_asks_for_a_token_where_the_edge_does(desk: Desk) -> None:
    paths = (await document(desk))["paths"]
    for endpoint in ENDPOINTS:
        if endpoint is not UNMATCHED:
            operation = paths[endpoint.path][endpoint.methods[0].lower()]
            assert ("security" in operation) == (endpoint.roles is not None), endpoint.name


async def test_document_knows_the_features_of_the_model(desk: Desk) -> None:
    features = (await document(desk))["components"]["schemas"]["Deal"]["properties"]["features"]["properties"]
    assert set(features) == set(golden_features())
    versions = [load_models().find("deal-fraud", version) for version in load_models().versions("deal-fraud")]
    assert set(features) == {name for model in versions if model for name in model.takes}


def test_document_describes_what_any_version_takes_as_the_oldest_one_does_and_nothing_that_is_looked_up() -> None:
    oldest, newest = RuleModel("1.0.0"), LookupModel("1.2.0")
    oldest.features = (Feature("amount", Kind.NUMERIC, description="old", nullable=False),)
    described = describe_features([oldest, newest])  # type: ignore[list-item]
    assert set(described["properties"]) == {"amount", "age", "agent"}
    assert described["properties"]["amount"]["description"] == "old"
    assert described["required"] == ["amount"]
    assert {kind["type"] for kind in described["properties"]["agent"]["anyOf"]} == {"string", "integer", "null"}


def test_endpoints_answer_only_problems_of_the_table() -> None:
    known = {kind.slug for kind in KINDS.values()}
    assert {slug for endpoint in ENDPOINTS for slug in endpoint.problems} <= known


def test_catch_all_comes_last_in_the_hosts_order() -> None:
    assert max(endpoint.name for endpoint in ENDPOINTS) == UNMATCHED.name
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)
