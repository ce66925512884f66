"""The release in memory: how old it may get, who reads it anew, and what serves while storage is down."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flows.deciding.decide_deals import Decided
from flows.errors import NotFound, NotReady, StorageFailed
from flows.releasing.current_releases import MAX_AGE_S, CurrentReleases
from scoring.release import Release, Target
from tests.fakes import FakeClock, MemoryModels, MemoryReleases, OnePolicy, RuleModel
from tests.unit.flows.conftest import STABLE, Stage, deal, no_references

HELD = MemoryModels([RuleModel("1.0.0"), RuleModel("1.1.0")])


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


async def test_release_that_cannot_be_read_anew_is_told_to_health(stage: Stage) -> None:
    await stage.releases.current("deal-fraud")
    assert list(stage.releases.find_faults()) == []
    stage.store.failure = StorageFailed("down")
    stage.clock.advance(MAX_AGE_S + 0.1)
    await stage.releases.current("deal-fraud")
    assert list(stage.releases.find_faults()) == [
        "the release of deal-fraud can't be read anew; the last known one serves"
    ]


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
    releases = CurrentReleases(store, clock, {}, HELD, OnePolicy(), no_references(HELD, clock))
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
    clock, initial = FakeClock(), {"deal-fraud": STABLE}
    references = no_references(HELD, clock)
    both = [CurrentReleases(store, clock, initial, HELD, OnePolicy(), references) for _ in range(2)]
    served = await asyncio.gather(*(releases.current("deal-fraud") for releases in both))
    assert [serving.release for serving in served] == [STABLE, STABLE]


async def test_background_refresh_outlives_a_fault_of_ours(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryReleases):
        async def read(self, model: str) -> Release | None:
            raise RuntimeError("a bug")

    releases = CurrentReleases(Broken(), stage.clock, {"deal-fraud": STABLE}, HELD, OnePolicy(), stage.references)
    with pytest.raises(NotReady):
        await releases.current("deal-fraud")
    assert "a bug" in caplog.text


async def test_version_that_is_only_kept_is_loaded_before_its_release_is_obeyed(stage: Stage) -> None:
    await stage.releases.current("deal-fraud")
    stage.models.kept = [RuleModel("2.0.0")]
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, stable=Target("2.0.0", "standard/1"))
    stage.clock.advance(MAX_AGE_S + 0.1)
    answer = await stage.one(deal())
    assert isinstance(answer, Decided)
    assert answer.model_version == "2.0.0"


@pytest.mark.parametrize("failure", [None, StorageFailed("gone")])
async def test_stable_that_cannot_be_loaded_leaves_the_last_release_in_force(
    stage: Stage, failure: Exception | None
) -> None:
    await stage.releases.current("deal-fraud")
    stage.models.failure = failure
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, stable=Target("9.9.9", "standard/1"))
    stage.clock.advance(MAX_AGE_S + 0.1)
    serving = await stage.releases.current("deal-fraud")
    assert (serving.release, serving.stale) == (STABLE, True)
    assert list(stage.releases.find_faults()) == [
        "deal-fraud 9.9.9 with standard/1, which its release names, can't be loaded, and the last known one serves: "
        "pull what lacks into this region or release another version"
    ]


async def test_first_release_that_cannot_be_loaded_is_what_the_instance_waits_for(stage: Stage) -> None:
    stage.store.rows["deal-fraud"] = replace(STABLE, stable=Target("9.9.9", "standard/1"))
    with pytest.raises(NotReady) as refused:
        await stage.releases.current("deal-fraud")
    (said,) = refused.value.reasons
    assert said == stage.releases.find_lack("deal-fraud")
    assert said.startswith("deal-fraud 9.9.9 with standard/1, which its release names, can't be loaded, and nothing")


async def test_release_that_can_be_loaded_at_last_is_no_fault(stage: Stage) -> None:
    await stage.releases.current("deal-fraud")
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, stable=Target("2.0.0", "standard/1"))
    stage.clock.advance(MAX_AGE_S + 0.1)
    await stage.releases.current("deal-fraud")
    assert list(stage.releases.find_faults())
    stage.models.kept = [RuleModel("2.0.0")]
    await stage.releases.current("deal-fraud")
    assert list(stage.releases.find_faults()) == []


async def test_candidate_that_cannot_be_loaded_never_reaches_a_caller(stage: Stage) -> None:
    candidate = Target("9.9.9", "standard/1")
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, candidate=candidate, weight=100)
    answer = await stage.one(deal())
    assert isinstance(answer, Decided)
    assert answer.model_version == "1.0.0"
    assert list(stage.releases.find_faults()) == [
        "deal-fraud 9.9.9 with standard/1, which its release names, can't be loaded, and stable answers: "
        "pull what lacks into this region or release another version"
    ]


async def test_version_that_no_release_names_is_dropped(stage: Stage) -> None:
    previous = Target("0.9.0", "standard/1")
    stage.models.held.append(RuleModel("0.8.0"))
    stage.models.held.append(RuleModel("0.9.0"))
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, previous=previous)
    await stage.releases.current("deal-fraud")
    assert stage.models.dropped == {("deal-fraud", "0.8.0"), ("deal-fraud", "1.1.0")}
