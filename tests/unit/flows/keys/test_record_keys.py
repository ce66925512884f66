"""Record keys: made once for each record of a lane, whoever tries and however often, until one is destroyed."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from audit.ids import mint_id
from audit.key_pages import PAGE_SLOTS, build_page
from audit.personal import WRAPPED_BYTES, Unreadable
from flows.keys.keyring import Keyring
from flows.keys.record_keys import PageDiffers, RecordKeyring
from tests.fakes import CountingEntropy, MemoryRows
from tests.fakes_trail import MemoryRecordKeys, MemoryVault

NOW_MS = 1_795_467_600_000


def ids(count: int) -> list[UUID]:
    minted: list[UUID] = []
    for number in range(count):
        minted.append(mint_id(NOW_MS, number, 7, minted[-1] if minted else None))
    return minted


@pytest.fixture
def pages() -> MemoryRecordKeys:
    return MemoryRecordKeys()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(MemoryRows(), MemoryVault(), CountingEntropy())


@pytest.fixture
def record_keys(pages: MemoryRecordKeys, keyring: Keyring) -> RecordKeyring:
    return RecordKeyring(pages, keyring, CountingEntropy())


async def test_every_record_has_a_key_of_its_own_that_is_found_again(record_keys: RecordKeyring) -> None:
    known = ids(5)
    keys = await record_keys.keys_for(known)
    assert len({key for key in keys if key is not None}) == 5
    assert [await record_keys.reader().find(record_id) for record_id in known] == keys
    assert await record_keys.reader().find(ids(6)[5]) is None


async def test_another_try_gets_the_keys_of_the_first(pages: MemoryRecordKeys, keyring: Keyring) -> None:
    known, entropy = ids(PAGE_SLOTS), CountingEntropy()
    tries = [RecordKeyring(pages, keyring, entropy).keys_for(known) for _ in range(3)]
    got = await asyncio.gather(*tries)
    assert got[0] == got[1] == got[2]


async def test_another_try_after_a_new_generation_gets_the_keys_of_the_first(
    record_keys: RecordKeyring, keyring: Keyring
) -> None:
    keys = await record_keys.keys_for(ids(3))
    await keyring.begin_generation()
    assert await record_keys.keys_for(ids(3)) == keys
    assert await record_keys.reader().find(ids(3)[1]) == keys[1]


async def test_key_that_was_destroyed_between_two_tries_is_none(
    record_keys: RecordKeyring, pages: MemoryRecordKeys
) -> None:
    known = ids(4)
    first, *others = await record_keys.keys_for(known)
    assert first is not None
    await pages.destroy([known[0]])
    assert await record_keys.keys_for(known) == [None, *others]
    assert await record_keys.reader().find(known[0]) is None


async def test_page_that_stands_with_other_records_is_told_and_not_taken_for_an_erasure(
    record_keys: RecordKeyring,
) -> None:
    await record_keys.keys_for(ids(3))
    with pytest.raises(PageDiffers):
        await record_keys.keys_for(ids(4))


@pytest.mark.parametrize("count", [0, PAGE_SLOTS + 1])
async def test_page_of_no_or_too_many_records_is_refused(record_keys: RecordKeyring, count: int) -> None:
    with pytest.raises(ValueError, match="a page holds"):
        await record_keys.keys_for(ids(count))


async def test_key_put_into_another_records_slot_is_not_used(
    record_keys: RecordKeyring, pages: MemoryRecordKeys
) -> None:
    known = ids(2)
    await record_keys.keys_for(known)
    page = await pages.find(known[0])
    assert page is not None
    wrapped = [key for _, key in page]
    swapped = build_page("g1", list(zip(known, reversed(wrapped), strict=True)))
    assert len(wrapped[0]) == WRAPPED_BYTES
    for partition in pages.rows.values():
        partition.update(dict.fromkeys(partition, swapped))
    with pytest.raises(Unreadable):
        await record_keys.reader().find(known[0])
