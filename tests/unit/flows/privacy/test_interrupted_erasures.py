"""Erasures that are killed, doubled, and ordered while something else is under way: at every step there is."""

from __future__ import annotations

from functools import partial

import pytest

from audit.personal import DEAL
from flows.errors import Erased
from flows.privacy.erasure_log import Stage
from tests.fakes_trail import Steps, Stopped
from tests.unit.flows.persons import Persons, at_once, erase_elsewhere, lived


@pytest.mark.parametrize("subject", ["P-1", "decision"])
@pytest.mark.parametrize("place", ["stop_before", "stop_after"])
@pytest.mark.parametrize("again", ["call", "timer"])
async def test_erasure_killed_at_any_step_goes_on(subject: str, place: str, again: str) -> None:
    stop = 0
    while True:
        stop += 1
        persons = Persons()
        await lived(persons)
        named = f"deal:{min(persons.known)}" if subject == "decision" else subject
        persons.trail.use(Steps(**{place: stop}))
        try:
            await persons.erase(named)
        except Stopped:
            is_stopped = True
        else:
            is_stopped = False
        persons.trail.use(Steps())
        persons.trail.restart()
        ordered = bool(await persons.trail.records.privacy.log.open()) or not is_stopped
        if again == "call":
            await persons.erase(named)
        persons.trail.clock.advance(60)  # past the lease of what was being recorded
        await persons.tick()
        if again == "call" or ordered:
            persons.mark_erased(named)
        await persons.seal()
        await persons.tick()
        await persons.check()
        assert await persons.trail.records.privacy.log.open() == []
        if not is_stopped:
            break
    assert stop > 30


@pytest.mark.parametrize("subject", ["P-1", "decision"])
async def test_export_that_was_under_way_during_an_erasure_does_not_bring_it_back(subject: str) -> None:
    at = 0
    while True:
        at += 1
        persons = Persons()
        fresh = await persons.decide("P-1", "P-2")
        await persons.decide("P-2")
        await persons.review(fresh)
        named = f"deal:{fresh}" if subject == "decision" else subject
        steps = Steps(at=at)
        steps.meanwhile = partial(erase_elsewhere, persons, named, steps)
        persons.trail.pass_windows()
        persons.trail.use(steps)
        await persons.trail.seal()
        persons.trail.use(Steps())
        if len(steps.calls) < at:
            break
        persons.mark_erased(named)
        await persons.tick()
        await persons.seal()
        await persons.tick()
        await persons.check()
        persons.purge()
        await persons.check()
        assert await persons.trail.records.privacy.log.open() == []
        assert await persons.trail.find(DEAL, "D-0") == []
    assert at > 15


@pytest.mark.parametrize("act", ["decide", "review"])
async def test_record_that_was_being_written_during_an_erasure_does_not_outlive_it(act: str) -> None:
    at = 0
    while True:
        at += 1
        persons = Persons()
        fresh = await persons.decide("P-1")
        steps = Steps(at=at)
        steps.meanwhile = partial(erase_elsewhere, persons, "P-1", steps)
        persons.trail.use(steps)
        try:
            await (persons.decide("P-1") if act == "decide" else persons.review(fresh))
        except Erased:
            assert act == "review"
        persons.trail.use(Steps())
        if len(steps.calls) < at:
            break
        persons.mark_erased("P-1")
        for _ in range(2):
            await persons.tick()
            await persons.seal()
        await persons.tick()
        await persons.check()
        assert await persons.trail.records.privacy.log.open() == []
    assert at > 2


@pytest.mark.parametrize("other", ["timer", "call"])
async def test_erasure_that_two_carry_on_at_once_is_one(other: str) -> None:
    at = 0
    while True:
        at += 1
        persons = Persons()
        await lived(persons)
        steps = Steps(at=at)
        act = (lambda persons: persons.erase("P-1")) if other == "call" else (lambda persons: persons.tick())
        steps.meanwhile = partial(at_once, persons, steps, act)
        persons.trail.use(steps)
        erasure = await persons.erase("P-1")
        persons.trail.use(Steps())
        if len(steps.calls) < at:
            break
        persons.mark_erased("P-1")
        await persons.check()
        for _ in range(2):
            await persons.seal()
            await persons.tick()
        await persons.check()
        assert await persons.trail.records.privacy.log.open() == []
        found = await persons.trail.records.privacy.log.find(erasure.erasure_id)
        assert found is not None
        assert found.stage is Stage.COMPLETE
        done = [row.document["records"] for row in await persons.trail.erasure_rows.list("done")]
        assert max(done) == 3  # one that finds the tombstone of the other set counts none
    assert at > 30


async def test_erasure_that_is_ordered_again_under_a_hold_is_finished_all_the_same() -> None:
    at = 0
    while True:
        at += 1
        persons = Persons()
        decision_id = await persons.decide("P-1")
        named, steps = f"deal:{decision_id}", Steps(at=at)
        steps.meanwhile = partial(erase_elsewhere, persons, named, steps)
        persons.trail.pass_windows()
        persons.trail.use(steps)
        await persons.trail.seal()
        persons.trail.use(Steps())
        if len(steps.calls) < at:
            break
        persons.mark_erased(named)
        await persons.hold("P-1")
        await persons.erase(named)
        await persons.seal()
        await persons.tick()
        await persons.check()
    assert at > 15
