"""Versions as they are served: taken back everywhere, let back in, and tried on their golden sets."""

from __future__ import annotations

import azure.functions as func

from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import LIFT, SYNTHETIC, UNDO
from triggers.typed_bodies import read_typed


def versions_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def undo(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Undo)
        return Reply(await service.undo_version(exchange.call, exchange.param("model"), given.leave, given.reason))

    async def lift(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Withdrawal)
        lifted = service.undo_version.lift(exchange.call, exchange.param("model"), given.version, given.reason)
        return Reply(await lifted)

    async def synthetic(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.SyntheticRun)
        name, version = exchange.param("model"), exchange.param("version")
        return Reply(await service.score_golden(exchange.call, name, version, given.policy))

    return build_blueprint(edge, {UNDO: undo, LIFT: lift, SYNTHETIC: synthetic})
