"""Health, from memory alone: no I/O, no authentication, nothing that could keep an instance from scaling to zero."""

from __future__ import annotations

import azure.functions as func

from flows.errors import NotReady
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import LIVE, READY


def health_blueprint(edge: Edge) -> func.Blueprint:
    async def live(exchange: Exchange) -> Reply:
        return Reply({"status": "live", "region": edge.service.region})

    async def ready(exchange: Exchange) -> Reply:
        waiting = edge.service.readiness()
        if waiting:
            raise NotReady(waiting)
        return Reply({"status": "ready", "region": edge.service.region, "degraded": edge.service.degradation()})

    return build_blueprint(edge, {LIVE: live, READY: ready})
