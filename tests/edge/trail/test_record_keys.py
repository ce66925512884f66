"""Pages of record keys, over real storage and in memory: insert-only, found by any id, destroyed under concurrency."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import pytest

from adapters.azure_storage import AzureStorage
from adapters.tables_record_keys import TablesRecordKeys
from audit.key_pages import PAGE_SLOTS, KeyPage, build_page
from audit.personal import WRAPPED_BYTES
from flows.trail_ports import RecordKeys
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.trail.conftest import LIMITS
from tests.edge.trail.making import NOW_MS, WINDOW_S, ids

LOST = [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER]


def page_of(record_ids: list[UUID]) -> KeyPage:
    return build_page("g1", [(record_id, os.urandom(WRAPPED_BYTES)) for record_id in record_ids])


async def key_of(record_keys: RecordKeys, record_id: UUID) -> bytes | None:
    page = await record_keys.find(record_id)
    return None if page is None else page.find(record_id)


async def insert_pages(record_keys: RecordKeys, record_ids: list[UUID], size: int = PAGE_SLOTS) -> None:
    for at in range(0, len(record_ids), size):
        await record_keys.insert(page_of(record_ids[at : at + size]))


async def test_key_is_found_by_its_id_and_by_no_other(record_keys: RecordKeys) -> None:
    known = ids(1_500)
    assert await record_keys.find(known[0]) is None
    await insert_pages(record_keys, known[100:])
    for record_id in (known[100], known[699], known[700], known[1_499]):
        assert await key_of(record_keys, record_id) is not None
    assert await record_keys.find(known[0]) is None
    assert await key_of(record_keys, ids(1, lane=8)[0]) is None
    assert await key_of(record_keys, ids(1, unix_ms=NOW_MS + 30_000)[0]) is None


async def test_of_two_who_insert_a_page_both_get_the_one_that_stands(record_keys: RecordKeys) -> None:
    known = ids(PAGE_SLOTS)
    tries = [page_of(known) for _ in range(4)]
    got = await asyncio.gather(*(record_keys.insert(page) for page in tries))
    assert got[0] in tries
    assert got == [got[0]] * 4
    assert await record_keys.find(known[17]) == got[0]


async def test_destroyed_keys_stay_destroyed_and_leave_the_others(record_keys: RecordKeys) -> None:
    known = ids(1_300)
    await insert_pages(record_keys, known)
    gone = [known[0], known[599], known[600], known[1_299], *ids(1, lane=9)]
    for _ in range(2):
        await record_keys.destroy(gone)
    left = [record_id for record_id in known if await key_of(record_keys, record_id) is not None]
    assert left == [record_id for record_id in known if record_id not in gone]


async def test_keys_of_many_lanes_are_destroyed_at_once(record_keys: RecordKeys) -> None:
    lanes = {lane: ids(3, lane=lane) for lane in range(20)}
    for known in lanes.values():
        await insert_pages(record_keys, known)
    await record_keys.destroy([known[1] for known in lanes.values()])
    for known in lanes.values():
        assert [await key_of(record_keys, record_id) is None for record_id in known] == [False, True, False]


async def test_keys_of_one_page_destroyed_by_many_at_once_are_all_destroyed(record_keys: RecordKeys) -> None:
    known = ids(40)
    await insert_pages(record_keys, known)
    await asyncio.gather(*(record_keys.destroy([record_id]) for record_id in known[:30]))
    assert [await key_of(record_keys, record_id) is None for record_id in known] == [True] * 30 + [False] * 10


async def test_nothing_is_destroyed_where_there_is_nothing(record_keys: RecordKeys) -> None:
    await record_keys.destroy([])
    await record_keys.destroy(ids(2))
    assert await record_keys.find(ids(2)[0]) is None


@pytest.mark.parametrize("fault", LOST)
async def test_writes_whose_answers_are_lost_are_known_as_done(
    storage: AzureStorage, proxy: Proxy, fault: Fault
) -> None:
    record_keys = TablesRecordKeys(storage, WINDOW_S, LIMITS)
    known = ids(10)
    page = page_of(known)
    await insert_pages(record_keys, ids(1, lane=9))  # the table stands
    proxy.choose = first(1, fault, matching=b"POST ")
    assert await record_keys.insert(page) == page
    proxy.choose = first(1, fault, matching=b"PUT ")
    await record_keys.destroy([known[3]])
    assert proxy.struck == [fault] * 2
    assert await record_keys.find(known[3]) == page.without(known[3])
