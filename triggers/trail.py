"""The audit trail as people and other regions see it: exports, sealing by hand, and checkpoints kept as a witness."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from audit.windows import Window, parse_window, window_of
from flows.errors import LedgerUnavailable, NotFound, WindowOpen
from flows.sealing.trail_room import FAULTS, TrailRoom
from triggers import schemas
from triggers.edge import Answer, Exchange, Reply
from triggers.endpoints import KEEP_CHECKPOINT, READ_EXPORTS, READ_WITNESS, SEAL_EXPORT, Endpoint
from triggers.problems import InvalidParameter
from triggers.typed_bodies import read_typed

WINDOWS, MOST_WINDOWS = 24, 200
T = TypeVar("T")


def trail_answers(room: TrailRoom) -> dict[Endpoint, Answer]:
    """What is answered without the engine."""

    async def exports(exchange: Exchange) -> Reply:
        return Reply(await _stored(room.exports(_read_most(exchange))))

    async def held(exchange: Exchange) -> Reply:
        return Reply(await _stored(room.keep_checkpoint.held(exchange.param("region"))))

    async def keep(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.CheckpointProof)
        kept = room.keep_checkpoint(exchange.param("region"), given.checkpoint, given.old_size, given.proof)
        return Reply(await _stored(kept))

    return {READ_EXPORTS: exports, READ_WITNESS: held, KEEP_CHECKPOINT: keep}


def sealing_answers(room: TrailRoom) -> dict[Endpoint, Answer]:
    """What needs the engine."""

    async def seal(exchange: Exchange) -> Reply:
        read_typed(exchange.body, schemas.Said)
        window = read_window(exchange.param("window"), room.window_s)
        state, due = await _stored(room.exports.find(window))
        if not state:
            raise NotFound("window")
        if state == "open":
            raise WindowOpen(f"records may still be written to {window.name}; ask again after its end and its grace")
        started = due is not None and await _stored(room.start(exchange.client, due))
        return Reply({"window": window.name, "state": state, "started": started}, 202)

    return {SEAL_EXPORT: seal}


async def _stored(asked: Awaitable[T]) -> T:
    """The answer; what storage or the vault can't do now is told as the ledger's being unavailable."""
    try:
        return await asked
    except FAULTS as error:
        raise LedgerUnavailable(f"the trail can't be read: {error}") from error


def _read_most(exchange: Exchange) -> int:
    text = exchange.request.params.get("limit", str(WINDOWS))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_WINDOWS:
        raise InvalidParameter("limit", f"must be a whole number from 1 to {MOST_WINDOWS}")
    return int(text)


def read_window(name: str, window_s: int) -> Window:
    """Raises NotFound for a name that is no window's."""
    try:
        window = parse_window(name, window_s)
    except ValueError:
        raise NotFound("window") from None
    if window != window_of(window.start_s * 1000, window_s) or window.name != name:
        raise NotFound("window")
    return window
