"""Reference datasets: activate a snapshot that was delivered to the lake, and list what is active."""

from __future__ import annotations

from dataclasses import asdict

import azure.functions as func

from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import ACTIVATE, LIST_REFERENCE
from triggers.typed_bodies import read_typed


def reference_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def activate(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Activation)
        digest = f"sha256:{given.manifest_sha256}"
        dataset = exchange.param("dataset")
        active = await service.activate_snapshot(exchange.call, dataset, given.snapshot, digest, given.allow_empty)
        return Reply(asdict(active))

    async def list_datasets(exchange: Exchange) -> Reply:
        return Reply({"datasets": await service.activate_snapshot.list()})

    return build_blueprint(edge, {ACTIVATE: activate, LIST_REFERENCE: list_datasets})
