"""Whatever happens between a lake and bronze, runs killed anywhere and windows run in any order, bronze ends as the
lake; and at every moment it is a sound beginning of it: what its chain says is there."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.factory.definitions import load_factory
from tests.factory.memory import Killed, MemoryOutside
from tests.factory.outside import Clock
from tests.factory.runs import SUCCEEDED, Run, Runner
from tests.lakes import sound_lake

HOURS = ["2026-11-23T21:00:00Z", "2026-11-23T22:00:00Z", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"]
FACTORY = load_factory()
SETTINGS = {name: about["value"] for name, about in FACTORY.global_parameters.items()} | {"wait_minutes": 3}
LAKE, BRONZE = (SETTINGS["lake_url"], "lake"), (SETTINGS["platform_url"], "bronze")
INGESTIONS = ("ingest_audit", "ingest_performance")


@cache
def sealed() -> dict[str, bytes]:
    return dict(sound_lake().files)


async def run(outside: MemoryOutside, pipeline: str, hour: int, dies_at: int | None = None) -> Run | None:
    """How the run ended; None where it was killed."""
    outside.calls, outside.dies_at = 0, dies_at
    with suppress(Killed):
        return await Runner(FACTORY, outside, Clock(), SETTINGS).run(pipeline, window_start=HOURS[hour])
    return None


def assert_is_sound_beginning(bronze: dict[str, bytes]) -> None:
    """Everything is as in the lake, and every entry of the chain that is there has all that it stands for."""
    copied = {name: content for name, content in bronze.items() if not name.startswith("_ingested/")}
    assert copied.items() <= sealed().items()
    entries = sorted(name for name in copied if name.startswith("audit/chain/"))
    assert entries == sorted(name for name in sealed() if name.startswith("audit/chain/"))[: len(entries)]
    for name in entries:
        manifest = json.loads(copied[json.loads(copied[name])["manifest"]["name"]])
        assert {file["name"] for file in manifest["files"] if file["dataset"] != "performance"} <= set(copied)


def hide(lake: dict[str, bytes], entries: int) -> dict[str, bytes]:
    """The lake when only so many manifests were committed."""
    chain = sorted(name for name in lake if name.startswith("audit/chain/"))
    return {name: content for name, content in lake.items() if name not in chain[entries:]}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(INGESTIONS), st.integers(0, 3), st.integers(1, 260), st.booleans(), st.integers(0, 5)
        ),
        max_size=5,
    )
)
@example([("ingest_audit", 3, 12, True, 5)])
def test_bronze_becomes_the_lake_whatever_was_killed_before(happenings: list[tuple[str, int, int, bool, int]]) -> None:
    async def happen() -> MemoryOutside:
        outside = MemoryOutside()
        for pipeline, hour, dies_at, dies_after_writing, committed in happenings:
            outside.files[LAKE] = hide(sealed(), committed)
            outside.dies_after_writing = dies_after_writing
            await run(outside, pipeline, hour, dies_at)
            assert_is_sound_beginning(outside.container(*BRONZE))
        outside.files[LAKE] = sealed()
        for pipeline in INGESTIONS:
            ended = await run(outside, pipeline, 3)
            assert ended is not None
            assert ended.status == SUCCEEDED, ended.error
        return outside

    bronze = asyncio.run(happen()).container(*BRONZE)
    assert sealed().items() <= bronze.items()
    assert_is_sound_beginning(bronze)


def test_two_runs_at_once_leave_what_one_leaves() -> None:
    async def both() -> MemoryOutside:
        outside = MemoryOutside({LAKE: sealed()})
        ended = await asyncio.gather(*(run(outside, "ingest_audit", hour) for hour in (3, 3, 1)))
        assert [one and one.status for one in ended] == [SUCCEEDED] * 3
        return outside

    bronze = asyncio.run(both()).container(*BRONZE)
    assert_is_sound_beginning(bronze)
    assert sum(name.startswith("audit/chain/") for name in bronze) == 5


def test_run_killed_at_each_of_its_calls_is_made_good_by_the_next() -> None:
    async def killed_everywhere() -> int:
        died = 0
        for dies_at in range(1, 1000):
            outside = MemoryOutside({LAKE: hide(sealed(), 2)}, dies_after_writing=dies_at % 2 == 0)
            if await run(outside, "ingest_audit", 1, dies_at) is not None:
                return died
            died += 1
            assert_is_sound_beginning(outside.container(*BRONZE))
            ended = await run(outside, "ingest_audit", 1)
            assert ended is not None
            assert ended.status == SUCCEEDED, ended.error
            assert_is_sound_beginning(outside.container(*BRONZE))
            assert sum(name.startswith("audit/chain/") for name in outside.container(*BRONZE)) == 2
        return died

    assert asyncio.run(killed_everywhere()) > 40
