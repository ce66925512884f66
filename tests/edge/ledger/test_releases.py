"""Release rows before real storage: If-Match, generations, and a change that meets itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_releases import TablesReleases
from flows.errors import StorageFailed, Superseded
from scoring.release import Release, Target
from tests.edge.ledger.proxy import Fault, Proxy, first

FIRST = Release("deal-fraud", Target("1.0.0", "standard/1"), generation=1, change_id="first")
CANDIDATE = replace(
    FIRST,
    generation=2,
    candidate=Target("1.1.0", "standard/1"),
    weight=5,
    shadow_share=0.25,
    rollout_id="r-1",
    valid_until=datetime(2026, 11, 23, 22, 0, 0, 5, UTC),
    withdrawn=("0.9.0",),
    hold="looked at by hand",
    change_id="second",
)


@pytest.fixture
def releases(proxied_storage: AzureStorage) -> TablesReleases:
    return TablesReleases(proxied_storage, AskLimits(deadline_s=2.0, attempt_s=0.3))


async def test_release_is_read_back_as_it_was_written(releases: TablesReleases) -> None:
    assert await releases.read("deal-fraud") is None
    await releases.create(FIRST)
    assert await releases.read("deal-fraud") == FIRST
    await releases.replace(CANDIDATE, expected_generation=1)
    assert await releases.read("deal-fraud") == CANDIDATE


async def test_second_release_of_a_model_is_not_created(releases: TablesReleases) -> None:
    await releases.create(FIRST)
    with pytest.raises(Superseded):
        await releases.create(replace(FIRST, change_id="another"))
    assert await releases.read("deal-fraud") == FIRST


async def test_change_from_another_generation_is_superseded(releases: TablesReleases) -> None:
    await releases.create(FIRST)
    await releases.replace(CANDIDATE, expected_generation=1)
    with pytest.raises(Superseded):
        await releases.replace(replace(CANDIDATE, change_id="late"), expected_generation=1)
    assert await releases.read("deal-fraud") == CANDIDATE


async def test_change_of_a_model_without_a_release_is_superseded(releases: TablesReleases) -> None:
    with pytest.raises(Superseded):
        await releases.replace(CANDIDATE, expected_generation=1)


async def test_of_two_changes_at_once_one_wins(releases: TablesReleases) -> None:
    await releases.create(FIRST)
    changes = [replace(CANDIDATE, change_id=f"change-{number}", weight=number) for number in range(6)]
    answers = await asyncio.gather(*(releases.replace(change, 1) for change in changes), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert all(isinstance(answer, Superseded) for answer in answers if answer is not None)
    assert await releases.read("deal-fraud") == changes[answers.index(None)]


async def test_change_that_finds_itself_done_is_a_success(releases: TablesReleases) -> None:
    await releases.create(FIRST)
    await releases.replace(CANDIDATE, expected_generation=1)
    await releases.replace(CANDIDATE, expected_generation=1)
    assert await releases.read("deal-fraud") == CANDIDATE


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER, Fault.BUSY])
async def test_change_whose_answer_was_lost_is_known_as_done(
    releases: TablesReleases, proxy: Proxy, fault: Fault
) -> None:
    await releases.create(FIRST)
    proxy.choose = first(1, fault, matching=b"PUT ")
    await releases.replace(CANDIDATE, expected_generation=1)
    assert proxy.struck == [fault]
    assert await releases.read("deal-fraud") == CANDIDATE


async def test_creation_whose_answer_was_lost_is_known_as_done(releases: TablesReleases, proxy: Proxy) -> None:
    await releases.create(replace(FIRST, model="other"))
    proxy.choose = first(1, Fault.RESET_BEFORE_ANSWER, matching=b"POST ")
    await releases.create(FIRST)
    assert proxy.struck == [Fault.RESET_BEFORE_ANSWER]


async def test_storage_that_is_gone_is_told(releases: TablesReleases, proxy: Proxy) -> None:
    await proxy.stop()
    with pytest.raises(StorageFailed):
        await releases.read("deal-fraud")
