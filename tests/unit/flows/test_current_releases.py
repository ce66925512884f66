"""The release in memory: how old it may get, who reads it anew, and what serves while storage is down."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flows.current_releases import MAX_AGE_S, CurrentReleases
from flows.errors import NotFound, NotReady, StorageFailed
from scoring.release import Release
from tests.fakes import FakeClock, MemoryReleases
from tests.unit.flows.conftest import STABLE, Stage, deal


async def test_change_by_another_instance_is_obeyed_within_ten_seconds(stage: Stage) -> None:
    await stage.releases.current("deal-fraud")
    changed = replace(STABLE, generation=2)
    stage.store.rows["deal-fraud"] = changed
    stage.clock.advance(MAX_AGE_S + 0.1)
    assert (await stage.releases.current("deal-fraud")).release == changed


async def test_release_that_is_fresh_is_not_read_again(stage: Stage) -> None:
    for _ in range(5):
        await stage.one(deal())
    assert stage.store.reads == 1


async def test_many_callers_share_one_read(stage: Stage) -> None:
    await asyncio.gather(*(stage.releases.current("deal-fraud") for _ in range(50)))
    assert stage.store.reads == 1


class SlowReleases(MemoryReleases):
    """A store whose reads wait until they are let go."""

    def __init__(self) -> None:
        super().__init__({"deal-fraud": STABLE})
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def read(self, model: str) -> Release | None:
        await self.let_go.wait()
        return await super().read(model)


async def test_slow_read_does_not_hold_up_scoring_where_a_release_is_known() -> None:
    store, clock = SlowReleases(), FakeClock()
    releases = CurrentReleases(store, clock, {})
    await releases.current("deal-fraud")
    clock.advance(MAX_AGE_S + 0.1)
    store.let_go.clear()
    serving = await releases.current("deal-fraud")
    assert (serving.release, serving.stale) == (STABLE, True)
    store.let_go.set()


async def test_older_generation_read_late_does_not_undo_a_newer_one(stage: Stage) -> None:
    newer = replace(STABLE, generation=5)
    stage.releases.adopt(newer)
    stage.releases.adopt(STABLE)
    assert stage.releases.known("deal-fraud") == newer


async def test_model_without_release_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await stage.releases.current("other")


async def test_no_release_and_no_storage_is_not_ready(stage: Stage) -> None:
    stage.store.failure = StorageFailed("down")
    with pytest.raises(NotReady):
        await stage.releases.current("deal-fraud")


async def test_two_new_instances_write_one_initial_release() -> None:
    store = MemoryReleases()
    both = [CurrentReleases(store, FakeClock(), {"deal-fraud": STABLE}) for _ in range(2)]
    served = await asyncio.gather(*(releases.current("deal-fraud") for releases in both))
    assert [serving.release for serving in served] == [STABLE, STABLE]


async def test_background_refresh_outlives_a_fault_of_ours(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryReleases):
        async def read(self, model: str) -> Release | None:
            raise RuntimeError("a bug")

    releases = CurrentReleases(Broken(), stage.clock, {"deal-fraud": STABLE})
    with pytest.raises(NotReady):
        await releases.current("deal-fraud")
    assert "a bug" in caplog.text
