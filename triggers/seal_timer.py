"""Every region's timer for its trail: it starts the sealing of windows that are due, and tells the witness."""

from __future__ import annotations

import logging
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from flows.sealing.trail_room import FAULTS, TrailRoom

logger = logging.getLogger("vouch.trail")


def seal_timer_blueprint(room: TrailRoom, schedule: str) -> df.Blueprint:
    """One timer function. `schedule` is an NCRONTAB expression of six fields."""
    blueprint = df.Blueprint()

    async def seal_tick(timer: func.TimerRequest, client: Any) -> None:
        try:
            await room.tick(client)
        except FAULTS as error:
            logger.error("The trail could not be looked after: %s. It is tried again at the next turn.", error)  # noqa: TRY400

    bound = blueprint.durable_client_input(client_name="client")(seal_tick)
    timed = blueprint.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False, use_monitor=False)
    blueprint.function_name("seal_tick")(timed(bound))
    return blueprint
