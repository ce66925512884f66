"""Scoring: bytes to deals, deals to decisions, decisions to bytes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

import azure.functions as func

from flows.deciding.decide_deals import Asked, Decided, IdempotencyKey
from flows.errors import InvalidRequest, NotAllowed, VouchError
from scoring.faults import Fault
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import SCORE, SCORE_BATCH
from triggers.problems import InvalidParameter, build_problem

MAX_DEALS = 1000
_KEY = re.compile(r"[!-~]{1,255}\Z")
_COUNT = re.compile(r"[0-9]{1,4}\Z")


def scoring_blueprint(edge: Edge) -> func.Blueprint:
    async def score(exchange: Exchange) -> Reply:
        asked = read_asked(exchange, [exchange.body])
        (answer,) = await edge.service.decide_deals(exchange.call, asked)
        if isinstance(answer, VouchError):
            raise answer
        tell_decisions(exchange, [answer])
        return Reply(answer.decision, headers=decision_headers([answer]))

    async def score_batch(exchange: Exchange) -> Reply:
        asked = read_asked(exchange, _read_batch(exchange.body))
        answers = await edge.service.decide_deals(exchange.call, asked)
        decided = [answer for answer in answers if isinstance(answer, Decided)]
        refused = [answer for answer in answers if isinstance(answer, VouchError)]
        await asyncio.gather(*(edge.record_refusal(exchange, error) for error in refused))
        tell_decisions(exchange, decided)
        exchange.told["refused"] = len(refused)
        results = [_result(answer, exchange.call.request_id) for answer in answers]
        return Reply({"results": results}, headers=decision_headers(decided))

    return build_blueprint(edge, {SCORE: score, SCORE_BATCH: score_batch})


def read_asked(exchange: Exchange, payloads: Sequence[object], generated_ids: frozenset[int] = frozenset()) -> Asked:
    """What is asked, by body, query and headers alike. Raises InvalidParameter or NotAllowed."""
    return Asked(
        payloads=payloads,
        explain=_read_explain(exchange.request.params.get("explain")),
        pinned_version=read_operator_header(exchange, "X-Model-Version"),
        synthetic=_read_synthetic(exchange),
        idempotency=read_key(exchange),
        generated_ids=generated_ids,
    )


def read_operator_header(exchange: Exchange, name: str) -> str | None:
    """A header that only an operator may send."""
    value = exchange.header(name.lower())
    if value is not None and "operator" not in exchange.call.caller.roles:
        raise NotAllowed(["operator"])
    return value


def decision_headers(decided: Sequence[Decided]) -> dict[str, str]:
    """`X-Model-Version` where one version decided all, and whether all were replayed."""
    headers = {}
    versions = {answer.model_version for answer in decided}
    if len(versions) == 1:
        headers["X-Model-Version"] = versions.pop()
    if decided and all(answer.replayed for answer in decided):
        headers["Idempotency-Replayed"] = "true"
    return headers


def tell_decisions(exchange: Exchange, decided: Sequence[Decided]) -> None:
    """What the log line says of decisions: counts, versions and storage time, nothing of a deal."""
    exchange.told["outcomes"] = Counter(str(answer.decision["outcome"]) for answer in decided)
    exchange.told["versions"] = sorted({answer.model_version for answer in decided})
    exchange.told["storage_ms"] = round(max((answer.storage_ms for answer in decided), default=0.0), 2)


def _result(answer: Decided | VouchError, request_id: str) -> dict[str, object]:
    if isinstance(answer, Decided):
        return {"decision": answer.decision}
    return {"problem": build_problem(answer, request_id)}


def _read_batch(body: object) -> Sequence[object]:
    deals = body.get("deals") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(deals, list):
        raise InvalidRequest([Fault("/deals", "Must be a list of deals.")])
    faults = [Fault("", "Holds an unknown field beside deals.")] if len(body) > 1 else []
    if not 0 < len(deals) <= MAX_DEALS:
        faults.append(Fault("/deals", f"Must hold 1 to {MAX_DEALS} deals."))
    if faults:
        raise InvalidRequest(faults)
    return deals


def _read_explain(value: str | None) -> int | None:
    if value is None:
        return None
    if not _COUNT.match(value):
        raise InvalidParameter("explain", "must be a whole number of 0 to 9999")
    return int(value)


def _read_synthetic(exchange: Exchange) -> bool:
    value = read_operator_header(exchange, "X-Vouch-Synthetic")
    if value not in {None, "true"}:
        raise InvalidParameter("X-Vouch-Synthetic", "must be true where it is given")
    return value is not None


def read_key(exchange: Exchange) -> IdempotencyKey | None:
    key = exchange.header("idempotency-key")
    if key is None:
        return None
    if not _KEY.match(key):
        raise InvalidParameter("Idempotency-Key", "must be 1 to 255 printable ASCII characters without spaces")
    return IdempotencyKey(key, exchange.raw_body)
