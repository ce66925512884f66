"""Purging over real storage: what lies in the lake goes from the ledger, though answers are lost and the process is
killed, and can be read all the same; nothing else goes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.azure_storage import AzureStorage
from audit.windows import Window, window_of
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.trail.world import HOUR, Killed, World, lines_of
from tests.fakes import FakeClock

RETENTION_HOURS = 90 * 24
WINDOW = window_of(int(FakeClock().time.timestamp() * 1000), HOUR)
PEOPLE = [frozenset({"anna"}), frozenset({"ben"}), frozenset({"anna", "cleo"})]


@pytest.fixture
async def world(storage: AzureStorage) -> AsyncIterator[World]:
    """A sealed window of two lanes, past retention; one of its people was erased."""
    opened = World(storage)
    for writer in (0, 1):
        for subjects in PEOPLE:
            await opened.score(writer, subjects)
    await opened.label(next(iter(opened.written)))
    await opened.advance(2)
    await opened.seal()
    await opened.erase("cleo")
    await opened.advance(RETENTION_HOURS)
    yield opened
    await opened.close()


async def left(world: World, window: Window = WINDOW) -> int:
    """Lanes of a window that the ledger still has."""
    return len(await world.service.trail.seal._lanes.registered(window, window))


async def check_purged(world: World) -> None:
    """The ledger has nothing of the window, the lake everything, and it can be read unless it was erased."""
    assert await left(world) == 0
    lines = lines_of(await world.files())
    for record_id, record in world.written.items():
        assert lines[record_id] == record.digest
        state, personal = await world.open(record_id)
        assert (state == "erased") == record.is_erased
        assert personal.get("deal_id", "") == ("" if record.is_erased else record.deal_id)


async def test_window_that_lies_in_the_lake_is_purged_and_can_be_read(world: World) -> None:
    assert await left(world) > 0
    note = await world.service.trail.purge()
    assert (note["windows"], note["kept"], note["faults"], note["is_done"]) == (1, {}, [], True)
    await check_purged(world)
    assert (await world.service.trail.purge())["windows"] == 0


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.BUSY])
async def test_purge_whose_answers_are_lost_is_done_all_the_same(world: World, proxy: Proxy, fault: Fault) -> None:
    proxy.choose = first(1, fault, matching=b"$batch")
    assert (await world.service.trail.purge())["windows"] == 1
    assert fault in proxy.struck
    await check_purged(world)


@pytest.mark.parametrize("late", [False, True])
async def test_purge_that_is_killed_at_any_request_is_finished_by_the_next(world: World, late: bool) -> None:
    at = 0
    while await left(world):
        at += 2
        world.fuse.light(at, late=late)
        try:
            await world.service.trail.purge()
        except Killed:
            world.restart()
    world.restart()
    assert at > 20
    await check_purged(world)


async def test_window_with_a_lane_that_came_from_nowhere_is_kept(world: World) -> None:
    await world.advance(-RETENTION_HOURS - 2)
    late = World(world.storage, vault=world.vault, clock=world.clock)
    await late.score(0, PEOPLE[0])
    await late.close()
    await world.advance(RETENTION_HOURS + 2)
    before = await left(world)
    note = await world.service.trail.purge()
    assert note["kept"][WINDOW.name]["reason"] == "late"
    assert await left(world) == before
