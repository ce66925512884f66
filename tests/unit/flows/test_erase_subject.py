"""Erasure: what is gone, what stays, who keeps it from happening, and what is recorded of it."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from audit.lanes import unpack_event
from audit.personal import DEAL, SUBJECT
from flows.erase_subject import commit_to
from flows.erasure_log import Stage
from flows.errors import Erased, NotFound
from tests.fakes_trail import Steps, Stopped
from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import Persons, at_once, erase_elsewhere


@pytest.fixture
def persons() -> Persons:
    return Persons()


def acts(persons: Persons, kind: str) -> list[dict[str, Any]]:
    """What was recorded of a kind, in the ledger, oldest first."""
    rows = [row for lane in persons.trail.lanes.lanes.values() for row in lane.record_rows()]
    named = sorted((str(row["RowKey"]), row) for row in rows if row["type"] == f"vouch.subject.{kind}.v1")
    return [unpack_event(row)["data"] for _, row in named]


async def lived(persons: Persons) -> None:
    """P-1 and others, in the lake, in the ledger and sealed, and in the open window, with reviews."""
    purged = await persons.decide("P-1")
    await persons.decide("P-2")
    await persons.review(purged)
    await persons.seal()
    persons.purge()
    sealed = await persons.decide("P-1", "P-3")
    await persons.review(sealed)
    await persons.decide("P-3")
    await persons.seal()
    fresh = await persons.decide("P-1")
    await persons.decide("P-2", "P-3")
    await persons.review(fresh)
    await persons.review(purged)


async def test_person_is_gone_from_open_windows_the_ledger_and_the_lake_and_nobody_else_is(persons: Persons) -> None:
    await lived(persons)
    await persons.check()
    erasure = await persons.erase("P-1")
    persons.mark_erased("P-1")
    assert (erasure.stage, erasure.records) == (Stage.PENDING, 3)
    await persons.check()
    await persons.seal()
    await persons.tick()
    await persons.check()
    assert await persons.trail.records.privacy.log.open() == []
    found = await persons.trail.records.privacy.log.find(erasure.erasure_id)
    assert found is not None
    assert (found.stage, found.records) == (Stage.COMPLETE, 3)
    assert await persons.trail.find(SUBJECT, "P-1") == []


async def test_index_rows_of_the_deals_of_an_erased_person_are_gone(persons: Persons) -> None:
    await persons.decide("P-1", deal_id="D-purged")
    await persons.decide("P-2", deal_id="D-kept")
    await persons.seal()
    persons.purge()
    await persons.decide("P-1", deal_id="D-fresh")
    await persons.erase("P-1")
    await persons.seal()
    await persons.tick()
    assert [await persons.trail.find(DEAL, deal) for deal in ("D-purged", "D-fresh")] == [[], []]
    assert len(await persons.trail.find(DEAL, "D-kept")) == 1


async def test_erasure_of_somebody_unknown_is_recorded_and_complete(persons: Persons) -> None:
    erasure = await persons.erase("P-nobody")
    assert (erasure.stage, erasure.records) == (Stage.COMPLETE, 0)
    (recorded,) = acts(persons, "erased")
    assert recorded["erasure_id"] == erasure.erasure_id


async def test_erasure_is_complete_once_the_window_of_its_time_is_sealed(persons: Persons) -> None:
    await persons.decide("P-1")
    await persons.seal()
    erasure = await persons.erase("P-1")
    persons.mark_erased("P-1")
    await persons.check()
    for stage in (Stage.PENDING, Stage.COMPLETE):
        await persons.tick()
        found = await persons.trail.records.privacy.log.find(erasure.erasure_id)
        assert found is not None
        assert found.stage is stage
        await persons.seal()


async def test_one_decision_is_erased_by_its_own_subject(persons: Persons) -> None:
    first = await persons.decide("P-1")
    review = await persons.review(first)
    await persons.decide("P-1")
    await persons.seal()
    persons.purge()
    fresh = await persons.decide("P-1")
    for decision_id in (first, fresh):
        await persons.erase(f"deal:{decision_id}")
        persons.mark_erased(f"deal:{decision_id}")
    assert persons.known[review].is_erased
    await persons.check()
    await persons.seal()
    await persons.tick()
    await persons.check()


async def test_decision_that_names_nobody_is_erased_by_its_own_subject(persons: Persons) -> None:
    first = await persons.decide()
    await persons.seal()
    await persons.erase(f"deal:{first}")
    persons.mark_erased(f"deal:{first}")
    await persons.check()


async def test_person_who_comes_back_is_readable_from_then_on(persons: Persons) -> None:
    await persons.decide("P-1")
    await persons.erase("P-1")
    persons.mark_erased("P-1")
    await persons.decide("P-1")
    await persons.check()
    await persons.seal()
    await persons.tick()
    await persons.check()
    persons.purge()
    await persons.decide("P-1")
    await persons.check()
    await persons.erase("P-1")
    persons.mark_erased("P-1")
    await persons.seal()
    await persons.tick()
    await persons.check()


class TestRecord:
    async def test_act_is_recorded_with_a_commitment_that_only_the_salt_opens(self, persons: Persons) -> None:
        await persons.decide("P-1")
        ordered = await persons.trail.records.privacy.erase(CALL, "P-1", "she wrote a letter")
        (recorded,) = acts(persons, "erased")
        opened = hashlib.sha256(bytes.fromhex(ordered.salt) + b"P-1").hexdigest()
        assert recorded["commitment"] == ordered.commitment == f"sha256:{opened}"
        assert recorded["personal"]["reason"] == "she wrote a letter"
        assert recorded["caller"] == CALL.caller.id
        assert ordered.salt not in persons.stored()
        assert "P-1" not in str({name: value for name, value in recorded.items() if name != "personal"})

    async def test_act_is_found_in_the_lake_with_its_reason(self, persons: Persons) -> None:
        await persons.erase("P-1")
        await persons.seal()
        *_, line = persons.trail.lines(persons.trail.manifests()[-1])
        assert line["type"] == "vouch.subject.erased.v1"
        assert (await persons.trail.open(line))["reason"] == "asked"

    async def test_no_row_or_entry_is_under_the_persons_id(self, persons: Persons) -> None:
        await lived(persons)
        hold_id = await persons.hold("P-2")
        await persons.release("P-2", hold_id)
        await persons.erase("P-1")
        for rows in (persons.trail.erasure_rows, persons.trail.subject_rows):
            assert "P-1" not in str(rows.rows)
            assert "P-2" not in str(rows.rows)

    def test_commitments_to_one_subject_differ_by_salt(self) -> None:
        assert commit_to("00" * 16, "P-1") != commit_to("01" * 16, "P-1")


class TestHold:
    async def test_held_person_is_erased_upon_the_release_and_not_before(self, persons: Persons) -> None:
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
        self, persons: Persons, is_sealed: bool
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

    async def test_decision_that_is_held_keeps_its_persons(self, persons: Persons) -> None:
        decision_id = await persons.decide("P-1")
        hold_id = await persons.hold(f"deal:{decision_id}")
        assert (await persons.erase("P-1")).stage is Stage.DEFERRED
        assert (await persons.erase(f"deal:{decision_id}")).stage is Stage.DEFERRED
        await persons.check()
        await persons.release(f"deal:{decision_id}", hold_id)
        persons.mark_erased("P-1")
        await persons.check()

    async def test_decision_of_a_held_person_is_not_erased_by_its_own_subject(self, persons: Persons) -> None:
        decision_id = await persons.decide("P-1")
        await persons.hold("P-1")
        assert (await persons.erase(f"deal:{decision_id}")).stage is Stage.DEFERRED
        await persons.check()

    async def test_second_hold_goes_on_when_the_first_is_released(self, persons: Persons) -> None:
        await persons.decide("P-1")
        first, second = await persons.hold("P-1"), await persons.hold("P-1")
        await persons.erase("P-1")
        released = await persons.release("P-1", first)
        assert [hold.hold_id for hold in released.holds] == [second]
        assert released.carried_out == 0
        await persons.check()
        assert (await persons.release("P-1", second)).carried_out == 1

    async def test_hold_on_somebody_unknown_counts_when_they_come(self, persons: Persons) -> None:
        await persons.hold("P-1")
        await persons.decide("P-1")
        assert (await persons.erase("P-1")).stage is Stage.DEFERRED
        await persons.seal()
        await persons.check()

    @pytest.mark.parametrize("subject", ["P-1", "P-2"])
    async def test_hold_that_is_not_theirs_or_is_over_is_not_found(self, persons: Persons, subject: str) -> None:
        hold_id = await persons.hold("P-1")
        if subject == "P-1":
            await persons.release("P-1", hold_id)
        with pytest.raises(NotFound):
            await persons.release(subject, hold_id)

    async def test_hold_that_comes_while_an_erasure_is_under_way_is_told_so(self, persons: Persons) -> None:
        await persons.decide("P-1", "P-2")
        await persons.erase("P-1")
        placed = await persons.trail.records.privacy.hold.place(CALL, "P-2", "sued")
        assert placed.under_way == 1
        persons.mark_erased("P-1")
        await persons.seal()
        await persons.tick()
        await persons.check()

    async def test_holds_and_deferrals_are_recorded_and_reasons_go_with_the_person(self, persons: Persons) -> None:
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


class TestAccess:
    async def access(self, persons: Persons, subject: str, after: str | None = None, most: int = 100) -> Any:
        access = persons.trail.records.privacy.access
        return await access(CALL, subject, UUID(after) if after else None, most)

    async def test_person_gets_everything_that_speaks_of_them(self, persons: Persons) -> None:
        await lived(persons)
        accessed = await self.access(persons, "P-1")
        mine = {record_id: known for record_id, known in persons.known.items() if "P-1" in known.subjects}
        assert {entry["record"]["id"]: entry["record"] for entry in accessed.records} == {
            str(record_id): known.event for record_id, known in mine.items()
        }
        about = {one["record"]["id"] for entry in accessed.records for one in entry["about"]}
        assert about == {str(record_id) for record_id, known in persons.known.items() if known.about in mine}
        assert (accessed.total, accessed.next) == (3, None)

    async def test_pages_of_any_length_are_the_whole(self, persons: Persons) -> None:
        await lived(persons)
        whole = (await self.access(persons, "P-1")).records
        for most in (1, 2, 3):
            paged: list[Any] = []
            after = None
            while True:
                page = await self.access(persons, "P-1", after, most)
                paged += page.records
                after = page.next
                if after is None:
                    break
            assert paged == list(whole)

    async def test_access_of_an_erased_person_shows_nothing_personal(self, persons: Persons) -> None:
        await lived(persons)
        await persons.erase("P-1")
        accessed = await self.access(persons, "P-1")
        assert {entry["erased"] for entry in accessed.records} == {True}
        assert "secret" not in str(accessed.records)
        await persons.seal()
        await persons.tick()
        assert (await self.access(persons, "P-1")).records == []

    async def test_record_in_an_offline_tier_says_where_it_lies(self, persons: Persons) -> None:
        decision_id = await persons.decide("P-1")
        await persons.seal()
        persons.purge()
        (name,) = [name for name in persons.trail.lake.files if "/decisions/" in name]
        persons.trail.lake.archived.add(name)
        (entry,) = (await self.access(persons, "P-1")).records
        assert entry == {"record_id": str(decision_id), "archived": f"lake/{name}", "about": []}

    async def test_person_whose_records_lie_offline_is_erased_all_the_same(self, persons: Persons) -> None:
        await persons.decide("P-1")
        await persons.seal()
        persons.purge()
        (name,) = [name for name in persons.trail.lake.files if "/decisions/" in name]
        persons.trail.lake.archived.add(name)
        erasure = await persons.erase("P-1")
        assert (erasure.records, erasure.archived) == (1, 1)
        persons.trail.lake.archived.clear()
        persons.mark_erased("P-1")
        await persons.check()


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
        assert (found.stage, found.records) == (Stage.COMPLETE, 3)
    assert at > 30


@pytest.mark.parametrize(
    "subject", ["deal:", "deal:x", "deal:f10cc4f3-ae39-789a-81cf-e9d7627bffe1", "deal:" + "0" * 32]
)
async def test_subject_that_only_looks_like_a_decisions_own_is_a_person_of_that_name(
    persons: Persons, subject: str
) -> None:
    await persons.decide(subject)
    await persons.erase(subject)
    persons.mark_erased(subject)
    await persons.check()
