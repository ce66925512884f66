"""Every region's timer that purges the ledger of what lies in the lake, and reservations of what nobody asks again."""

from __future__ import annotations

import logging

import azure.functions as func

from flows.errors import StorageFailed
from flows.sealing.purge_ledger import PurgeLedger

logger = logging.getLogger("vouch.trail")


def purge_timer_blueprint(purge: PurgeLedger, schedule: str) -> func.Blueprint:
    """One timer function. `schedule` is an NCRONTAB expression of six fields."""
    blueprint = func.Blueprint()

    async def purge_tick(timer: func.TimerRequest) -> None:
        try:
            done = await purge()
        except StorageFailed as error:
            logger.error("The purge could leave no note: %s. It runs again at the next turn.", error)  # noqa: TRY400
            return
        for fault in done["faults"]:
            logger.error("The purge is not done: %s. It goes on at the next turn.", fault)

    timed = blueprint.timer_trigger(arg_name="timer", schedule=schedule, run_on_startup=False, use_monitor=False)
    blueprint.function_name("purge_tick")(timed(purge_tick))
    return blueprint
