"""Documents before real storage: insert-only, If-Match, and writes whose answers are lost."""

from __future__ import annotations

import asyncio

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_rows import TablesRows
from flows.errors import StorageFailed, Superseded
from flows.ports import Row
from tests.edge.ledger.proxy import Fault, Proxy, first

LARGE = {"text": "ä" * 30_000}


@pytest.fixture
def rows(proxied_storage: AzureStorage) -> TablesRows:
    return TablesRows(proxied_storage, "rollouts", AskLimits(deadline_s=2.0, attempt_s=0.5))


async def read(rows: TablesRows, key: str) -> Row:
    row = await rows.read("p", key)
    assert row is not None
    return row


async def test_row_is_read_back_as_it_was_written(rows: TablesRows) -> None:
    assert await rows.read("p", "a") is None
    await rows.insert("p", "b", LARGE)
    await rows.insert("p", "a", {"number": 1, "list": [1.5, None]})
    assert [(row.key, row.document) for row in await rows.list("p")] == [
        ("a", {"number": 1, "list": [1.5, None]}),
        ("b", LARGE),
    ]


async def test_row_that_stands_is_not_inserted_again(rows: TablesRows) -> None:
    await rows.insert("p", "a", {"number": 1})
    with pytest.raises(Superseded):
        await rows.insert("p", "a", {"number": 1})


async def test_of_two_who_replace_the_same_row_one_wins(rows: TablesRows) -> None:
    await rows.insert("p", "a", {"number": 0})
    seen = await read(rows, "a")
    answers = await asyncio.gather(
        *(rows.replace("p", seen, {"number": number}) for number in range(1, 6)), return_exceptions=True
    )
    assert [type(answer) for answer in answers if answer is not None] == [Superseded] * 4
    assert (await read(rows, "a")).document == {"number": answers.index(None) + 1}


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER])
async def test_write_whose_answer_was_lost_is_known_as_done(rows: TablesRows, proxy: Proxy, fault: Fault) -> None:
    await rows.insert("p", "a", {"number": 1})
    seen = await read(rows, "a")
    proxy.choose = first(1, fault, matching=b"PUT ")
    await rows.replace("p", seen, {"number": 2})
    proxy.choose = first(1, fault, matching=b"POST ")
    await rows.insert("p", "b", {"number": 3})
    assert [row.document["number"] for row in await rows.list("p")] == [2, 3]


async def test_document_that_cannot_be_kept_and_storage_that_is_gone_are_told(rows: TablesRows, proxy: Proxy) -> None:
    with pytest.raises(StorageFailed):
        await rows.insert("p", "a", {"text": "x" * 500_000})
    await proxy.stop()
    with pytest.raises(StorageFailed):
        await rows.read("p", "a")


async def test_row_is_deleted_as_it_was_read_and_not_when_it_has_changed(rows: TablesRows) -> None:
    await rows.insert("p", "a", {"number": 1})
    stale = await read(rows, "a")
    await rows.replace("p", stale, {"number": 2})
    with pytest.raises(Superseded):
        await rows.delete("p", stale)
    standing = await read(rows, "a")
    await rows.delete("p", standing)
    await rows.delete("p", standing)
    assert await rows.read("p", "a") is None


async def test_delete_whose_answer_is_lost_is_a_delete(rows: TablesRows, proxy: Proxy) -> None:
    await rows.insert("p", "a", {"number": 1})
    standing = await read(rows, "a")
    proxy.choose = first(1, Fault.RESET_BEFORE_ANSWER, matching=b"DELETE ")
    await rows.delete("p", standing)
    assert await rows.read("p", "a") is None
