"""What a person gets who asks for everything that was recorded about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import Persons, lived


@pytest.fixture
def persons() -> Persons:
    return Persons()


async def access(persons: Persons, subject: str, after: str | None = None, most: int = 100) -> Any:
    room = persons.trail.records.privacy.access
    return await room(CALL, subject, UUID(after) if after else None, most)


async def test_person_gets_everything_that_speaks_of_them(persons: Persons) -> None:
    await lived(persons)
    accessed = await access(persons, "P-1")
    mine = {record_id: known for record_id, known in persons.known.items() if "P-1" in known.subjects}
    assert {entry["record"]["id"]: entry["record"] for entry in accessed.records} == {
        str(record_id): known.event for record_id, known in mine.items()
    }
    about = {one["record"]["id"] for entry in accessed.records for one in entry["about"]}
    assert about == {str(record_id) for record_id, known in persons.known.items() if known.about in mine}
    assert (accessed.total, accessed.next) == (3, None)


async def test_pages_of_any_length_are_the_whole(persons: Persons) -> None:
    await lived(persons)
    whole = (await access(persons, "P-1")).records
    for most in (1, 2, 3):
        paged: list[Any] = []
        after = None
        while True:
            page = await access(persons, "P-1", after, most)
            paged += page.records
            after = page.next
            if after is None:
                break
        assert paged == list(whole)


async def test_access_of_an_erased_person_shows_nothing_personal(persons: Persons) -> None:
    await lived(persons)
    await persons.erase("P-1")
    accessed = await access(persons, "P-1")
    assert {entry["erased"] for entry in accessed.records} == {True}
    assert "secret" not in str(accessed.records)
    await persons.seal()
    await persons.tick()
    assert (await access(persons, "P-1")).records == []


async def test_record_in_an_offline_tier_says_where_it_lies(persons: Persons) -> None:
    decision_id = await persons.decide("P-1")
    await persons.seal()
    persons.purge()
    (name,) = [name for name in persons.trail.lake.files if "/decisions/" in name]
    persons.trail.lake.archived.add(name)
    (entry,) = (await access(persons, "P-1")).records
    assert entry == {"record_id": str(decision_id), "archived": f"lake/{name}", "about": []}


async def test_person_whose_records_lie_offline_is_erased_all_the_same(persons: Persons) -> None:
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
