"""Stopped at any moment: between any two steps of a whole rollout something is said, breaks, is late or comes twice.

One good rollout is taken step by step and marked after each, so that every test goes on from a mark and costs only
what follows it. A step is a turn of an orchestration or an activity.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from local.durable.instances import Task
from orchestrations.names import ACTIVITIES as ACTIVITY_NAMES
from orchestrations.names import FINISH_ROLLOUT, RUN_SYNTHETIC, SET_RELEASE, WATCH_REGION
from tests.replay.rehearsal import BAD, NEW, REGIONS, Mark, Rehearsal
from tests.replay.virtual_hub import Fate

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads"),  # advice of the library, once a process
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion for TaskId. nudge"),
]
ENDS = ("Succeeded", "RolledBack", "Failed")


@dataclass
class Course:
    """A good rollout with a mark before each of its steps; `turns` and `activities` are the numbers of those steps that
    are turns, or that do these activities."""

    rehearsal: Rehearsal
    marks: list[Mark]
    turns: list[int]
    activities: dict[int, str]
    last_analysis: int = 0
    """The last look before the last promotion."""
    finished: int = 0
    """The activity from which on nobody can stop the rollout."""

    @property
    def steps(self) -> range:
        return range(len(self.marks) - 1)


async def take() -> Course:
    rehearsal = Rehearsal()
    await rehearsal.start()
    course = Course(rehearsal, [rehearsal.mark()], [], {})
    hub = rehearsal.hub
    taken, performed = 0, 0
    while await hub.step():
        step = len(course.marks) - 1
        if len(hub.turns) > taken:
            course.turns.append(step)
        if len(hub.performed) > performed:
            course.activities[step] = hub.performed[-1]
        taken, performed = len(hub.turns), len(hub.performed)
        course.marks.append(rehearsal.mark())
    promoted = max(step for step, name in course.activities.items() if name == SET_RELEASE)
    looks = [step for step, name in course.activities.items() if name == WATCH_REGION]
    course.last_analysis = max(step for step in looks if step < promoted)
    course.finished = next(step for step, name in course.activities.items() if name == FINISH_ROLLOUT)
    return course


def take_quietly() -> Course:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as `pytestmark` has it for the tests
        return asyncio.run(take())


@contextmanager
def quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


COURSE = take_quietly()
"""Taken when the tests are collected, so that they are as many as it has steps."""


@pytest.fixture(scope="module", autouse=True)
def be_quiet() -> Iterator[None]:
    with quiet():
        yield


def at(step: int) -> Rehearsal:
    """The rehearsal as it stood before a step."""
    COURSE.rehearsal.return_to(COURSE.marks[step])
    COURSE.rehearsal.hub.fates = lambda _: Fate.DONE
    return COURSE.rehearsal


def test_good_rollout_does_every_activity_and_every_step_is_tried() -> None:
    assert set(COURSE.activities.values()) == set(ACTIVITY_NAMES) - {RUN_SYNTHETIC}
    assert sorted([*COURSE.turns, *COURSE.activities]) == list(COURSE.steps)
    assert COURSE.last_analysis < COURSE.finished


@pytest.mark.parametrize("step", COURSE.steps)
def test_abort_before_any_step_is_obeyed_or_told_that_it_is_over(step: int) -> None:
    async def check() -> None:
        rehearsal = at(step)
        status = await rehearsal.say("abort")
        assert status == (200 if step <= COURSE.finished else 409)
        await rehearsal.run()
        await assert_ended("RolledBack" if status == 200 else "Succeeded")

    asyncio.run(check())


@pytest.mark.parametrize("turn", COURSE.turns)
def test_rejection_after_any_turn_is_obeyed_though_the_nudge_is_lost(turn: int) -> None:
    async def check() -> None:
        rehearsal = at(turn)
        rehearsal.engine.nudges = False
        status = await rehearsal.say("reject")
        rehearsal.engine.nudges = True
        await rehearsal.run()
        await assert_ended("RolledBack" if status == 200 else "Succeeded")

    asyncio.run(check())


@pytest.mark.parametrize("turn", COURSE.turns)
def test_breach_after_any_turn_that_a_look_follows_takes_every_region_back(turn: int) -> None:
    async def check() -> None:
        rehearsal = at(turn)
        rehearsal.regions.moods = dict.fromkeys(REGIONS, BAD)
        await rehearsal.run()
        await assert_ended("RolledBack" if turn < COURSE.last_analysis else "Succeeded")

    asyncio.run(check())


@pytest.mark.parametrize("turn", COURSE.turns[::3])
def test_orchestrations_that_are_lost_after_any_turn_are_taken_back_by_the_watchdog(turn: int) -> None:
    async def check() -> None:
        rehearsal = at(turn)
        for instance in list(rehearsal.hub.instances):
            rehearsal.hub.terminate(instance)
        await rehearsal.run()
        await rehearsal.room.tick("client")
        await rehearsal.run()
        for _ in range(2):  # what was decided, but not closed any more
            await rehearsal.room.reconcile()
        assert len(set((await rehearsal.served()).values())) == 1
        assert {(await rehearsal.release(region)).rollout_id for region in REGIONS} == {""}

    asyncio.run(check())


@pytest.mark.parametrize("activity", COURSE.activities)
def test_activity_that_comes_back_long_after_the_abort_changes_nothing(activity: int) -> None:
    async def check() -> None:
        rehearsal = at(activity)
        rehearsal.hub.fates = Once(Fate.LOST)
        await rehearsal.hub.step()
        status = await rehearsal.say("abort")
        await rehearsal.run()
        await assert_ended("RolledBack" if status == 200 else "Succeeded")

    asyncio.run(check())


@pytest.mark.parametrize("name", sorted(set(ACTIVITY_NAMES) - {RUN_SYNTHETIC}))
@pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNANSWERED])
def test_activities_whose_instance_died_come_back_and_the_rollout_goes_on(name: str, fate: Fate) -> None:
    async def check() -> None:
        rehearsal = at(0)
        rehearsal.hub.fates = Once(fate, name)
        await rehearsal.run()
        await assert_ended("Succeeded")

    asyncio.run(check())


def test_activities_that_are_all_done_twice_do_nothing_twice() -> None:
    async def check() -> None:
        rehearsal = at(0)
        rehearsal.hub.fates = lambda _: Fate.TWICE
        await rehearsal.run()
        await assert_ended("Succeeded")
        changes = [(seen.region, seen.body["change_id"]) for seen in rehearsal.changes()]
        generations = {region: (await rehearsal.release(region)).generation for region in REGIONS}
        assert generations == {region: 1 + len({c for r, c in changes if r == region}) + 1 for region in REGIONS}
        noted = [(event["source"], event["seq"]) for event in (await rehearsal.read())["timeline"]]
        assert len(noted) == len(set(noted))

    asyncio.run(check())


@pytest.mark.parametrize("activity", [step for step in COURSE.activities if step <= COURSE.finished][::5])
def test_second_stop_while_the_first_is_obeyed_changes_nothing(activity: int) -> None:
    async def check() -> None:
        rehearsal = at(activity)
        assert await rehearsal.say("abort") == 200
        while await rehearsal.phase() not in ENDS:
            assert await rehearsal.say("reject") == 200
            await rehearsal.steps(3)
        assert await rehearsal.say("abort") == 409
        await rehearsal.run()
        await assert_ended("RolledBack")

    asyncio.run(check())


@dataclass
class Once:
    """The first activity of a name in each orchestration meets this fate; without a name, the very first alone."""

    fate: Fate
    name: str = ""
    met: set[str] = field(default_factory=set)

    def __call__(self, task: Task) -> Fate:
        key = task.instance_id if self.name else ""
        if key in self.met or (self.name and task.name != self.name):
            return Fate.DONE
        self.met.add(key)
        return self.fate


async def assert_ended(phase: str) -> None:
    """Nothing is left under way, and every region serves what the phase says."""
    rehearsal = COURSE.rehearsal
    desired = await rehearsal.room.papers.desired.read("deal-fraud")
    if phase == "Succeeded":
        assert await rehearsal.served() == dict.fromkeys(REGIONS, NEW)
        assert desired is not None
    else:
        assert await rehearsal.is_as_before()
        assert desired is None
    assert await rehearsal.phase() == phase
    assert await rehearsal.room.papers.log.active() == {}
    assert {rehearsal.hub.status(instance) for instance in rehearsal.hub.instances} == {"Completed"}
