"""Random lives of a region: whoever was erased is readable nowhere, whoever is held is not lost, everybody else is as
recorded; whatever is killed, wherever it stands."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import Erased, NotFound
from flows.privacy.erasure_log import Erasure, Stage
from tests.fakes_trail import Steps, Stopped
from tests.unit.flows.persons import Persons, erase_elsewhere

PEOPLE = ("P-1", "P-2", "P-3")
PAST_LEASE_S = 60.0

who = st.one_of(st.sampled_from(PEOPLE), st.integers(0, 5))
stops = st.one_of(st.just(0), st.integers(1, 60))
acts = st.one_of(
    st.tuples(st.just("decide"), st.sets(st.sampled_from(PEOPLE), max_size=2).map(sorted)),
    st.tuples(st.just("decide"), st.sets(st.sampled_from(PEOPLE), max_size=2).map(sorted)),
    st.tuples(st.just("review"), st.integers(0, 5)),
    st.tuples(st.just("seal"), stops),
    st.tuples(st.just("purge")),
    st.tuples(st.just("tick"), stops),
    st.tuples(st.just("erase"), who, stops),
    st.tuples(st.just("erase"), who, stops),
    st.tuples(st.just("erase_while_sealing"), who, st.integers(1, 40)),
    st.tuples(st.just("hold"), who),
    st.tuples(st.just("release"), st.integers(0, 3), stops),
)


@dataclass
class Life:
    """`holds` are (subject, hold id) as they stand, `waiting` the ids of deferred erasures by subject."""

    persons: Persons = field(default_factory=Persons)
    decisions: list[UUID] = field(default_factory=list)
    holds: list[tuple[str, str]] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)

    async def act(self, name: str, *given: object) -> None:
        await getattr(self, f"do_{name}")(*given)
        await self.settle()

    async def do_decide(self, subjects: list[str]) -> None:
        self.decisions.append(await self.persons.decide(*subjects))

    async def do_review(self, which: int) -> None:
        if self.decisions:
            decision_id = self.decisions[which % len(self.decisions)]
            try:
                await self.persons.review(decision_id)
            except Erased:
                assert self.persons.known[decision_id].is_erased

    async def do_seal(self, stop: int) -> None:
        self.persons.trail.pass_windows()
        await self.killed(self.persons.trail.seal, stop)

    async def do_purge(self) -> None:
        """Retention is far longer than an erasure takes."""
        standing = await self.persons.trail.records.privacy.log.open()
        if all(erasure.stage is Stage.DEFERRED for erasure in standing):
            self.persons.purge()

    async def do_tick(self, stop: int) -> None:
        await self.killed(self.persons.tick, stop)

    async def do_erase(self, who: str | int, stop: int) -> None:
        subject = self.name(who)
        if subject is not None:
            await self.killed(lambda: self.persons.erase(subject), stop)
            self.expect(subject, await self.persons.erase(subject))

    async def do_erase_while_sealing(self, who: str | int, at: int) -> None:
        """Another process erases somebody at one of the steps of sealing."""
        subject = self.name(who)
        if subject is not None:
            steps, trail = Steps(at=at), self.persons.trail
            steps.meanwhile = lambda: self.expect(subject, erase_elsewhere(self.persons, subject, steps))
            trail.pass_windows()
            trail.use(steps)
            await trail.seal()
            trail.use(Steps())

    def expect(self, subject: str, erasure: Erasure) -> None:
        """Take note of what became of an order."""
        is_deferred = erasure.stage is Stage.DEFERRED
        assert is_deferred >= self.is_blocked(subject)
        assert is_deferred <= self.is_blocked(subject, even_erased=True)
        if is_deferred:
            self.waiting[subject] = erasure.erasure_id
        else:
            self.waiting.pop(subject, None)
            self.persons.mark_erased(subject)

    async def do_hold(self, who: str | int) -> None:
        subject = self.name(who)
        if subject is not None:
            self.holds.append((subject, await self.persons.hold(subject)))

    async def do_release(self, which: int, stop: int) -> None:
        if self.holds:
            subject, hold_id = self.holds.pop(which % len(self.holds))
            await self.killed(lambda: self.persons.release(subject, hold_id), stop)
            with suppress(NotFound):  # the one that was killed may have come so far
                await self.persons.release(subject, hold_id)

    async def killed(self, act: object, stop: int) -> None:
        """Do something that is killed at a step, if it comes so far; then a new process is there."""
        trail = self.persons.trail
        trail.use(Steps(stop_before=stop))
        try:
            await act()  # type: ignore[operator]
        except Stopped:
            trail.clock.advance(PAST_LEASE_S)
        finally:
            trail.use(Steps())
        trail.restart()

    async def settle(self) -> None:
        """What was deferred and is no longer may have been carried out by now, or is the next time."""
        if not all(self.is_blocked(subject, even_erased=True) for subject in self.waiting):
            await self.persons.tick()
        for subject, erasure_id in list(self.waiting.items()):
            erasure = await self.persons.trail.records.privacy.log.find(erasure_id)
            assert erasure is not None
            if erasure.stage is Stage.DEFERRED:
                assert self.is_blocked(subject, even_erased=True)
            else:
                assert not self.is_blocked(subject)
                del self.waiting[subject]
                self.persons.mark_erased(subject)

    def name(self, who: str | int) -> str | None:
        """A person, or one of the decisions."""
        if isinstance(who, str):
            return who
        return f"deal:{self.decisions[who % len(self.decisions)]}" if self.decisions else None

    def is_blocked(self, subject: str, *, even_erased: bool = False) -> bool:
        """Whether a hold stands in the way of an erasure; `even_erased`: one on what is gone may, too."""
        held = {standing for standing, _ in self.holds}
        known = [(one, self.persons.known[one]) for one in self.decisions]
        named = [{*one.subjects, f"deal:{record_id}"} for record_id, one in known if even_erased or not one.is_erased]
        return subject in held or any(held & names for names in named if subject in names)

    async def end(self) -> None:
        """Let time pass until everything is sealed and every erasure has come as far as it can."""
        for _ in range(3):
            await self.persons.seal()
            await self.persons.tick()
        await self.settle()
        await self.persons.check()
        left = await self.persons.trail.records.privacy.log.open()
        assert {erasure.stage for erasure in left} <= {Stage.DEFERRED}
        assert len(left) == len(self.waiting)


@settings(max_examples=100, deadline=None)
@given(st.lists(acts, min_size=3, max_size=25))
def test_random_life_leaves_nobody_erased_readable_and_nobody_else_lost(history: list[tuple[object, ...]]) -> None:
    async def live() -> None:
        life = Life()
        for name, *details in history:
            await life.act(str(name), *details)
        await life.end()

    asyncio.run(live())
