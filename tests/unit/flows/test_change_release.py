"""Changing a release: audited first, conditional, idempotent by its change_id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.change_release import ReleaseChange
from flows.errors import InvalidRequest, LedgerUnavailable, NotFound, Superseded, VersionWithdrawn
from scoring.release import Release, Target
from tests.unit.flows.conftest import CALL, STABLE, Stage

OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
CANARY = ReleaseChange(stable=OLD, candidate=NEW, weight=10)


async def change(stage: Stage, wanted: ReleaseChange, generation: int = 1, change_id: str = "c1") -> Release:
    return await stage.change_release(CALL, "deal-fraud", wanted, generation, change_id)


async def test_change_is_stored_recorded_and_served_at_once(stage: Stage) -> None:
    changed = await change(stage, CANARY)
    assert (changed.generation, changed.weight, changed.candidate) == (2, 10, NEW)
    assert stage.store.rows["deal-fraud"] == changed
    assert stage.releases.known("deal-fraud") == changed
    (event,) = stage.ledger.events("vouch.release.changed.v1")
    assert event["data"]["after"]["weight"] == 10


async def test_change_with_a_stale_generation_is_superseded_and_changes_nothing(stage: Stage) -> None:
    with pytest.raises(Superseded):
        await change(stage, CANARY, generation=7)
    assert stage.store.rows["deal-fraud"] == STABLE


async def test_same_change_id_again_is_the_same_change(stage: Stage) -> None:
    first = await change(stage, CANARY)
    assert await change(stage, CANARY) == first
    assert len(stage.ledger.events("vouch.release.changed.v1")) == 1


async def test_change_that_cannot_be_audited_is_not_made(stage: Stage) -> None:
    stage.ledger.failures = [LedgerUnavailable()]
    with pytest.raises(LedgerUnavailable):
        await change(stage, CANARY)
    assert stage.store.rows["deal-fraud"] == STABLE


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        (ReleaseChange(stable=Target("9", "standard/1")), ["/stable/version"]),
        (ReleaseChange(stable=Target("1.0.0", "lenient/1")), ["/stable/policy"]),
        (ReleaseChange(stable=OLD, candidate=Target("9", "x/1")), ["/candidate/version", "/candidate/policy"]),
        (ReleaseChange(stable=OLD, candidate=NEW, weight=101), ["/weight"]),
        (ReleaseChange(stable=OLD, candidate=NEW, shadow_share=1.5), ["/shadow_share"]),
        (ReleaseChange(stable=OLD, weight=5), ["/candidate"]),
    ],
)
async def test_change_with_faults_lists_them(stage: Stage, wanted: ReleaseChange, pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await change(stage, wanted)
    assert [fault.pointer for fault in caught.value.faults] == pointers


async def test_change_to_a_withdrawn_version_is_refused(stage: Stage) -> None:
    stage.store.rows["deal-fraud"] = replace(STABLE, withdrawn=("1.1.0",))
    with pytest.raises(VersionWithdrawn):
        await change(stage, CANARY)


async def test_change_of_a_model_without_release_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await stage.change_release(CALL, "other", CANARY, 1, "c1")
