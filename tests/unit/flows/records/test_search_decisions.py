"""Decisions found by the id of their deal, wherever they lie by now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from audit.windows import Window
from flows.errors import LedgerUnavailable
from tests.fakes_trail import Steps
from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import run_apart
from tests.unit.flows.reading import NEXT, archive, decide, purge, reads, seal
from tests.unit.flows.trail import HOUR, Trail


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def search(trail: Trail, deal_id: str, after: str | None = None, most: int = 20) -> Any:
    return await trail.records.search_decisions(CALL, deal_id, UUID(after) if after else None, most)


async def test_deal_is_found_in_open_windows_the_ledger_and_the_lake(trail: Trail) -> None:
    purged = decide(trail, "D-1", ("P-1",))
    decide(trail, "D-2", ("P-1",))
    await seal(trail)
    purge(trail)
    sealed = decide(trail, "D-1", ("P-2",), NEXT)
    await seal(trail)
    fresh = decide(trail, "D-1", ("P-3",), Window(NEXT.end_s, HOUR))
    page = await search(trail, "D-1")
    assert [found["decision"] for found in page.found] == [purged.event, sealed.event, fresh.event]
    assert page.next is None
    first = await search(trail, "D-1", most=2)
    second = await search(trail, "D-1", first.next, most=2)
    assert [len(first.found), len(second.found), second.next] == [2, 1, None]
    assert [*first.found, *second.found] == page.found


async def test_deal_of_somebody_erased_is_not_found_by_its_id(trail: Trail) -> None:
    decide(trail)
    await trail.erase("P-1")
    assert (await search(trail, "D-1")).found == []
    await seal(trail)
    assert (await search(trail, "D-1")).found == []


async def test_search_is_recorded_by_what_it_showed_and_never_by_the_deals_id(trail: Trail) -> None:
    record = decide(trail, "D-planted")
    await search(trail, "D-planted")
    await search(trail, "D-nobody")
    shown, nothing = reads(trail)
    assert (shown["decision_ids"], nothing["decision_ids"]) == ([str(record.record_id)], [])
    assert "planted" not in str(reads(trail))
    assert "nobody" not in str(reads(trail))


async def test_search_that_can_not_be_recorded_shows_nothing(trail: Trail) -> None:
    decide(trail)
    trail.ledger.failure = LedgerUnavailable("down")
    with pytest.raises(LedgerUnavailable):
        await search(trail, "D-1")


async def test_decision_in_an_offline_tier_is_listed_with_its_place(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    name = archive(trail)
    page = await search(trail, "D-1")
    assert page.found == [{"decision_id": str(record.record_id), "archived": name}]
    assert page.next is None


async def test_deal_whose_window_is_sealed_during_the_search_is_found() -> None:
    at = 0
    while True:
        at += 1
        fresh = Trail()
        record = decide(fresh, "D-1")
        fresh.pass_windows()
        steps = Steps(at=at)

        def seal_elsewhere(fresh: Trail = fresh, steps: Steps = steps) -> None:
            fresh.use(Steps())
            run_apart(fresh.seal())
            fresh.use(steps)

        steps.meanwhile = seal_elsewhere
        fresh.use(steps)
        page = await fresh.records.search_decisions(CALL, "D-1", None, 5)
        assert [found["decision"]["id"] for found in page.found] == [str(record.record_id)]
        if len(steps.calls) < at:
            break
    assert at > 3
