"""The control region's timer: it looks after rollouts, reconciles regions and tells people."""

from __future__ import annotations

import logging
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from flows.errors import VouchError
from flows.ports import EngineFailed
from flows.rolling_out.control_room import ControlRoom

logger = logging.getLogger("vouch.rollouts")


def control_timer_blueprint(room: ControlRoom, schedule: str) -> df.Blueprint:
    """One timer function. `schedule` is an NCRONTAB expression of six fields."""
    blueprint = df.Blueprint()

    async def control_tick(timer: func.TimerRequest, client: Any) -> None:
        try:
            await room.tick(client)
        except (VouchError, EngineFailed) as error:
            logger.warning("The control timer could not finish: %s. It looks again at its next turn.", error)

    bound = blueprint.durable_client_input(client_name="client")(control_tick)
    timed = blueprint.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False, use_monitor=False)
    blueprint.function_name("control_tick")(timed(bound))
    return blueprint
