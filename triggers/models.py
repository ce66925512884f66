"""Models: what this region holds, and each version's manifest."""

from __future__ import annotations

import azure.functions as func

from flows.errors import NotFound
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import MODEL_VERSION, MODELS


def models_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def list_models(exchange: Exchange) -> Reply:
        entries = [{"name": name, "versions": service.models.versions(name)} for name in service.models.names()]
        return Reply({"models": entries, "default_model": service.default_model})

    async def read_version(exchange: Exchange) -> Reply:
        model = service.models.find(exchange.param("name"), exchange.param("version"))
        if model is None:
            raise NotFound("model version")
        return Reply(model.manifest)

    return build_blueprint(edge, {MODELS: list_models, MODEL_VERSION: read_version})
