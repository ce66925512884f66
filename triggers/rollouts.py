"""Rollouts: what operators and approvers ask of the control region; every other region says where that is.

What somebody says is written down before the orchestration is nudged: a nudge that is lost costs a slice of time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import azure.functions as func

from flows.errors import NotControl, NotFound
from flows.ports import Engine, EngineFailed
from flows.regions import Region
from flows.rolling_out.control_room import ControlRoom
from flows.rolling_out.rollouts import PAST_PHASES
from rollouts.plan import plan_data
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Answer, Edge, Exchange, Reply
from triggers.endpoints import (
    ABORT,
    APPROVE,
    LINT_ROLLOUT,
    LIST_ROLLOUTS,
    PAUSE,
    PROMOTE_FULL,
    READ_FLEET,
    READ_ROLLOUT,
    REJECT,
    RESUME,
    START_ROLLOUT,
    Endpoint,
)
from triggers.scoring import read_key
from triggers.typed_bodies import read_typed

logger = logging.getLogger("vouch.rollouts")
STEERING = (APPROVE, REJECT, PAUSE, RESUME, ABORT, PROMOTE_FULL)
ALL = (START_ROLLOUT, LIST_ROLLOUTS, LINT_ROLLOUT, READ_ROLLOUT, *STEERING, READ_FLEET)
Document = Mapping[str, Any]


def elsewhere_blueprint(edge: Edge, control: Region) -> func.Blueprint:
    """What a region that isn't control answers."""

    async def refuse(exchange: Exchange) -> Reply:
        raise NotControl(control.name, control.base_url)

    return build_blueprint(edge, dict.fromkeys(ALL, refuse))


def reading_answers(room: ControlRoom) -> dict[Endpoint, Answer]:
    """What is answered without the engine."""

    async def lint(exchange: Exchange) -> Reply:
        plan, faults = await room.rollouts.lint(exchange.body)
        told = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
        return Reply({"faults": told, "plan": plan_data(plan) if plan else None})

    async def list_rollouts(exchange: Exchange) -> Reply:
        return Reply({"rollouts": await room.rollouts.list()})

    async def read(exchange: Exchange) -> Reply:
        return Reply(await room.rollouts.read(exchange.param("rollout_id")))

    async def read_fleet(exchange: Exchange) -> Reply:
        model = exchange.param("model")
        desired, found = await room.papers.desired.read(model), await room.papers.desired.read_fleet(model)
        if desired is None and found is None:
            raise NotFound("fleet: nothing of the model was rolled out yet, and the reconciler saw none of it")
        return Reply({"model": model, "desired": desired, "found": found})

    return {LINT_ROLLOUT: lint, LIST_ROLLOUTS: list_rollouts, READ_ROLLOUT: read, READ_FLEET: read_fleet}


def steering_answers(room: ControlRoom, engine: Engine) -> dict[Endpoint, Answer]:
    """What is answered with the engine's help."""

    async def start(exchange: Exchange) -> Reply:
        key = read_key(exchange)
        started = await room.rollouts.start(exchange.call, exchange.body, key.key if key else None, exchange.raw_body)
        rollout = await room.rollouts.read(started.order["id"])
        if rollout["phase"] not in PAST_PHASES:  # an ended one whose history is purged would begin anew
            await _trying(engine.start(exchange.client, started.order))
        headers = {"Location": f"/api/v1/rollouts/{started.order['id']}"}
        if started.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Reply(rollout, 202, headers)

    async def approve(exchange: Exchange) -> Reply:
        gate = read_typed(exchange.body, schemas.Approval).gate
        return await nudged(exchange, room.rollouts.approve(exchange.call, exchange.param("rollout_id"), gate))

    def saying(say: Callable[[Exchange, str], Awaitable[Document]]) -> Answer:
        async def answer(exchange: Exchange) -> Reply:
            return await nudged(exchange, say(exchange, read_typed(exchange.body, schemas.Said).reason))

        return answer

    async def nudged(exchange: Exchange, said: Awaitable[Document]) -> Reply:
        document = await said
        await _trying(engine.nudge(exchange.client, document["id"]))
        return Reply(document)

    def stop(name: str) -> Answer:
        return saying(lambda e, reason: room.rollouts.stop(e.call, e.param("rollout_id"), name, reason))

    return {
        START_ROLLOUT: start,
        APPROVE: approve,
        REJECT: stop("reject"),
        ABORT: stop("abort"),
        PAUSE: saying(lambda e, reason: room.rollouts.pause(e.call, e.param("rollout_id"), reason)),
        RESUME: saying(lambda e, reason: room.rollouts.resume(e.call, e.param("rollout_id"), reason)),
        PROMOTE_FULL: saying(lambda e, reason: room.rollouts.promote_in_full(e.call, e.param("rollout_id"), reason)),
    }


async def _trying(step: Awaitable[None]) -> None:
    """What was said stands already: an engine that is away finds it later."""
    try:
        await step
    except EngineFailed as error:
        logger.warning("The engine was not reached (%s); the control timer looks again.", error)
