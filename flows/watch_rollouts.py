"""Look after the rollouts that are under way: those that were never started, that broke, or that make no progress.

An orchestration can be lost in few ways: its order was written and the start after it wasn't, or a fault of ours
ended it. The first is started; in place of the second another one takes the regions back.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from flows.ports import Clock, Engine, EngineFailed
from flows.rollout_log import RolloutLog

BROKEN = frozenset({"Failed", "Terminated", "Canceled"})
START_GRACE_S = 30.0
logger = logging.getLogger("vouch.rollouts")


class WatchRollouts:
    """`stuck_after_s` without a sign of life makes a rollout one that somebody is told of; `keep_s` is how long the
    engine's history of an ended one is kept."""

    def __init__(self, log: RolloutLog, engine: Engine, clock: Clock, stuck_after_s: float, keep_s: float) -> None:
        self._log = log
        self._engine = engine
        self._clock = clock
        self._stuck_after = timedelta(seconds=stuck_after_s)
        self._keep = timedelta(seconds=keep_s)

    async def __call__(self, client: Any) -> None:
        """Look once. Raises LedgerUnavailable or EngineFailed."""
        for model, rollout_id in (await self._log.active()).items():
            await self._watch(client, model, rollout_id)
        try:
            await self._engine.purge(client, self._clock.now() - self._keep)
        except EngineFailed as error:
            logger.warning("Old histories were not deleted: %s", error)

    async def _watch(self, client: Any, model: str, rollout_id: str) -> None:
        order = await self._log.read_order(rollout_id)
        if order is None:  # the call that took the model ended before it wrote the order
            await self._log.forget_lost(model, rollout_id, START_GRACE_S)
            return
        status = await self._engine.status(client, rollout_id)
        if not status:
            await self._engine.start(client, order)
        elif status in BROKEN:
            logger.error("The orchestration of rollout %s is %s: its regions are taken back.", rollout_id, status)
            await self._engine.rescue(client, order, f"its orchestration was {status}")
        await self._tell_if_stuck(rollout_id)

    async def _tell_if_stuck(self, rollout_id: str) -> None:
        shown = await self._log.read_shown(rollout_id)
        seen_at = max((str(one["seen_at"]) for one in shown.values()), default="")
        if seen_at and self._clock.now() - datetime.fromisoformat(seen_at) > self._stuck_after:
            message = f"no sign of life since {seen_at}"
            logger.error("Rollout %s is stuck: %s.", rollout_id, message)
            await self._log.tell_once(rollout_id, "stuck", message)
