"""Bring every region to what it is to serve, when no rollout is under way: the desired state is one row a model.

A rollout that is under way is left alone, unless somebody withdrew its version in a region: then it is aborted. One
that has ended is closed in the regions that were away then.

A region is found

    in sync       serves the desired version and policy
    healed        was behind, and has been changed
    held          a person holds the release: reported, never overridden
    withdrawn     somebody took the version back there: the others follow, and what was desired before is again
    left alone    what was desired was withdrawn, and nothing was before: lifting that promotes nothing
    refused       says no: what it is to serve can't be had there, or this app may not change it
    unreachable   gave no answer, or somebody else changed the release just then: looked at again the next time
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from flows.ports import Clock
from flows.rolling_out.papers import Papers
from flows.rolling_out.region_steps import FAILED, REFUSED, UNREACHABLE, RegionSteps, StepFault
from flows.times import format_time

RECONCILER = "reconciler"
logger = logging.getLogger("vouch.reconciler")
Document = Mapping[str, Any]


class Reconcile:
    def __init__(self, papers: Papers, steps: RegionSteps, regions: Sequence[str], clock: Clock) -> None:
        self._log = papers.log
        self._desired = papers.desired
        self._steps = steps
        self._regions = regions
        self._clock = clock

    async def __call__(self) -> list[Document]:
        """Look at every model that has a desired state and no rollout; what was found, by model and region."""
        active = await self._log.active()
        for rollout_id in active.values():
            await self._follow_undo(rollout_id)
        for rollout in await self._desired.left():
            if rollout["model"] not in active:  # another's generations are not to be disturbed
                await self._close(rollout)
        wanted = [desired for desired in await self._desired.read_all() if desired["model"] not in active]
        return [await self._reconcile(desired) for desired in wanted]

    async def _close(self, rollout: Document) -> None:
        """Close a rollout where that could not be done in its own time. Who says no is told of, and asked no more."""
        answers = await asyncio.gather(*(self._close_in(rollout, region) for region in rollout["left"]))
        faults = {region: answer.get("fault") for region, answer in zip(rollout["left"], answers, strict=True)}
        for region, fault in faults.items():
            said = f"not closed: {fault['detail']}" if fault else "closed"
            logger.warning("Rollout %s of %s in %s: %s.", rollout["rollout_id"], rollout["model"], region, said)
        away = {region for region, fault in faults.items() if fault and fault["kind"] in {UNREACHABLE, FAILED}}
        await self._desired.leave(rollout, {region: rollout["left"][region] for region in sorted(away)})

    async def _close_in(self, rollout: Document, region: str) -> Document:
        closing = {
            "rollout_id": rollout["rollout_id"],
            "model": rollout["model"],
            "region": region,
            "stable": rollout["left"][region],
            "reason": "closed by the reconciler",
            "change_id": f"{rollout['rollout_id']}-{region}/closed",
        }
        return await self._steps.close_rollout(closing)

    async def _follow_undo(self, rollout_id: str) -> None:
        """A version that is withdrawn in one region is rolled out no further: whoever undid it may not have reached
        this region, and a rollout that waits for an approval looks at no region itself."""
        order = await self._log.read_order(rollout_id)
        if order is None:
            return
        wanted = {"model": order["model"], "target": order["target"], "generation": rollout_id}
        states = await self._everywhere(self._steps.find_withdrawn, wanted)
        names = _names(states)
        for name in names:
            where = [region for region, state in states.items() if name in state.get("names", [])]
            reason = f"{name} is withdrawn in {', '.join(where)}"
            logger.warning("Rollout %s of %s is aborted: %s.", rollout_id, order["model"], reason)
            await self._log.abort_rollout_of(order["model"], name, RECONCILER, reason)
        if names:
            await self._desired.forsake(order["model"], names)
            reason = f"{' and '.join(names)} withdrawn elsewhere"
            await self._everywhere(self._steps.withdraw, {**wanted, "names": names, "reason": reason})

    async def _reconcile(self, desired: Document) -> Document:
        is_forsaken = bool(desired.get("forsaken"))
        states = await self._everywhere(self._steps.find_withdrawn if is_forsaken else self._steps.reconcile, desired)
        names = _names(states)
        if names:
            states = await self._follow(desired, names)
        found = {
            "model": desired["model"],
            "generation": desired["generation"],
            "target": desired["target"],
            "seen_at": format_time(self._clock.now()),
            "regions": states,
        }
        await self._desired.show_fleet(found)
        for region, state in states.items():
            if state["state"] != "in sync":
                logger.warning("%s in %s is %s: %s", desired["model"], region, state["state"], state["detail"])
        return found

    async def _follow(self, desired: Document, names: Sequence[str]) -> dict[str, Document]:
        """What was withdrawn in one region is withdrawn in all: an undo may not have reached every one."""
        await self._desired.forsake(desired["model"], names)
        return await self._everywhere(self._steps.withdraw, {**desired, "names": names})

    async def _everywhere(
        self, step: Callable[[Document], Awaitable[Document]], desired: Document
    ) -> dict[str, Document]:
        states = await asyncio.gather(*(self._try(step, region, desired) for region in self._regions))
        return dict(zip(self._regions, states, strict=True))

    async def _try(self, step: Callable[[Document], Awaitable[Document]], region: str, desired: Document) -> Document:
        order = {
            "region": region,
            "model": desired["model"],
            "target": desired["target"],
            "names": desired.get("names", []),
            "reason": desired.get("reason", f"reconciled with desired generation {desired['generation']}"),
            "change_id": f"desired/{desired['model']}/{desired['generation']}/{format_time(self._clock.now())}",
        }
        try:
            return await step(order)
        except StepFault as fault:
            return {"state": REFUSED if fault.kind == REFUSED else UNREACHABLE, "detail": fault.detail}


def _names(states: Mapping[str, Document]) -> list[str]:
    """The versions and policies that are withdrawn in any region."""
    return sorted({name for state in states.values() for name in state.get("names", [])})
