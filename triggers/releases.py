"""Releases: what this region serves. The ETag is the generation, and a change must say which one it expects."""

from __future__ import annotations

import re

import azure.functions as func

from flows import change_release
from flows.change_release import release_data
from scoring.release import Release, Target
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import CHANGE_RELEASE, READ_RELEASE
from triggers.problems import InvalidParameter, PreconditionRequired
from triggers.typed_bodies import read_typed

_ETAG = re.compile(r'"?([0-9]{1,18})"?\Z')


def releases_blueprint(edge: Edge) -> func.Blueprint:
    service = edge.service

    async def read(exchange: Exchange) -> Reply:
        return _reply(await service.read_release(exchange.param("model")))

    async def change(exchange: Exchange) -> Reply:
        generation = _read_if_match(exchange.header("if-match"))
        given = read_typed(exchange.body, schemas.ReleaseChange)
        change_id = given.change_id or exchange.call.request_id
        model = exchange.param("model")
        return _reply(await service.change_release(exchange.call, model, _change(given), generation, change_id))

    return build_blueprint(edge, {READ_RELEASE: read, CHANGE_RELEASE: change})


def _reply(release: Release) -> Reply:
    return Reply(release_data(release), headers={"ETag": f'"{release.generation}"'})


def _change(given: schemas.ReleaseChange) -> change_release.ReleaseChange:
    return change_release.ReleaseChange(
        stable=Target(given.stable.version, given.stable.policy),
        candidate=Target(given.candidate.version, given.candidate.policy) if given.candidate else None,
        weight=given.weight,
        shadow_share=given.shadow_share,
        rollout_id=given.rollout_id,
        valid_until=given.valid_until,
        reason=given.reason,
    )


def _read_if_match(value: str | None) -> int:
    if value is None:
        raise PreconditionRequired
    match = _ETAG.match(value)
    if match is None:
        raise InvalidParameter("If-Match", "must be the ETag of the release, a generation in quotes")
    return int(match[1])
