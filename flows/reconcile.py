"""Bring every region to what it is to serve, when no rollout is under way: the desired state is one row a model.

in sync       serves the desired version and policy
healed        was behind, and has been changed
held          a person holds the release, or the version was withdrawn there: reported, never overridden
unreachable   gave no answer: looked at again the next time
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flows.ports import Clock
from flows.region_steps import FAILED, UNREACHABLE, RegionSteps, StepFault
from flows.rollout_log import RolloutLog
from flows.times import format_time

logger = logging.getLogger("vouch.reconciler")
LEASE = timedelta(minutes=1)
Document = Mapping[str, Any]


class Reconcile:
    def __init__(self, log: RolloutLog, steps: RegionSteps, regions: Sequence[str], clock: Clock) -> None:
        self._log = log
        self._steps = steps
        self._regions = regions
        self._clock = clock

    async def __call__(self) -> list[Document]:
        """Look at every model that has a desired state and no rollout; what was found, by model and region."""
        active = await self._log.active()
        found = []
        for desired in await self._log.all_desired():
            if desired["model"] not in active:
                found.append(await self._reconcile(desired))
        return found

    async def _reconcile(self, desired: Document) -> Document:
        states = await asyncio.gather(*(self._heal(region, desired) for region in self._regions))
        found = {
            "model": desired["model"],
            "generation": desired["generation"],
            "target": desired["target"],
            "seen_at": format_time(self._clock.now()),
            "regions": dict(zip(self._regions, states, strict=True)),
        }
        await self._log.show_fleet(found)
        for region, state in found["regions"].items():
            if state["state"] != "in sync":
                logger.warning("%s in %s is %s: %s", desired["model"], region, state["state"], state["detail"])
        return found

    async def _heal(self, region: str, desired: Document) -> Document:
        order = {
            "region": region,
            "model": desired["model"],
            "target": desired["target"],
            "by": desired["by"],
            "reason": f"reconciled with desired generation {desired['generation']}",
            "change_id": f"desired/{desired['model']}/{desired['generation']}/{format_time(self._clock.now())}",
        }
        try:
            return await self._steps.reconcile(order)
        except StepFault as fault:
            state = "unreachable" if fault.kind in {UNREACHABLE, FAILED} else "held"
            return {"state": state, "detail": fault.detail}
