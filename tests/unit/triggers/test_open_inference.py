"""The Open Inference Protocol over HTTP: tensors in, decisions out, the standard's errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.errors import LedgerUnavailable
from tests.desk import ROOT, Desk, golden_features, load_models, read
from tests.fakes import LookupModel
from tests.snapshots import put
from training.claims import read_claims
from training.policy_types import DATASET, build_experience_snapshot
from triggers.tensors import input_datatype, input_datatypes

INFER = "/v2/models/deal-fraud/infer"


def tensors(rows: int = 1, *, nested: bool = False) -> list[dict[str, Any]]:
    """The golden deal as tensors, `rows` times."""
    model = load_models().find("deal-fraud", "1.0.0")
    assert model is not None
    built = []
    for feature in model.features:
        data: list[Any] = [golden_features()[feature.name]] * rows
        datatype = input_datatype(feature)
        built.append(
            {
                "name": feature.name,
                "datatype": datatype,
                "shape": [rows, 1] if nested else [rows],
                "data": [[value] for value in data] if nested else data,
            }
        )
    return built


def outputs(answer: dict[str, Any]) -> dict[str, list[Any]]:
    return {output["name"]: output["data"] for output in answer["outputs"]}


@pytest.mark.parametrize("nested", [False, True])
async def test_rows_flat_or_nested_are_scored_and_recorded(desk: Desk, nested: bool) -> None:
    response = await desk.send("POST", INFER, {"id": "q-1", "inputs": tensors(3, nested=nested)})
    answer = read(response)
    assert response.status_code == 200, answer
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("q-1", "deal-fraud", "1.0.0")
    assert len(set(outputs(answer)["decision_id"])) == 3
    assert len(desk.ledger.events("vouch.decision.scored.v1")) == 3


async def test_row_scores_as_the_same_deal_does(desk: Desk) -> None:
    answer = read(await desk.send("POST", INFER, {"inputs": tensors()}))
    deal = {"deal_id": "D-1", "features": golden_features()}
    assert outputs(answer)["score"] == [read(await desk.send("POST", "/api/v1/deals:score", deal))["score"]]


async def test_ids_made_up_are_marked_so_in_the_record(desk: Desk) -> None:
    await desk.send("POST", INFER, {"inputs": tensors()})
    (event,) = desk.ledger.events("vouch.decision.scored.v1")
    assert event["data"]["personal"]["deal_id_generated"] is True


@pytest.mark.parametrize("as_text", [False, True])
async def test_ids_residencies_and_subjects_travel_in_parameters(desk: Desk, as_text: bool) -> None:
    given: dict[str, Any] = {"deal_ids": ["D-1", "D-2"], "residencies": ["DE", "FR"], "subjects": [["P-1"], []]}
    parameters = {name: json.dumps(value) for name, value in given.items()} if as_text else given
    answer = read(await desk.send("POST", INFER, {"inputs": tensors(2), "parameters": parameters}))
    assert outputs(answer)["deal_id"] == ["D-1", "D-2"]
    first, second = desk.ledger.events("vouch.decision.scored.v1")
    assert (first["data"]["residency"]["country"], second["data"]["residency"]["country"]) == ("DE", "FR")
    assert "deal_id_generated" not in first["data"]["personal"]
    assert first["data"]["personal"]["subjects"] == ("P-1",)


@pytest.mark.parametrize(("content_type", "status"), [("", 200), ("application/octet-stream", 415)])
async def test_request_without_content_type_is_taken_as_json_and_binary_is_not(
    desk: Desk, content_type: str, status: int
) -> None:
    response = await desk.send("POST", INFER, {"inputs": tensors()}, headers={"content-type": content_type})
    assert response.status_code == status


async def test_outputs_asked_for_are_the_outputs_given(desk: Desk) -> None:
    asked = [{"name": "reasons"}, {"name": "outcome"}]
    answer = read(await desk.send("POST", f"{INFER}?explain=2", {"inputs": tensors(), "outputs": asked}))
    assert [output["name"] for output in answer["outputs"]] == ["reasons", "outcome"]
    assert len(json.loads(outputs(answer)["reasons"][0])) == 2


async def test_null_is_a_missing_value(desk: Desk) -> None:
    inputs = tensors()
    inputs[0]["data"] = [None]
    await desk.send("POST", INFER, {"inputs": inputs})
    (event,) = desk.ledger.events("vouch.decision.scored.v1")
    assert event["data"]["personal"]["imputed"] == (inputs[0]["name"],)


def broken(change: dict[str, Any], index: int = 0) -> list[dict[str, Any]]:
    inputs = tensors()
    inputs[index] = {**inputs[index], **change}
    return inputs


@pytest.mark.parametrize(
    ("request_body", "pointer"),
    [
        ({"inputs": []}, "/inputs"),
        ({"inputs": broken({"datatype": "TEXT"})}, "/inputs/0/datatype"),
        ({"inputs": broken({"shape": [1, 2]})}, "/inputs/0/shape"),
        ({"inputs": broken({"shape": []})}, "/inputs/0/shape"),
        ({"inputs": broken({"shape": [2]})}, "/inputs/0/data"),
        ({"inputs": broken({"data": [1]})}, "/inputs/0/data/0"),
        ({"inputs": broken({"name": "nobody"})}, "/inputs/0/data/0"),
        ({"inputs": [*tensors(), tensors()[0]]}, "/inputs"),
        ({"inputs": [tensors()[0], tensors(2)[1]]}, "/inputs"),
        ({"inputs": tensors(), "outputs": [{"name": "nobody"}]}, "/outputs/0/name"),
        ({"inputs": tensors(), "parameters": {"deal_ids": ["D-1", "D-2"]}}, "/parameters/deal_ids"),
        ({"inputs": tensors(), "parameters": {"deal_ids": "D-1"}}, "/parameters/deal_ids"),
        ({"inputs": tensors(), "parameters": {"deal_ids": [""]}}, "/parameters/deal_ids/0"),
        ({"inputs": tensors(), "parameters": {"subjects": [[7]]}}, "/parameters/subjects/0"),
        ({"inputs": 7}, "/inputs"),
    ],
)
async def test_request_that_is_wrong_says_where_and_scores_nothing(
    desk: Desk, request_body: dict[str, Any], pointer: str
) -> None:
    response = await desk.send("POST", INFER, request_body)
    problem = read(response)
    assert response.status_code == 422, problem
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert problem["error"]
    assert desk.ledger.events("vouch.decision.scored.v1") == []


async def test_one_wrong_row_scores_none_of_them(desk: Desk) -> None:
    request = {"inputs": tensors(2), "parameters": {"deal_ids": ["D-1", ""]}}
    assert (await desk.send("POST", INFER, request)).status_code == 422
    assert desk.ledger.events("vouch.decision.scored.v1") == []


async def test_rows_recorded_before_the_ledger_failed_are_named(desk: Desk) -> None:
    desk.ledger.failures = [None, LedgerUnavailable("down")]
    response = await desk.send("POST", INFER, {"inputs": tensors(2)})
    assert response.status_code == 503
    (error,) = read(response)["errors"]
    assert error["pointer"] == "/rows/0"
    assert error["detail"].split()[-1].rstrip(".") in map(str, desk.ledger.records)


async def test_version_in_the_path_decides_and_is_for_operators(desk: Desk) -> None:
    url = "/v2/models/deal-fraud/versions/1.1.0/infer"
    assert (await desk.send("POST", url, {"inputs": tensors()})).status_code == 403
    answer = read(await desk.send("POST", url, {"inputs": tensors()}, roles="operator"))
    assert answer["model_version"] == "1.1.0"


async def test_metadata_names_inputs_by_datatype_and_outputs(desk: Desk) -> None:
    answer = read(await desk.send("GET", "/v2/models/deal-fraud"))
    inputs = {tensor["name"]: tensor["datatype"] for tensor in answer["inputs"]}
    assert inputs == {tensor["name"]: tensor["datatype"] for tensor in tensors()}
    assert answer["versions"] == ["1.0.0", "1.1.0", "1.2.0"]


async def test_metadata_of_a_version_that_looks_up_leaves_out_what_is_looked_up(desk: Desk) -> None:
    answer = read(await desk.send("GET", "/v2/models/deal-fraud/versions/1.2.0"))
    inputs = {tensor["name"]: tensor["datatype"] for tensor in answer["inputs"]}
    assert inputs == {tensor["name"]: tensor["datatype"] for tensor in tensors()}


def test_metadata_names_the_keys_that_callers_send() -> None:
    model = LookupModel("1.2.0")
    assert input_datatypes(model.features, model.keys) == {"amount": "FP64", "age": "FP64", "agent": "BYTES"}


async def test_rows_are_looked_up_as_deals_are(desk: Desk) -> None:
    files = build_experience_snapshot(read_claims((ROOT / "training/data/vehicle_claims.csv.gz").read_bytes()), 1996)
    digest = put(desk.lake, files, "1996-01-01", DATASET)
    body = {"snapshot": "1996-01-01", "manifest_sha256": digest.removeprefix("sha256:")}
    activated = await desk.send("POST", f"/api/v1/reference/{DATASET}:activate", body, "deliverer")
    assert activated.status_code == 200, activated.get_body()
    url = "/v2/models/deal-fraud/versions/1.2.0/infer"
    assert (await desk.send("POST", url, {"inputs": tensors(2)}, roles="operator")).status_code == 200
    for event in desk.ledger.events("vouch.decision.scored.v1"):
        assert event["data"]["references"][0]["snapshot"] == "1996-01-01"
        assert event["data"]["personal"]["unmatched"] == ()


async def test_health_and_readiness_read_as_the_protocol_says(desk: Desk) -> None:
    await desk.send("POST", INFER, {"inputs": tensors()})
    assert read(await desk.send("GET", "/v2/health/live", roles=None)) == {"live": True}
    assert read(await desk.send("GET", "/v2/health/ready", roles=None)) == {"ready": True}
    assert read(await desk.send("GET", "/v2/models/deal-fraud/versions/1.0.0/ready"))["ready"] is True
