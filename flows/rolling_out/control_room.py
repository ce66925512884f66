"""The control region's part of rollouts, composed once a process: what people ask, and what the orchestrations do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.errors import VouchError
from flows.ports import EngineFailed
from flows.rolling_out.papers import Papers
from flows.rolling_out.reconcile import Reconcile
from flows.rolling_out.region_steps import FAILED, SUPERSEDED, UNREACHABLE, RegionSteps, StepFault
from flows.rolling_out.rollout_log import CONTROL_SOURCE
from flows.rolling_out.rollouts import ENDING_PHASES, Rollouts, is_over
from flows.rolling_out.tell_people import TellPeople
from flows.rolling_out.watch_rollouts import WatchRollouts, describe_wait
from rollouts.phases import Phase

logger = logging.getLogger("vouch.rollouts")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ControlRoom:
    rollouts: Rollouts
    papers: Papers
    steps: RegionSteps
    reconcile: Reconcile
    tell_people: TellPeople
    watch: WatchRollouts

    async def tick(self, client: Any) -> None:
        """What the control timer does: look after rollouts, reconcile regions, tell people. A fault of one of them
        doesn't keep the others from being done; the first is raised at the end."""
        faults: list[Exception] = []
        for step in (lambda: self.watch(client), self.reconcile, self.tell_people):
            try:
                await step()
            except (VouchError, EngineFailed) as error:
                faults.append(error)
        if faults:
            raise faults[0]

    async def open_rollout(self, order: Document) -> Document:
        """Mark a region's release as under a rollout, unless that is being taken back."""
        return await self._unless_taken_back(self.steps.open_rollout, order)

    async def pull_version(self, order: Document) -> Document:
        """Have a region fetch, verify, keep and warm up what is to be served."""
        return await self._telling(self.steps.pull_version, order)

    async def run_synthetic(self, order: Document) -> Document:
        """Have a region score the golden set."""
        return await self._telling(self.steps.run_synthetic, order)

    async def close_rollout(self, order: Document) -> Document:
        """End the rollout in a region."""
        return await self._telling(self.steps.close_rollout, order)

    async def set_release(self, order: Document) -> Document:
        """Have a region serve what a step says, unless the rollout is being taken back."""
        return await self._unless_taken_back(self.steps.set_release, order)

    async def watch_region(self, order: Document) -> Document:
        """Lengthen a region's lease, read its metrics, show that it was seen, and hand over what people have said."""
        answer = await self._unless_taken_back(self.steps.watch_region, order)
        await self.papers.log.show(
            order["rollout_id"], order["region"], order["seq"], _with_steps_taken(order["shown"])
        )
        return {**answer, **await self.read_orders(order)}

    async def read_orders(self, order: Document) -> Document:
        """What people have said, without who they are, which regions ask somebody to look, how regions' parts ended,
        what regions served before, and what is waited for, in words: {orders: {name: {at, counts}}, asking: [region],
        is_over, results: {region: {attempt, outcome, ...}}, stables: {region: ...}, waits}."""
        rollout_id = order["rollout_id"]
        await self.papers.log.touch(rollout_id)
        orders = await self.rollouts.orders_that_count(rollout_id)
        story = await self.papers.log.read_story(rollout_id)
        shown = story.shown
        results = {source: document["result"] for source, document in shown.items() if document.get("result")}
        stables = shown.get(CONTROL_SOURCE, {}).get("stables", {})
        asking = sorted(source for source, document in shown.items() if document.get("asks"))
        return {
            "orders": orders,
            "asking": asking,
            "is_over": is_over(shown),
            "results": results,
            "stables": stables,
            "waits": describe_wait(shown, story.troubles),
        }

    async def _unless_taken_back(self, step: Callable[[Document], Awaitable[Document]], order: Document) -> Document:
        """A region that was away while its rollout was taken back still has it open: what comes late from that
        rollout must find nothing to go on with there."""
        if await self.papers.log.read_phase(order["rollout_id"]) in ENDING_PHASES:
            return StepFault(SUPERSEDED, "the rollout is being taken back, or is over").to_json()
        return await self._telling(step, order)

    async def _telling(self, step: Callable[[Document], Awaitable[Document]], order: Document) -> Document:
        """Whoever looks at the rollout sees what keeps a region's step from being done for as long as it is asked for
        again; the step itself doesn't depend on that."""
        answer = await step(order)
        fault = answer.get("fault")
        trouble = fault["detail"] if fault and fault["kind"] in {UNREACHABLE, FAILED} else ""
        try:
            await self.papers.log.show_trouble(order["rollout_id"], order["region"], trouble)
        except VouchError as error:
            logger.warning("What %s lacks could not be shown: %s. It is with its next step.", order["region"], error)
        return answer

    async def note_transition(self, order: Document) -> Document:
        """Write a transition down. Safe to repeat."""
        await self.papers.log.note(order)
        return {}

    async def finish_rollout(self, order: Document) -> Document:
        """Let a success be the desired state, and the next rollout begin. Where a rollback left a region behind, the
        reconciler is to know the way back. Answers {stopped: order} and does nothing where somebody has stopped what
        would be a success. Safe to repeat."""
        if order["target"] is not None:
            stopped_by = await self.papers.log.finish(order["rollout_id"])
            if stopped_by:
                return {"stopped": stopped_by}
            await self.papers.desired.desire(order["model"], order["target"], order["rollout_id"], order["before"])
        elif order["phase"] == Phase.FAILED and order["before"] is not None:
            await self.papers.desired.desire_first(order["model"], order["before"], order["rollout_id"])
        if order.get("left"):  # an orchestration of an older version names none
            await self.papers.desired.leave(order, order["left"])
        await self.papers.log.end(order["model"], order["rollout_id"], order["phase"])
        return {}


def _with_steps_taken(shown: Document) -> Document:
    """Whoever is promoted has taken every step; the watch that follows counts none of its own."""
    return {**shown, "step": len(shown["steps"]) - 1} if shown.get("stage") == "Promoted" else shown
