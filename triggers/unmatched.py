"""Whatever no endpoint answers: 404, or 405 with the methods that would be answered. The host has neither."""

from __future__ import annotations

import azure.functions as func

from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import UNMATCHED
from triggers.problems import nothing_answers


def unmatched_blueprint(edge: Edge) -> func.Blueprint:
    async def refuse(exchange: Exchange) -> Reply:
        raise nothing_answers(exchange.param("path"))

    return build_blueprint(edge, {UNMATCHED: refuse})
