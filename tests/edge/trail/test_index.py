"""The index over real storage and in memory: adding and removing twice, and with lost answers, is the same as once."""

from __future__ import annotations

import asyncio

import pytest

from adapters.azure_storage import AzureStorage
from adapters.tables_index import INDEX_TABLE, TablesIndex
from adapters.tables_rest import Table
from flows.trail_ports import TrailIndex
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.trail.conftest import LIMITS
from tests.edge.trail.making import ids

ANNA, BERT = "a" * 32, "a" * 31 + "b"


async def test_handle_without_records_has_none(index: TrailIndex) -> None:
    assert await index.find(ANNA) == []
    await index.remove([(ANNA, ids(1)[0])])
    await index.add([])


async def test_records_are_found_under_their_handle_alone_in_order(index: TrailIndex) -> None:
    known = ids(1_200)
    await index.add([(ANNA, record_id) for record_id in reversed(known)] + [(BERT, known[5])])
    assert await index.find(ANNA) == known
    assert await index.find(BERT) == [known[5]]
    assert await index.find("a" * 31 + "c") == []


async def test_entries_added_again_are_the_same(index: TrailIndex) -> None:
    known = ids(150)
    entries = [(f"{number % 16:x}" * 32, record_id) for number, record_id in enumerate(known)]
    await asyncio.gather(*(index.add(entries + entries[:10]) for _ in range(3)))
    found = [await index.find(f"{digit:x}" * 32) for digit in range(16)]
    assert sorted(record_id for records in found for record_id in records) == known


async def test_removed_entries_are_gone_and_the_others_stay(index: TrailIndex) -> None:
    known = ids(250)
    await index.add([(ANNA, record_id) for record_id in known])
    await index.remove([(ANNA, known[40])])
    for _ in range(2):
        await index.remove([(ANNA, record_id) for record_id in known[:220]])
    assert await index.find(ANNA) == known[220:]


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER, Fault.BUSY])
async def test_entries_whose_answers_are_lost_are_written_and_removed(
    storage: AzureStorage, proxy: Proxy, fault: Fault
) -> None:
    index, known = TablesIndex(storage, LIMITS), ids(120)
    proxy.choose = first(2, fault)
    await index.add([(ANNA, record_id) for record_id in known])
    assert await index.find(ANNA) == known
    proxy.choose = first(2, fault)
    await index.remove([(ANNA, record_id) for record_id in known])
    assert (await Table(storage.tables, INDEX_TABLE).read_page("", 5.0)).rows == []
    assert proxy.struck == [fault] * 4
