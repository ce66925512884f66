"""Look after the rollouts that are under way: those that were never started, that broke, or that make no progress.

An orchestration can be lost in few ways: its order was written and the start after it wasn't, or it broke or vanished
in the middle. The first is started; in place of the second another one takes the regions back. An engine that is away
keeps nobody from being told, and one rollout that can't be looked at doesn't keep the others from it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.ports import Clock, Engine, EngineFailed
from flows.rolling_out.papers import Papers
from flows.rolling_out.rollout_log import CONTROL_SOURCE, PEOPLE_SOURCE, Story
from flows.rolling_out.rollouts import PAST_PHASES
from flows.times import format_time
from rollouts.phases import Phase

BROKEN = frozenset({"Failed", "Terminated", "Canceled"})
START_GRACE_S = 30.0
WAITING_STAGES = frozenset({"Paused", "Baking"})
STUCK = "stuck"

logger = logging.getLogger("vouch.rollouts")
Document = Mapping[str, Any]


class WatchRollouts:
    """`stuck_after_s` without a sign of life or progress makes a rollout one that somebody is told of; `keep_s` is how
    long the engine's history of an ended one is kept."""

    def __init__(self, papers: Papers, engine: Engine, clock: Clock, stuck_after_s: float, keep_s: float) -> None:
        self._log = papers.log
        self._notices = papers.notices
        self._engine = engine
        self._clock = clock
        self._stuck_after = timedelta(seconds=stuck_after_s)
        self._keep = timedelta(seconds=keep_s)

    async def __call__(self, client: Any) -> None:
        """Look once, at every rollout. Raises LedgerUnavailable, or the first EngineFailed there was."""
        faults: list[EngineFailed] = []
        for model, rollout_id in (await self._log.active()).items():
            try:
                await self._watch(client, model, rollout_id)
            except EngineFailed as error:
                faults.append(error)
        for rollout_id, phase in (await self._log.ended()).items():
            try:
                await self._watch_ended(client, rollout_id, phase)
            except EngineFailed as error:
                faults.append(error)
        try:
            await self._engine.purge(client, self._clock.now() - self._keep)
        except EngineFailed as error:
            logger.warning("Old histories were not deleted: %s", error)
        if faults:
            raise faults[0]

    async def _watch(self, client: Any, model: str, rollout_id: str) -> None:
        order = await self._log.read_order(rollout_id)
        if order is None:  # the call that took the model ended before it wrote the order
            await self._log.forget_lost(model, rollout_id, START_GRACE_S)
            return
        story = await self._log.read_story(rollout_id)
        await self._tell_if_stuck(order, story)
        status = await self._engine.status(client, rollout_id)
        if not status and not story.shown:
            await self._engine.start(client, order)
        elif not status or status in BROKEN:
            reason = f"its orchestration was {status or 'lost'}"
            logger.error("Rollout %s is taken back: %s.", rollout_id, reason)
            await self._engine.rescue(client, order, reason)

    async def _watch_ended(self, client: Any, rollout_id: str, phase: str) -> None:
        """An orchestration that broke after it had ended the rollout could not say so any more."""
        if await self._log.read_phase(rollout_id) in PAST_PHASES:
            return
        status = await self._engine.status(client, rollout_id)
        if not status or status in BROKEN:
            await self._log.note_end(rollout_id, phase, f"ended; its orchestration was {status or 'lost'} then")

    async def _tell_if_stuck(self, order: Document, story: Story) -> None:
        """Tell once of a rollout that nobody looks after, or that comes no further though neither a person nor its plan
        has it wait."""
        seen_at = max([str(order["started_at"]), *(str(one["seen_at"]) for one in story.shown.values())])
        message = f"no sign of life since {seen_at}" if self._is_long_ago(seen_at) else ""
        moved_at = _moved_at(order, story.timeline)
        if not message and not is_waiting(story.shown) and self._is_long_ago(moved_at):
            message = f"no progress since {moved_at}: {describe_wait(story.shown, story.troubles)}"
        if message:
            logger.error("Rollout %s is stuck: %s.", order["id"], message)
            event = {"rollout_id": order["id"], "source": CONTROL_SOURCE, "what": STUCK, "message": message}
            await self._notices.add(STUCK, STUCK, {**event, "at": format_time(self._clock.now())})

    def _is_long_ago(self, time: str) -> bool:
        return self._clock.now() - datetime.fromisoformat(time) > self._stuck_after


def _moved_at(order: Document, timeline: Sequence[Document]) -> str:
    """When the rollout, or a region of it, came to where it stands."""
    moves = [str(event["at"]) for event in timeline if event["source"] != PEOPLE_SOURCE]
    return max([str(order["started_at"]), *moves])


def is_waiting(shown: Mapping[str, Document]) -> bool:
    """Whether a person has the rollout wait, or its plan, or it is on its way back, which has a deadline of its own."""
    phase = shown.get(CONTROL_SOURCE, {}).get("phase", Phase.PENDING)
    stages = {one.get("stage") for one in shown.values()}
    return phase not in {Phase.PENDING, Phase.PROGRESSING} or not stages.isdisjoint(WAITING_STAGES)


def describe_wait(shown: Mapping[str, Document], troubles: Mapping[str, Document]) -> str:
    """What keeps each region's step from being done, what each that is not promoted says where nothing does, or the
    rollout where there is none yet."""
    regions = {source: one for source, one in shown.items() if one.get("stage") not in {None, "Promoted"}}
    regions.update(troubles)
    told = [f"{region}: {one['message']}" for region, one in sorted(regions.items())]
    return "; ".join(told) or str(shown.get(CONTROL_SOURCE, {}).get("message") or "it has not begun")
