"""The keyring: made once whoever asks first, held in memory, wrapped anew without a change to any key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from flows.errors import StorageFailed, Superseded
from flows.keys.keyring import PARTITION, Keyring
from flows.ports import Row
from flows.trail_ports import VaultFailed, WrappedByVault
from tests.fakes import CountingEntropy, MemoryRows
from tests.fakes_trail import MemoryVault


class SlowRows(MemoryRows):
    """Storage that lets everybody else run before it does anything."""

    async def read(self, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        return await super().read(partition, key)

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        await asyncio.sleep(0)
        await super().insert(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        await asyncio.sleep(0)
        await super().replace(partition, row, document)


class Instances:
    """Instances of a region's app over one vault and one table. Each makes other random keys."""

    def __init__(self) -> None:
        self.rows, self.vault, self.entropy = SlowRows(), MemoryVault(), CountingEntropy()

    def start(self) -> Keyring:
        return Keyring(self.rows, self.vault, self.entropy)

    def wrapped_by(self) -> set[str]:
        return {row.document["key_id"] for row in self.rows.rows.values()}


@pytest.fixture
def region() -> Instances:
    return Instances()


async def test_key_is_made_once_and_is_the_same_after_a_restart(region: Instances) -> None:
    first = region.start()
    index, generation = await first.index_key(), await first.current()
    again = region.start()
    assert (await again.index_key(), await again.current()) == (index, generation)
    assert (generation.name, len(generation.key), len(index)) == ("g1", 32, 32)
    assert index != generation.key


async def test_of_instances_that_start_at_once_all_have_the_keys_of_one(region: Instances) -> None:
    instances = [region.start() for _ in range(4)]
    asked = [keyring.index_key() for keyring in instances for _ in range(3)]
    assert len(set(await asyncio.gather(*asked))) == 1
    assert len(set(await asyncio.gather(*(keyring.current() for keyring in instances)))) == 1
    assert sorted(key for _, key in region.rows.rows) == ["g1", "index"]


async def test_key_that_is_held_is_not_asked_for_again(region: Instances) -> None:
    keyring = region.start()
    held = await keyring.index_key(), await keyring.current()
    region.rows.failure, region.vault.steps.failure = StorageFailed("gone"), VaultFailed("gone")
    assert (await keyring.index_key(), await keyring.current()) == held
    assert await keyring.find("g1") == held[1].key


async def test_vault_that_fails_leaves_nothing_half_made(region: Instances) -> None:
    keyring = region.start()
    region.vault.steps.failure = VaultFailed("gone")
    with pytest.raises(VaultFailed):
        await keyring.index_key()
    assert region.rows.rows == {}
    region.vault.steps.failure = None
    assert await keyring.index_key() == await region.start().index_key()


async def test_generation_that_is_gone_is_told_and_not_made_anew(region: Instances) -> None:
    with pytest.raises(StorageFailed, match="g7"):
        await region.start().find("g7")
    assert region.rows.rows == {}


async def test_new_generation_wraps_from_now_on_and_the_old_one_is_still_found(region: Instances) -> None:
    keyring, other = region.start(), region.start()
    old = await keyring.current()
    await other.current()
    new = await keyring.begin_generation()
    assert (new.name, new == old) == ("g2", False)
    assert await keyring.current() == await region.start().current() == new
    assert await keyring.find("g1") == await other.find("g1") == old.key
    assert await other.find("g2") == new.key


async def test_rewrapping_changes_no_key_and_needs_the_old_version_no_more(region: Instances) -> None:
    keyring = region.start()
    keys = await keyring.index_key(), await keyring.current(), await keyring.begin_generation()
    region.vault.rotate()
    assert await region.start().rewrap() == 3
    assert region.wrapped_by() == {"kek-2"}
    region.vault.keks[0] = bytes(32)
    fresh = region.start()
    assert (await fresh.index_key(), await fresh.find("g1"), await fresh.find("g2")) == (
        keys[0],
        keys[1].key,
        keys[2].key,
    )


async def test_rewrapping_twice_or_at_once_is_the_same(region: Instances) -> None:
    keyring = region.start()
    index = await keyring.index_key()
    await keyring.current()
    assert await keyring.rewrap() == 0
    region.vault.rotate()
    assert sum(await asyncio.gather(*(region.start().rewrap() for _ in range(4)))) == 2
    assert await region.start().rewrap() == 0
    assert region.wrapped_by() == {"kek-2"}
    assert await region.start().index_key() == index


async def test_key_that_is_made_while_the_vault_rotates_can_be_read(region: Instances) -> None:
    keyring = region.start()
    await keyring.current()
    region.vault.rotate()
    _, index = await asyncio.gather(region.start().rewrap(), keyring.index_key())
    assert await region.start().index_key() == index


class ShortVault(MemoryVault):
    async def unwrap(self, wrapped: WrappedByVault) -> bytes:
        return (await super().unwrap(wrapped))[:16]


async def test_row_that_unwraps_to_no_key_is_not_used(region: Instances) -> None:
    await region.start().index_key()
    region.vault = ShortVault(region.vault.keks)
    with pytest.raises(VaultFailed, match="index"):
        await region.start().index_key()


class Vanishing(MemoryRows):
    """Says that a row stands, and has none."""

    async def insert(self, partition: str, key: str, document: Mapping[str, Any]) -> None:
        raise Superseded(f"{partition} {key}")


async def test_row_that_comes_and_goes_is_told() -> None:
    with pytest.raises(StorageFailed, match="index"):
        await Keyring(Vanishing(), MemoryVault(), CountingEntropy()).index_key()


async def test_nothing_but_wrapped_keys_lies_in_the_table(region: Instances) -> None:
    keyring = region.start()
    secrets = [await keyring.index_key(), (await keyring.current()).key]
    for row in await region.rows.list(PARTITION):
        assert set(row.document) == {"key_id", "wrapped"}
        assert all(secret.hex() not in str(row) for secret in secrets)
