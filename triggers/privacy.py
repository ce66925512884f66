"""What privacy officers do: erase, hold, release, access. Ids of persons come in bodies and go nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import azure.functions as func

from audit.times import format_second
from flows.errors import NotFound
from flows.privacy.erasure_log import Erasure, Hold, Stage
from flows.unavailable import told_as_unavailable
from triggers import schemas
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import ACCESS, ERASE, HOLD, LIST_ERASURES, READ_ERASURE, RELEASE_HOLD, REWRAP
from triggers.typed_bodies import read_typed


def privacy_blueprint(edge: Edge) -> func.Blueprint:
    records = edge.service.records
    room, window_s = records.privacy, edge.service.trail.window_s

    async def erase(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.SubjectOrder)
        with told_as_unavailable("the erasure could not be carried on"):
            ordered = await room.erase(exchange.call, given.subject, given.reason)
        state = _state(ordered.erasure, window_s)
        return Reply({**state, "commitment": ordered.commitment, "salt": ordered.salt})

    async def hold(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.SubjectOrder)
        with told_as_unavailable("the hold could not be placed"):
            placed = await room.hold.place(exchange.call, given.subject, given.reason)
        return Reply(
            {
                "hold_id": placed.hold_id,
                "holds": _holds(placed.holds),
                "erasures_under_way": placed.under_way,
                "commitment": placed.commitment,
                "salt": placed.salt,
            }
        )

    async def release(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.SubjectRelease)
        with told_as_unavailable("the hold could not be released"):
            released = await room.hold.release(exchange.call, given.subject, given.hold_id, given.reason)
        return Reply(
            {
                "hold_id": released.hold_id,
                "holds": _holds(released.holds),
                "erasures_carried_out": released.carried_out,
                "commitment": released.commitment,
                "salt": released.salt,
            }
        )

    async def access(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.SubjectAccess)
        return Reply(await room.access(exchange.call, given.subject, given.after, given.limit))

    async def list_erasures(exchange: Exchange) -> Reply:
        with told_as_unavailable("the erasures could not be listed"):
            standing = await room.log.open()
        return Reply({"erasures": [_state(erasure, window_s) for erasure in standing]})

    async def read_erasure(exchange: Exchange) -> Reply:
        with told_as_unavailable("the erasure could not be read"):
            found = await room.log.find(exchange.param("erasure_id"))
        if found is None:
            raise NotFound("erasure")
        return Reply(_state(found, window_s))

    async def rewrap(exchange: Exchange) -> Reply:
        count, noted = await records.rewrap_keys(exchange.call)
        return Reply({"rewrapped": count, "record_id": noted.record_id, "record_digest": noted.record_digest})

    answers = {
        ERASE: erase,
        HOLD: hold,
        RELEASE_HOLD: release,
        ACCESS: access,
        LIST_ERASURES: list_erasures,
        READ_ERASURE: read_erasure,
        REWRAP: rewrap,
    }
    return build_blueprint(edge, answers)


def _state(erasure: Erasure, window_s: int) -> dict[str, object]:
    is_waiting = erasure.stage is Stage.PENDING and erasure.until
    return {
        "erasure_id": erasure.erasure_id,
        "state": erasure.stage.value,
        "ordered_at": erasure.ordered_at,
        "records": erasure.records,
        "shared_records": erasure.shared if erasure.stage is Stage.DEFERRED else 0,
        "archived_records": erasure.archived,
        "open_until": format_second(erasure.until + window_s) if is_waiting else None,
        "completed_at": erasure.completed_at or None,
    }


def _holds(holds: Sequence[Hold]) -> list[dict[str, str]]:
    return [{"hold_id": hold.hold_id, "placed_at": hold.placed_at} for hold in holds]
