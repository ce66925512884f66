"""The chain: it begins, grows in order, ends where it ends, however many commit at once."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from audit.layout import manifest_name
from audit.manifests import Manifest
from audit.merkle import check_consistency
from audit.notes import open_note
from audit.windows import Window
from flows.sealing.chain_log import ChainLog
from tests.fakes import FakeClock
from tests.fakes_trail import MemoryLake, MemoryVault, Steps, Stopped

HOUR = 3600
FIRST = Window(1_795_467_600, HOUR)


def window(number: int) -> Window:
    return Window(FIRST.start_s + number * HOUR, HOUR)


async def write(lake: MemoryLake, *numbers: int, correction: int = 0) -> None:
    for number in numbers:
        manifest = Manifest("westeurope", window(number), correction)
        await lake.create(manifest_name("westeurope", window(number), correction), manifest.to_bytes())


def build(lake: MemoryLake, vault: MemoryVault) -> ChainLog:
    return ChainLog("westeurope", "vouch/westeurope", HOUR, lake, vault, FakeClock())


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake()


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


async def test_chain_that_has_not_begun_has_no_end(lake: MemoryLake, vault: MemoryVault) -> None:
    chain = build(lake, vault)
    assert await chain.last() is None
    assert await chain.last_window() is None
    assert await chain.commit_windows(FIRST) == 0


async def test_manifests_are_committed_in_order_and_a_gap_is_waited_for(lake: MemoryLake, vault: MemoryVault) -> None:
    chain = build(lake, vault)
    await write(lake, 0, 1, 3)
    assert await chain.commit_windows(FIRST) == 2
    assert await chain.last_window() == window(1)
    await write(lake, 2)
    assert await chain.commit_windows(FIRST) == 2
    assert await chain.last_window() == window(3)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 20])
async def test_new_process_finds_the_end_in_a_few_reads(lake: MemoryLake, vault: MemoryVault, count: int) -> None:
    await write(lake, *range(count))
    await build(lake, vault).commit_windows(FIRST)
    lake.steps = Steps()
    last = await build(lake, vault).last()
    assert last is not None
    assert last.sequence == count - 1
    assert len(lake.steps.calls) <= 2 * count.bit_length() + 2


async def test_every_checkpoint_is_signed_and_consistent_with_the_one_before(
    lake: MemoryLake, vault: MemoryVault
) -> None:
    chain = build(lake, vault)
    await write(lake, *range(5))
    await chain.commit_windows(FIRST)
    key = await chain.public_key()
    for sequence in range(5):
        entry = await chain.entry(sequence)
        assert entry is not None
        checkpoint = open_note(entry.checkpoint, [key])
        assert (checkpoint.origin, checkpoint.size) == ("vouch/westeurope", sequence + 1)
        assert checkpoint.root.hex() == entry.root == entry.tree.root.hex()
        check_consistency(entry.size, entry.tree.root, entry.size, checkpoint.root, [])


async def test_many_who_commit_at_once_make_one_chain(lake: MemoryLake, vault: MemoryVault) -> None:
    await write(lake, *range(6))
    chains = [build(lake, vault) for _ in range(4)]
    await asyncio.gather(*(chain.commit_windows(FIRST) for chain in chains))
    entries = [await chains[0].entry(sequence) for sequence in range(7)]
    assert [entry and entry.window for entry in entries] == [*(window(number).name for number in range(6)), None]


class SlowLake(MemoryLake):
    """Lets others go first, before and after everything."""

    async def read(self, name: str) -> bytes | None:
        await asyncio.sleep(0)
        content = await super().read(name)
        await asyncio.sleep(0)
        return content

    async def create(self, name: str, content: bytes) -> bool:
        await asyncio.sleep(0)
        return await super().create(name, content)


async def test_one_who_falls_behind_while_others_commit_appends_nothing_twice(vault: MemoryVault) -> None:
    lake = SlowLake()
    await write(lake, *range(6))
    slow = asyncio.create_task(build(lake, vault).commit_windows(FIRST))
    for turns in range(40):
        for _ in range(turns):
            await asyncio.sleep(0)
        await build(lake, vault).commit_windows(FIRST)
    await slow
    entries = [await build(lake, vault).entry(sequence) for sequence in range(7)]
    assert [entry and entry.window for entry in entries] == [*(window(number).name for number in range(6)), None]


@pytest.mark.parametrize("stop", range(1, 40))
async def test_commit_killed_anywhere_goes_on_where_it_was(lake: MemoryLake, vault: MemoryVault, stop: int) -> None:
    await write(lake, 0, 1, 2)
    for place in ("stop_before", "stop_after"):
        lake.steps = vault.steps = Steps(**{place: stop})
        with contextlib.suppress(Stopped):  # a late stop is past the end
            await build(lake, vault).commit_windows(FIRST)
    lake.steps = vault.steps = Steps()
    chain = build(lake, vault)
    await chain.commit_windows(FIRST)
    entries = [await chain.entry(sequence) for sequence in range(4)]
    assert [entry and entry.window for entry in entries] == [*(window(number).name for number in range(3)), None]


async def test_correction_is_committed_once_after_its_window(lake: MemoryLake, vault: MemoryVault) -> None:
    chain = build(lake, vault)
    await write(lake, 0, 1, 2)
    await write(lake, 0, correction=1)
    await chain.commit_windows(FIRST)
    await chain.commit_correction(window(0), 1)
    await chain.commit_correction(window(0), 1)
    assert await chain.last_window() == window(2)
    last = await chain.last()
    assert last is not None
    assert (last.sequence, last.kind, last.window, last.correction) == (3, "correction", window(0).name, 1)
    await write(lake, 3)
    assert await chain.commit_windows(FIRST) == 1
