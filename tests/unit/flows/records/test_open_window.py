"""Sealed windows opened a page at a time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from audit.windows import Window
from flows.errors import NotFound
from tests.unit.flows.conftest import CALL
from tests.unit.flows.reading import NEXT, decide, purge, reads, seal
from tests.unit.flows.trail import START, Trail


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def opened(trail: Trail, after: str | None = None, most: int = 100, window: Window = START) -> Any:
    return await trail.records.open_window(CALL, window, "decisions", UUID(after) if after else None, most)


async def test_window_is_opened_in_pages_over_its_lanes_and_corrections(trail: Trail) -> None:
    records = [decide(trail, f"D-{number}") for number in range(5)]
    records += trail.append(START, 0x0002, 4, deal_id="D-x", subjects=["P-2"])
    await seal(trail)
    records += trail.append(START, 0x0001, 2, deal_id="D-late")
    await seal(trail)
    purge(trail)
    whole = await opened(trail)
    assert whole.next is None
    assert {entry["record"]["id"] for entry in whole.found} == {str(record.record_id) for record in records}
    by_id = {str(record.record_id): record for record in records}
    for entry in whole.found:
        assert entry["record"] == by_id[entry["record"]["id"]].event
        assert entry["record_digest"] == by_id[entry["record"]["id"]].digest
        assert entry["erased"] is False
    for most in (1, 2, 3, 4, 10, 11):
        paged, after = [], None
        while True:
            page = await opened(trail, after, most)
            paged += page.found
            after = page.next
            if after is None:
                break
            assert len(page.found) == most
        assert paged == whole.found


async def test_erased_record_comes_without_what_was_personal(trail: Trail) -> None:
    decide(trail)
    decide(trail, "D-2", ("P-2",))
    await seal(trail)
    await trail.erase("P-1")
    erased, kept = (await opened(trail)).found
    assert (erased["erased"], kept["erased"]) == (True, False)
    assert "personal" not in erased["record"]["data"]


async def test_page_is_recorded_with_window_and_count(trail: Trail) -> None:
    decide(trail)
    await seal(trail)
    await opened(trail)
    (recorded,) = reads(trail)
    assert (recorded["window"], recorded["count"], recorded["purpose"]) == (START.name, 1, "open")


async def test_window_that_is_not_sealed_is_not_found(trail: Trail) -> None:
    decide(trail)
    with pytest.raises(NotFound):
        await opened(trail)


async def test_empty_window_is_an_empty_page(trail: Trail) -> None:
    decide(trail)
    trail.pass_windows(2)
    await trail.seal()
    page = await opened(trail, window=NEXT)
    assert (page.found, page.next) == ([], None)


async def test_keys_of_a_window_are_read_by_the_page(trail: Trail) -> None:
    trail.append(START, 0x9F3A, 100, deal_id="D-1", subjects=["P-1"])
    await seal(trail)
    trail.steps.calls.clear()
    assert len((await opened(trail)).found) == 100
    assert trail.steps.calls.count("record_keys.find") == 1
