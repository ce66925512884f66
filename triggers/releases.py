"""Releases: what this region serves. The ETag is the generation, and a change must say which one it expects."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from uuid import uuid4

import azure.functions as func

from flows.calls import Call
from flows.errors import InvalidRequest
from flows.releasing import release_changes
from flows.releasing.read_metrics import Span
from flows.releasing.release_changes import Closing, Renewal, release_data
from scoring.faults import Fault
from scoring.release import Release, Target
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Answer, Edge, Exchange, Reply
from triggers.endpoints import (
    CHANGE_RELEASE,
    CLOSE_RELEASE,
    READ_METRICS,
    READ_RELEASE,
    RENEW_RELEASE,
    UNHOLD,
    UNWITHDRAW,
    WITHDRAW,
)
from triggers.problems import InvalidParameter, PreconditionRequired
from triggers.typed_bodies import read_typed

_GENERATION = re.compile(r"[0-9]{1,18}\Z")
_ETAG = re.compile(r'"?([0-9]{1,18})"?\Z')


def releases_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def read(exchange: Exchange) -> Reply:
        return _reply(await service.read_release(exchange.param("model")))

    async def change(exchange: Exchange) -> Reply:
        generation = _read_if_match(exchange.header("if-match"))
        given = read_typed(exchange.body, schemas.ReleaseChange)
        _check_lease(given.valid_until)
        model, change_id = exchange.param("model"), _change_id(given)
        return _reply(await service.change_release(exchange.call, model, _change(given), generation, change_id))

    async def renew(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.ReleaseRenewal)
        _check_lease(given.valid_until)
        renewal = Renewal(given.rollout_id, given.generation, given.valid_until)
        return _reply(await service.change_release.renew(exchange.call, exchange.param("model"), renewal))

    async def close(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.ReleaseClosing)
        closing = Closing(given.rollout_id, _target(given.stable) if given.stable else None, given.reason)
        return _reply(
            await service.change_release.close(exchange.call, exchange.param("model"), closing, _change_id(given))
        )

    def withdrawal(change: Callable[[Call, str, str, str, str], Awaitable[Release]]) -> Answer:
        async def answer(exchange: Exchange) -> Reply:
            given = read_typed(exchange.body, schemas.Withdrawal)
            model, change_id = exchange.param("model"), _change_id(given)
            return _reply(await change(exchange.call, model, given.version, given.reason, change_id))

        return answer

    async def unhold(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Reasoned)
        change = service.change_release.unhold
        return _reply(await change(exchange.call, exchange.param("model"), given.reason, _change_id(given)))

    async def metrics(exchange: Exchange) -> Reply:
        return Reply(await service.read_metrics(exchange.param("model"), _read_span(exchange)))

    answers = {
        READ_RELEASE: read,
        READ_METRICS: metrics,
        CHANGE_RELEASE: change,
        RENEW_RELEASE: renew,
        CLOSE_RELEASE: close,
        WITHDRAW: withdrawal(service.change_release.withdraw),
        UNWITHDRAW: withdrawal(service.undo_version.lift_here),
        UNHOLD: unhold,
    }
    return build_blueprint(edge, answers)


def _reply(release: Release) -> Reply:
    return Reply(release_data(release), headers={"ETag": f'"{release.generation}"'})


def _change_id(given: schemas.ReleaseChange | schemas.ReleaseClosing | schemas.Withdrawal | schemas.Reasoned) -> str:
    """Whoever doesn't say that a change is the same as before makes a new one, also under a request id of before."""
    return given.change_id or uuid4().hex


def _target(given: schemas.Target) -> Target:
    return Target(given.version, given.policy)


def _change(given: schemas.ReleaseChange) -> release_changes.ReleaseChange:
    return release_changes.ReleaseChange(
        stable=_target(given.stable),
        candidate=_target(given.candidate) if given.candidate else None,
        weight=given.weight,
        shadow_share=given.shadow_share,
        rollout_id=given.rollout_id,
        valid_until=given.valid_until,
        reason=given.reason,
    )


def _read_span(exchange: Exchange) -> Span:
    given = exchange.request.params
    since = _read_time(given.get("since", ""))
    first = _read_generation(given, "generation", 1)
    return Span(since, first, _read_generation(given, "step_generation", first))


def _read_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not _has_utc(time):
        raise InvalidParameter("since", "must be a time such as 2026-11-23T21:00:00Z")
    return time


def _check_lease(time: datetime | None) -> None:
    """Raises InvalidRequest."""
    if time is not None and not _has_utc(time):
        raise InvalidRequest([Fault("/valid_until", "Is no time in UTC.")])


def _has_utc(time: datetime) -> bool:
    """Whether an aware time has a date in UTC too; those at either end of the calendar may have none."""
    try:
        time.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _read_generation(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _GENERATION.match(text):
        raise InvalidParameter(name, "must be a generation, a whole number")
    return int(text)


def _read_if_match(value: str | None) -> int:
    if value is None:
        raise PreconditionRequired
    match = _ETAG.match(value)
    if match is None:
        raise InvalidParameter("If-Match", "must be the ETag of the release, a generation in quotes")
    return int(match[1])
