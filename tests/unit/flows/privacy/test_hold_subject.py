"""Legal holds: whom they keep from being erased, and until when."""

from __future__ import annotations

import pytest

from flows.errors import NotFound
from flows.privacy.erasure_log import Stage
from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import Persons, acts, lived


@pytest.fixture
def persons() -> Persons:
    return Persons()


async def test_held_person_is_erased_upon_the_release_and_not_before(persons: Persons) -> None:
    await lived(persons)
    hold_id = await persons.hold("P-1")
    erasure = await persons.erase("P-1")
    assert erasure.stage is Stage.DEFERRED
    await persons.seal()
    await persons.tick()
    await persons.check()
    assert (await persons.release("P-1", hold_id)).carried_out == 1
    persons.mark_erased("P-1")
    await persons.check()
    await persons.seal()
    await persons.tick()
    await persons.check()
    found = await persons.trail.records.privacy.log.find(erasure.erasure_id)
    assert found is not None
    assert found.stage is Stage.COMPLETE


@pytest.mark.parametrize("is_sealed", [True, False])
async def test_person_who_shares_a_record_with_a_held_one_waits_for_the_release(
    persons: Persons, is_sealed: bool
) -> None:
    await persons.decide("P-1", "P-2")
    await persons.decide("P-1")
    await persons.decide("P-2")
    if is_sealed:
        await persons.seal()
        persons.purge()
    hold_id = await persons.hold("P-2")
    erasure = await persons.erase("P-1")
    assert (erasure.stage, erasure.shared) == (Stage.DEFERRED, 1)
    await persons.check()
    await persons.release("P-2", hold_id)
    persons.mark_erased("P-1")
    await persons.seal()
    await persons.tick()
    await persons.check()


async def test_decision_that_is_held_keeps_its_persons(persons: Persons) -> None:
    decision_id = await persons.decide("P-1")
    hold_id = await persons.hold(f"deal:{decision_id}")
    assert (await persons.erase("P-1")).stage is Stage.DEFERRED
    assert (await persons.erase(f"deal:{decision_id}")).stage is Stage.DEFERRED
    await persons.check()
    await persons.release(f"deal:{decision_id}", hold_id)
    persons.mark_erased("P-1")
    await persons.check()


async def test_decision_of_a_held_person_is_not_erased_by_its_own_subject(persons: Persons) -> None:
    decision_id = await persons.decide("P-1")
    await persons.hold("P-1")
    assert (await persons.erase(f"deal:{decision_id}")).stage is Stage.DEFERRED
    await persons.check()


async def test_second_hold_goes_on_when_the_first_is_released(persons: Persons) -> None:
    await persons.decide("P-1")
    first, second = await persons.hold("P-1"), await persons.hold("P-1")
    await persons.erase("P-1")
    released = await persons.release("P-1", first)
    assert [hold.hold_id for hold in released.holds] == [second]
    assert released.carried_out == 0
    await persons.check()
    assert (await persons.release("P-1", second)).carried_out == 1


async def test_hold_on_somebody_unknown_counts_when_they_come(persons: Persons) -> None:
    await persons.hold("P-1")
    await persons.decide("P-1")
    assert (await persons.erase("P-1")).stage is Stage.DEFERRED
    await persons.seal()
    await persons.check()


@pytest.mark.parametrize("subject", ["P-1", "P-2"])
async def test_hold_that_is_not_theirs_or_is_over_is_not_found(persons: Persons, subject: str) -> None:
    hold_id = await persons.hold("P-1")
    if subject == "P-1":
        await persons.release("P-1", hold_id)
    with pytest.raises(NotFound):
        await persons.release(subject, hold_id)


async def test_hold_that_comes_while_an_erasure_is_under_way_is_told_so(persons: Persons) -> None:
    await persons.decide("P-1", "P-2")
    await persons.erase("P-1")
    placed = await persons.trail.records.privacy.hold.place(CALL, "P-2", "sued")
    assert placed.under_way == 1
    persons.mark_erased("P-1")
    await persons.seal()
    await persons.tick()
    await persons.check()


async def test_holds_and_deferrals_are_recorded_and_reasons_go_with_the_person(persons: Persons) -> None:
    hold_id = await persons.hold("P-1")
    await persons.erase("P-1")
    await persons.tick()
    (held,), (deferred,) = acts(persons, "held"), acts(persons, "deferred")
    assert (held["hold_id"], held["personal"]["reason"]) == (hold_id, "sued")
    assert deferred["personal"]["reason"] == "asked"
    assert acts(persons, "erased") == []
    await persons.release("P-1", hold_id)
    (released,), (held,), (erased,) = acts(persons, "released"), acts(persons, "held"), acts(persons, "erased")
    assert ["personal" in data for data in (released, held)] == [False, False]
    assert erased["erasure_id"] == deferred["erasure_id"]
