"""Decisions after the fact: read, searched for, opened by the window, labelled, reviewed."""

from __future__ import annotations

import azure.functions as func

from flows.errors import InvalidRequest
from flows.times import format_time
from flows.write_record import Noted
from scoring.faults import Fault
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import LABEL, OPEN_EXPORT, READ_DECISION, REVIEW, SEARCH
from triggers.problems import InvalidParameter
from triggers.trail import read_window
from triggers.typed_bodies import read_typed


def decisions_blueprint(edge: Edge) -> func.Blueprint:
    records = edge.service.records

    async def read(exchange: Exchange) -> Reply:
        is_proven = _read_flag(exchange, "proof")
        found = await records.read_decision(exchange.call, exchange.param("decision_id"), is_proven=is_proven)
        return Reply(found)

    async def search(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.DealSearch)
        page = await records.search_decisions(exchange.call, given.deal_id, given.after, given.limit)
        return Reply({"decisions": page.found, "next": page.next})

    async def open_window(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.WindowOpening)
        window = read_window(exchange.param("window"), edge.service.trail.window_s)
        page = await records.open_window(exchange.call, window, given.dataset, given.after, given.limit)
        return Reply({"window": window.name, "records": page.found, "next": page.next})

    async def label(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Label)
        noted = await records.record_label(
            exchange.call, exchange.param("decision_id"), given.label, given.source, format_time(given.labelled_at)
        )
        return _receipt(noted)

    async def review(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Review)
        if (given.verdict == "overturn") != (given.outcome is not None):
            raise InvalidRequest([Fault("/outcome", "Is required with overturn, and goes with nothing else.")])
        noted = await records.record_review(
            exchange.call, exchange.param("decision_id"), given.verdict, given.outcome, given.reason
        )
        return _receipt(noted)

    return build_blueprint(
        edge, {READ_DECISION: read, SEARCH: search, OPEN_EXPORT: open_window, LABEL: label, REVIEW: review}
    )


def _receipt(noted: Noted) -> Reply:
    headers = {"Idempotency-Replayed": "true"} if noted.replayed else {}
    return Reply(noted, headers=headers)


def _read_flag(exchange: Exchange, name: str) -> bool:
    value = exchange.request.params.get(name, "false")
    if value not in {"true", "false"}:
        raise InvalidParameter(name, "must be true or false")
    return bool(value == "true")
