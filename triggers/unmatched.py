"""Whatever no endpoint answers: 404, or 405 with the methods that would be answered. The host has neither."""

from __future__ import annotations

import azure.functions as func

from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import UNMATCHED, allowed_methods
from triggers.problems import MethodNotAllowed, NoSuchPath


def unmatched_blueprint(edge: Edge) -> func.Blueprint:
    async def refuse(exchange: Exchange) -> Reply:
        allowed = allowed_methods(exchange.param("path"))
        raise MethodNotAllowed(allowed) if allowed else NoSuchPath

    return build_blueprint(edge, {UNMATCHED: refuse})
