"""Erasure: what is gone, what stays, who keeps it from happening, and what is recorded of it."""

from __future__ import annotations

import hashlib

import pytest

from audit.personal import DEAL, SUBJECT
from flows.privacy.erase_subject import commit_to
from flows.privacy.erasure_log import Stage
from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import Persons, acts, lived


@pytest.fixture
def persons() -> Persons:
    return Persons()


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
