"""Decisions after the fact: read, label, review."""

from __future__ import annotations

import azure.functions as func

from flows.errors import InvalidRequest
from flows.times import format_time
from flows.write_record import Noted
from scoring.faults import Fault
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import LABEL, READ_DECISION, REVIEW
from triggers.typed_bodies import read_typed


def decisions_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def read(exchange: Exchange) -> Reply:
        return Reply(await service.read_decision(exchange.call, exchange.param("decision_id")))

    async def label(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Label)
        noted = await service.record_label(
            exchange.call, exchange.param("decision_id"), given.label, given.source, format_time(given.labelled_at)
        )
        return _receipt(noted)

    async def review(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Review)
        if (given.verdict == "overturn") != (given.outcome is not None):
            raise InvalidRequest([Fault("/outcome", "Is required with overturn, and goes with nothing else.")])
        noted = await service.record_review(
            exchange.call, exchange.param("decision_id"), given.verdict, given.outcome, given.reason
        )
        return _receipt(noted)

    return build_blueprint(edge, {READ_DECISION: read, LABEL: label, REVIEW: review})


def _receipt(noted: Noted) -> Reply:
    headers = {"Idempotency-Replayed": "true"} if noted.replayed else {}
    return Reply(noted, headers=headers)
