"""The Open Inference Protocol (KServe v2, REST): each row is a decision like any other, through the same flow.

The protocol knows no partial failure. So all rows are checked before any is scored; where the ledger then fails for
some, the error says which rows were recorded, and as what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import azure.functions as func

from flows.deciding.decide_deals import Answer, Decided
from flows.errors import InvalidDeal, InvalidRequest, NotAttempted, NotFound, NotReady, VouchError
from scoring.faults import Fault
from scoring.model import Model
from triggers import endpoints
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.problems import PartlyRecorded
from triggers.schemas import InferRequest
from triggers.scoring import decision_headers, read_asked, tell_decisions
from triggers.tensors import OUTPUTS, build_output, check_outputs, input_datatypes, pointer_of, read_rows
from triggers.typed_bodies import read_typed

PLATFORM = "lightgbm_text"


def open_inference_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def server(exchange: Exchange) -> Reply:
        return Reply({"name": "vouch", "version": "2", "extensions": []})

    async def live(exchange: Exchange) -> Reply:
        return Reply({"live": True})

    async def ready(exchange: Exchange) -> Reply:
        waiting = service.readiness()
        if waiting:
            raise NotReady(waiting)
        return Reply({"ready": True})

    async def model_metadata(exchange: Exchange) -> Reply:
        return Reply(_metadata(await _find_model(edge, exchange), service.models.versions(exchange.param("model"))))

    async def model_ready(exchange: Exchange) -> Reply:
        return Reply({"name": (await _find_model(edge, exchange)).name, "ready": True})

    async def infer(exchange: Exchange) -> Reply:
        await _find_model(edge, exchange)
        request = read_typed(exchange.body, InferRequest)
        wanted = check_outputs(request)
        rows = read_rows(request, exchange.param("model"), exchange.call.request_id)
        asked = read_asked(exchange, rows.deals, rows.generated)
        asked = replace(asked, all_or_nothing=True, pinned_version=exchange.param("version") or asked.pinned_version)
        decided = _check(request, await service.decide_deals(exchange.call, asked))
        tell_decisions(exchange, decided)
        return Reply(_response(request, exchange, decided, wanted), headers=decision_headers(decided))

    return build_blueprint(
        edge,
        {
            endpoints.V2_SERVER: server,
            endpoints.V2_LIVE: live,
            endpoints.V2_READY: ready,
            endpoints.V2_MODEL: model_metadata,
            endpoints.V2_VERSION: model_metadata,
            endpoints.V2_MODEL_READY: model_ready,
            endpoints.V2_VERSION_READY: model_ready,
            endpoints.V2_INFER: infer,
            endpoints.V2_VERSION_INFER: infer,
        },
    )


async def _find_model(edge: Edge, exchange: Exchange) -> Model:
    """The version in the path, else the one that the region's release calls stable."""
    name, version = exchange.param("model"), exchange.param("version")
    models = edge.service.models
    if not models.versions(name):
        raise NotFound("model")
    if not version:
        version = (await edge.service.releases.current(name)).release.stable.version
    model = models.find(name, version)
    if model is None:
        raise NotFound("model version")
    return model


def _metadata(model: Model, versions: Sequence[str]) -> dict[str, object]:
    return {
        "name": model.name,
        "versions": versions,
        "platform": PLATFORM,
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [-1]}
            for name, datatype in input_datatypes(model.features, model.keys).items()
        ],
        "outputs": [{"name": name, "datatype": datatype, "shape": [-1]} for name, (datatype, _) in OUTPUTS.items()],
    }


def _check(request: InferRequest, answers: Sequence[Answer]) -> list[Decided]:
    """All rows decided, or the error that is the answer to all."""
    decided = [answer for answer in answers if isinstance(answer, Decided)]
    if len(decided) == len(answers):
        return decided
    faults = [
        Fault(pointer_of(request, row, fault), fault.detail)
        for row, answer in enumerate(answers)
        if isinstance(answer, InvalidDeal)
        for fault in answer.faults
    ]
    if faults:
        raise InvalidRequest(faults)
    if decided:
        raise PartlyRecorded(
            [
                Fault(f"/rows/{row}", f"Was recorded as decision {answer.decision['decision_id']}.")
                for row, answer in enumerate(answers)
                if isinstance(answer, Decided)
            ]
        )
    raise next(a for a in answers if isinstance(a, VouchError) and not isinstance(a, NotAttempted))


def _response(
    request: InferRequest, exchange: Exchange, decided: Sequence[Decided], wanted: Sequence[str]
) -> dict[str, object]:
    versions = {answer.model_version for answer in decided}
    response: dict[str, object] = {
        "model_name": exchange.param("model"),
        "model_version": versions.pop() if len(versions) == 1 else "mixed",
        "outputs": [build_output(name, decided) for name in wanted],
    }
    if request.id is not None:
        response["id"] = request.id
    return response
