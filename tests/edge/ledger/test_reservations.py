"""Reservations before real storage, with answers lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_reservations import TablesReservations
from adapters.tables_rest import Read
from audit.ids import mint_id
from flows.errors import AlreadyReserved, StorageFailed, Superseded
from flows.ports import Reservation
from flows.trail_ports import Swept
from tests.edge.ledger.proxy import Fault, Proxy, first

EXPIRES_AT = datetime(2026, 11, 23, 21, 0, 5, 123_456, UTC)
PARTITION = "ab" * 32


def rows(count: int, seed: int = 1) -> list[Reservation]:
    ids = [mint_id(1_700_000_000_000, seed * 10_000 + number, 7) for number in range(count)]
    return [Reservation(f"{number:04}", "print", record_id, EXPIRES_AT) for number, record_id in enumerate(ids)]


@pytest.fixture
def reservations(proxied_storage: AzureStorage) -> TablesReservations:
    return TablesReservations(proxied_storage, AskLimits(deadline_s=2.0, attempt_s=0.3))


@pytest.mark.parametrize("count", [1, 100, 101, 1_200])
async def test_inserted_rows_are_read_back_in_order(reservations: TablesReservations, count: int) -> None:
    await reservations.insert(PARTITION, rows(count))
    read = await reservations.read(PARTITION)
    assert [replace(row, etag="") for row in read] == rows(count)
    assert all(row.etag for row in read)


async def test_unknown_partition_has_no_rows(reservations: TablesReservations) -> None:
    assert await reservations.read(PARTITION) == []


@pytest.mark.parametrize("count", [1, 250])
async def test_second_call_for_the_same_rows_is_told_and_changes_nothing(
    reservations: TablesReservations, count: int
) -> None:
    await reservations.insert(PARTITION, rows(count))
    with pytest.raises(AlreadyReserved):
        await reservations.insert(PARTITION, rows(count, seed=2))
    assert [row.record_id for row in await reservations.read(PARTITION)] == [row.record_id for row in rows(count)]


async def test_one_row_in_the_way_keeps_all_rows_out(reservations: TablesReservations) -> None:
    await reservations.insert(PARTITION, rows(3)[1:2])
    with pytest.raises(AlreadyReserved):
        await reservations.insert(PARTITION, rows(3, seed=2))
    assert [row.key for row in await reservations.read(PARTITION)] == ["0001"]


async def test_of_two_calls_at_once_one_gets_all_rows(reservations: TablesReservations) -> None:
    calls = [reservations.insert(PARTITION, rows(250, seed)) for seed in (1, 2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyReserved", "NoneType"]
    assert [row.record_id for row in await reservations.read(PARTITION)] in (
        [row.record_id for row in rows(250, 1)],
        [row.record_id for row in rows(250, 2)],
    )


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER, Fault.BUSY])
async def test_insert_whose_answer_was_lost_is_known_as_done(
    reservations: TablesReservations, proxy: Proxy, fault: Fault
) -> None:
    await reservations.insert("other", rows(1))
    proxy.choose = first(1, fault)
    await reservations.insert(PARTITION, rows(3))
    assert proxy.struck == [fault]
    assert len(await reservations.read(PARTITION)) == 3


async def test_take_over_needs_the_row_as_it_was_read(reservations: TablesReservations) -> None:
    await reservations.insert(PARTITION, rows(1))
    (row,) = await reservations.read(PARTITION)
    mine, other = (replace(row, record_id=rows(1, seed)[0].record_id) for seed in (2, 3))
    await reservations.replace(PARTITION, mine)
    with pytest.raises(Superseded):
        await reservations.replace(PARTITION, other)
    assert (await reservations.read(PARTITION))[0].record_id == mine.record_id


async def test_take_over_whose_answer_was_lost_is_known_as_done(reservations: TablesReservations, proxy: Proxy) -> None:
    await reservations.insert(PARTITION, rows(1))
    (row,) = await reservations.read(PARTITION)
    proxy.choose = first(1, Fault.RESET_BEFORE_ANSWER, matching=b"PUT ")
    await reservations.replace(PARTITION, replace(row, record_id=rows(1, seed=2)[0].record_id))
    assert proxy.struck == [Fault.RESET_BEFORE_ANSWER]


async def test_storage_that_is_gone_is_told(reservations: TablesReservations, proxy: Proxy) -> None:
    await proxy.stop()
    with pytest.raises(StorageFailed):
        await reservations.insert(PARTITION, rows(1))


NOW = EXPIRES_AT + timedelta(days=90)
STILL = [replace(row, expires_at=NOW + timedelta(seconds=1)) for row in rows(2, seed=4)]


async def test_sweep_deletes_what_expired_long_ago_and_nothing_else(reservations: TablesReservations) -> None:
    for partition in (PARTITION, "label-1", "review-1"):
        await reservations.insert(partition, rows(120))
    await reservations.insert("label-2", STILL)
    assert await reservations.sweep(NOW, "", pages=100) == Swept(360, "")
    assert await reservations.sweep(NOW, "", pages=100) == Swept(0, "")
    assert [await reservations.read(partition) for partition in (PARTITION, "label-1", "review-1")] == [[], [], []]
    assert [replace(row, etag="") for row in await reservations.read("label-2")] == STILL


async def test_sweep_goes_on_where_the_last_one_stopped(reservations: TablesReservations) -> None:
    for number in range(3):
        await reservations.insert(f"label-{number}", rows(1_000))
    swept = await reservations.sweep(NOW, "", pages=1)
    assert swept.following
    assert swept.deleted == 1_000
    rest = await reservations.sweep(NOW, swept.following, pages=100)
    assert rest == Swept(2_000, "")


async def test_sweep_of_no_table_is_nothing(reservations: TablesReservations) -> None:
    assert await reservations.sweep(NOW, "", pages=1) == Swept(0, "")


class TakenOver(TablesReservations):
    """One whose first row is taken over between looking and deleting."""

    async def _delete_together(self, partition: str, reads: Sequence[Read]) -> int:
        row = (await self.read(partition))[0]
        await self.replace(partition, replace(row, expires_at=NOW + timedelta(seconds=45)))
        return await super()._delete_together(partition, reads)


async def test_sweep_leaves_a_row_that_is_taken_over_meanwhile(proxied_storage: AzureStorage) -> None:
    reservations = TakenOver(proxied_storage)
    await reservations.insert(PARTITION, rows(3))
    assert await reservations.sweep(NOW, "", pages=1) == Swept(2, "")
    assert [row.key for row in await reservations.read(PARTITION)] == ["0000"]


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.BUSY, Fault.FAILED_AFTER])
async def test_sweep_whose_answers_are_lost_deletes_all_the_same(
    reservations: TablesReservations, proxy: Proxy, fault: Fault
) -> None:
    await reservations.insert(PARTITION, rows(3))
    proxy.choose = first(1, fault, matching=b"$batch")
    await reservations.sweep(NOW, "", pages=1)
    assert proxy.struck == [fault]
    assert await reservations.read(PARTITION) == []
