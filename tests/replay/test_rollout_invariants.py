"""Whatever happens, in whatever order: no promotion without a verdict, an end, and every region back where it failed.

A story is a plan and what befalls its rollout: people's words, what deals show, regions that go and come back, lost
answers, activities whose instance dies, orchestrations that are killed, the control timer, control gone for a while.
Which of the turns and activities that are due comes first is drawn, too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.durable.instances import Task
from tests.replay.rehearsal import BAD, DOUBTFUL, FEW, GOOD, NEW, REGIONS, Rehearsal, Seen
from tests.replay.virtual_hub import Fate

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads"),  # advice of the library, once a process
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion for TaskId. nudge"),
]
ENDS = ("Succeeded", "RolledBack", "Failed")
FIRST = REGIONS[0]
Event = tuple[Any, ...]

regions = st.sampled_from(REGIONS)
words = st.sampled_from(["abort", "reject", "pause", "resume", "promoteFull", "approve"])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.tuples(st.just("say"), words),
    st.tuples(st.just("mood"), regions, st.sampled_from([GOOD, BAD, DOUBTFUL, FEW])),
    st.tuples(st.just("away"), regions),
    st.tuples(st.just("mute"), regions),
    st.tuples(st.just("back"), regions),
    st.tuples(st.just("fate"), st.sampled_from(list(Fate)), st.integers(1, 5)),
    st.tuples(st.just("undo"), regions),
    st.tuples(st.just("kill")),
    st.tuples(st.just("tick")),
    st.tuples(st.just("gone"), st.integers(1, 100)),
)
PLANS = st.fixed_dictionaries(
    {
        "steps": st.sampled_from(
            [
                [{"shadow": 1.0}, {"analysis": True}, {"setWeight": 100}],
                [{"setWeight": 10}, {"analysis": True}, {"setWeight": 100}, {"analysis": True}],
                [{"shadow": 0.5}, {"pause": "PT5S"}, {"analysis": True}, {"setWeight": 50}, {"analysis": True},
                 {"setWeight": 100}],
            ]
        ),
        "noData": st.sampled_from(["hold", "synthetic", "fail"]),
        "onFailure": st.sampled_from(["rollbackAll", "pause"]),
        "approval": st.builds(
            lambda before: {"before": before, "timeout": "PT1M"}, st.sampled_from(["never", "firstWave", "eachWave"])
        ),
        "bake": st.just("PT5S"),
        "deadline": st.just("PT150S"),
    }
)  # fmt: skip


class Fates:
    """What the next activities meet; all others are done."""

    def __init__(self) -> None:
        self.next: list[Fate] = []

    def __call__(self, task: Task) -> Fate:
        return self.next.pop() if self.next else Fate.DONE


async def play(rehearsal: Rehearsal, plan: Mapping[str, Any], story: list[tuple[int, Event]], seed: int) -> bool:
    """Let it all happen, and then let everything come to rest; whether an abort or a rejection was taken."""
    fates, order = Fates(), random.Random(seed)
    rehearsal.hub.fates, rehearsal.hub.choose = fates, order.randrange
    await rehearsal.start(**plan)
    is_stopped = False
    for steps, event in story:
        await rehearsal.steps(steps)
        is_stopped |= await befall(rehearsal, event, fates)
    for heal in (rehearsal.regions.away, rehearsal.regions.mute):
        heal.clear()
    for _ in range(3):
        await rehearsal.run()
        await rehearsal.room.tick("client")
    return is_stopped


async def befall(rehearsal: Rehearsal, event: Event, fates: Fates) -> bool:
    """Whether somebody stopped the rollout by it."""
    world = rehearsal.regions
    match event:
        case ("say", "approve"):
            await rehearsal.say("approve", gate=(await rehearsal.read())["gate"] or "wave-1")
        case ("say", word):
            return await rehearsal.say(word) == 200 and word in ("abort", "reject")
        case ("mood", region, mood):
            world.moods[region] = mood
        case ("away", region):
            world.away.add(region)
        case ("mute", region):
            world.mute.add(region)
        case ("back", region):
            world.away.discard(region)
            world.mute.discard(region)
        case ("fate", fate, count):
            fates.next += [fate] * count
        case ("undo", region):
            await rehearsal.undo(region, NEW)
        case ("kill",):
            rehearsal.hub.terminate(rehearsal.id)
        case ("tick",):
            await rehearsal.room.tick("client")
        case ("gone", seconds):
            rehearsal.clock.advance(seconds)
    return False


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=PLANS, story=st.lists(st.tuples(st.integers(0, 60), EVENTS), max_size=8), seed=st.integers(0, 2**16))
def test_no_story_promotes_without_a_verdict_or_goes_on_for_ever_or_leaves_a_region_behind(
    plan: Mapping[str, Any], story: list[tuple[int, Event]], seed: int
) -> None:
    async def tell() -> None:
        rehearsal = Rehearsal()
        is_stopped = await play(rehearsal, plan, story, seed)
        phase = await rehearsal.phase()
        assert phase in ENDS
        assert await rehearsal.room.papers.log.active() == {}
        assert {rehearsal.hub.status(instance) for instance in rehearsal.hub.instances} <= {"Completed", "Terminated"}
        for region in REGIONS:
            assert_verdicts(region, [seen for seen in rehearsal.regions.seen if seen.region == region], plan["noData"])
        is_undone = any(event[0] == "undo" for _, event in story)
        if phase == "Succeeded" and not is_undone:
            assert not is_stopped
            assert await rehearsal.served() == dict.fromkeys(REGIONS, NEW)
        else:
            assert await rehearsal.is_as_before()

    asyncio.run(tell())


def assert_verdicts(region: str, seen: list[Seen], no_data: str) -> None:
    """From one exposure to the next, and to the promotion, control was told something that is `Successful`."""
    exposure, is_verified = (0, 0.0), True
    done: set[str] = set()
    for request in seen:
        path, body = request.path.split("?", maxsplit=1)[0], request.body
        if request.status != 200 or str(body.get("change_id")) in done:
            continue
        if request.method == "PUT":
            done.add(body["change_id"])  # asked again, it is the same change
            raised = (body["weight"], body["shadow_share"])
            is_promotion = body["stable"]["version"] == NEW
            if body["candidate"] is None and not is_promotion:
                exposure, is_verified = (0, 0.0), True  # opened: nothing is shown yet
                continue
            assert is_verified or (not is_promotion and raised <= exposure), f"{region} was promoted without a verdict"
            exposure, is_verified = raised, False
        elif path.endswith(":close"):
            exposure, is_verified = (0, 0.0), True
        elif request.is_answered and path.endswith("/metrics"):
            is_verified |= request.mood == GOOD
        elif request.is_answered and path.endswith(":synthetic"):
            is_verified |= no_data == "synthetic"
