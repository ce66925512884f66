"""Lanes before real storage: fenced against their writer, streamed, marked, blanked and deleted, with lost answers."""

from __future__ import annotations

import asyncio
import zlib
from uuid import UUID

import pytest

from adapters.azure_storage import AzureStorage
from adapters.tables_claim import LaneClaim
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import LEDGER_TABLE, WINDOWS_TABLE, TablesLedger
from adapters.tables_rest import Table
from audit.ids import mint_id
from audit.lanes import Head
from audit.sealing import read_row, without_personal
from flows.errors import LaneClosed, StorageFailed
from flows.trail_ports import RegisteredLane
from tests.edge.ledger.making import make_record
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.trail.making import NOW_MS, WINDOW, ids, lane_name_of, window_after, write_one

LOST = [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.SILENT_AFTER, Fault.BUSY]


async def read_ids(lanes: TablesLanes, lane: str) -> list[UUID]:
    return [UUID(row["RowKey"]) async for page in lanes.rows(WINDOW, lane) for row in page]


async def register(storage: AzureStorage, lane: str, minutes: int = 0) -> None:
    """The registry's row alone, as a claim leaves it whose answer was lost."""
    table = Table(storage.tables, WINDOWS_TABLE)
    await table.create(5.0)
    await table.insert({"PartitionKey": window_after(minutes).name, "RowKey": lane}, 5.0)


async def test_region_without_lanes_has_none(lanes: TablesLanes) -> None:
    assert await lanes.registered(WINDOW, window_after(10)) == []
    assert await lanes.oldest() is None
    assert await read_ids(lanes, "0007") == []
    assert (await lanes.minutes(WINDOW, "0007")).records == 0


async def test_registered_lanes_come_by_window_and_lane(lanes: TablesLanes, storage: AzureStorage) -> None:
    for lane, minutes in (("00ff", 1), ("0002", 1), ("9f3a", 0), ("0001", 3)):
        await register(storage, lane, minutes)
    await lanes.mark_sealed(window_after(1), "0002")
    assert await lanes.oldest() == WINDOW
    assert await lanes.registered(WINDOW, window_after(2)) == [
        RegisteredLane(WINDOW, "9f3a", False),
        RegisteredLane(window_after(1), "0002", True),
        RegisteredLane(window_after(1), "00ff", False),
    ]


async def test_lane_that_is_gone_is_not_registered_by_marking_it(lanes: TablesLanes, storage: AzureStorage) -> None:
    await register(storage, "9f3a")
    await lanes.mark_sealed(WINDOW, "0001")
    assert [found.lane for found in await lanes.registered(WINDOW, WINDOW)] == ["9f3a"]


async def test_fenced_lane_takes_nothing_more(lanes: TablesLanes, ledger: TablesLedger) -> None:
    written = [await write_one(ledger) for _ in range(3)]
    lane = lane_name_of(written[0])
    head = await lanes.fence(WINDOW, lane)
    assert (head.sealed, head.records, head.batch) == (True, 3, 3)
    assert await lanes.fence(WINDOW, lane) == head
    refused = await ledger.mint()
    with pytest.raises(LaneClosed):
        await ledger.append(make_record(refused, "D-2"))
    assert lane_name_of(await write_one(ledger)) != lane
    assert await read_ids(lanes, lane) == written
    assert (await lanes.minutes(WINDOW, lane)).records == 3


async def test_fence_against_a_busy_writer_is_a_clean_cut(lanes: TablesLanes, ledger: TablesLedger) -> None:
    lane = lane_name_of(await write_one(ledger))
    written: set[UUID] = set()

    async def write_until_closed() -> None:
        while True:
            record_id = await ledger.mint()
            if lane_name_of(record_id) != lane:
                return
            try:
                await ledger.append(make_record(record_id, "D-1"))
            except LaneClosed:
                return
            written.add(record_id)

    writers = [asyncio.create_task(write_until_closed()) for _ in range(8)]
    async with asyncio.timeout(20):
        while len(written) < 50:  # noqa: ASYNC110 - the writers write as they like
            await asyncio.sleep(0)
        heads = await asyncio.gather(lanes.fence(WINDOW, lane), lanes.fence(WINDOW, lane))
        await asyncio.gather(*writers)
    rows = await read_ids(lanes, lane)
    assert heads[0] == heads[1]
    assert len(rows) == heads[0].records == (await lanes.minutes(WINDOW, lane)).records
    assert written < set(rows)


async def test_fence_of_a_lane_without_a_head_keeps_its_claim_out(lanes: TablesLanes, storage: AzureStorage) -> None:
    assert await lanes.fence(WINDOW, "0007") == Head(sealed=True)
    assert await lanes.fence(WINDOW, "0007") == Head(sealed=True)
    tables = Table(storage.tables, WINDOWS_TABLE), Table(storage.tables, LEDGER_TABLE)
    numbers = iter((7, 8))
    claimed = await LaneClaim(*tables, lambda bits: next(numbers), 1.0).claim(WINDOW, 5.0)
    assert claimed.lane == 8


async def test_claim_that_is_quicker_than_the_fence_is_fenced(
    lanes: TablesLanes, storage: AzureStorage, proxy: Proxy
) -> None:
    """The fence sees no head; then the claim's insert, held up so far, arrives before the fence's own."""
    ledger = Table(storage.tables, LEDGER_TABLE)
    await ledger.create(5.0)
    held = asyncio.Event()
    inserts = 0

    def choose(request: bytes) -> Fault | None:
        nonlocal inserts
        if not request.startswith(b"POST") or b"!head" not in request:
            return None
        inserts += 1
        held.set()
        return Fault.LATE if inserts == 1 else None

    proxy.choose = choose
    fencing = asyncio.create_task(lanes.fence(WINDOW, "0007"))
    await held.wait()
    claimed = await ledger.insert(Head().to_entity(f"0007-{WINDOW.name}"), 5.0)
    assert claimed.is_done
    proxy.released.set()
    assert await fencing == Head(sealed=True)
    again = await ledger.replace(Head(batch=1).to_entity(f"0007-{WINDOW.name}"), claimed.etag, 5.0)
    assert again.status == 412


async def test_record_that_is_quicker_than_the_fence_is_in_the_head(
    lanes: TablesLanes, ledger: TablesLedger, proxy: Proxy
) -> None:
    """The fence has read the head; its write is held up until the writer has committed another record."""
    lane = lane_name_of(await write_one(ledger))
    held = asyncio.Event()

    def choose(request: bytes) -> Fault | None:
        if not request.startswith(b"PUT") or held.is_set():
            return None
        held.set()
        return Fault.LATE

    proxy.choose = choose
    fencing = asyncio.create_task(lanes.fence(WINDOW, lane))
    await held.wait()
    assert lane_name_of(await write_one(ledger)) == lane
    proxy.released.set()
    assert (await fencing).records == len(await read_ids(lanes, lane)) == 2


@pytest.mark.parametrize("fault", LOST)
async def test_fence_whose_answers_are_lost_holds(
    lanes: TablesLanes, ledger: TablesLedger, proxy: Proxy, fault: Fault
) -> None:
    lane = lane_name_of(await write_one(ledger))
    proxy.choose = first(1, fault, matching=b"PUT ")
    assert (await lanes.fence(WINDOW, lane)).records == 1
    proxy.choose = first(1, fault, matching=b"POST ")
    assert (await lanes.fence(WINDOW, "0001" if lane != "0001" else "0002")).records == 0
    assert proxy.struck == [fault] * 2


async def test_long_lane_streams_in_order_in_pages(lanes: TablesLanes, ledger: TablesLedger, proxy: Proxy) -> None:
    written = sorted(await asyncio.gather(*(write_one(ledger) for _ in range(2_500))))
    proxy.choose = first(1, Fault.RESET_IN_ANSWER, matching=b"GET ")
    pages = [page async for page in lanes.rows(WINDOW, lane_name_of(written[0]))]
    assert [len(page) for page in pages] == [1_000, 1_000, 500]
    assert [UUID(row["RowKey"]) for page in pages for row in page] == written
    assert [read_row(row).record_id for row in pages[2]] == written[2_000:]


async def test_blanked_row_keeps_its_digest_and_what_else_it_has(lanes: TablesLanes, ledger: TablesLedger) -> None:
    record_id = await write_one(ledger, deal_id="planted-value")
    lane = lane_name_of(record_id)
    [[before]] = [page async for page in lanes.rows(WINDOW, lane)]
    await lanes.blank(record_id, without_personal(read_row(before)))
    await lanes.blank(record_id, without_personal(read_row(before)))
    [[after]] = [page async for page in lanes.rows(WINDOW, lane)]
    assert {**after, "event": b""} == {**before, "event": b""}
    assert b"planted-value" in zlib.decompress(before["event"])
    assert b"planted-value" not in zlib.decompress(after["event"])
    assert read_row(after).personal == b""


async def test_row_that_is_gone_is_not_brought_back_by_blanking_it(lanes: TablesLanes, ledger: TablesLedger) -> None:
    record_id = await write_one(ledger)
    gone = ids(1, lane=int(lane_name_of(record_id), 16))[0]
    await lanes.blank(gone, b"x")
    assert await read_ids(lanes, lane_name_of(record_id)) == [record_id]


async def test_writer_goes_on_after_a_row_was_blanked(lanes: TablesLanes, ledger: TablesLedger) -> None:
    record_id = await write_one(ledger)
    await lanes.blank(record_id, b"x")
    assert lane_name_of(await write_one(ledger)) == lane_name_of(record_id)


@pytest.mark.parametrize("fault", [None, *LOST])
async def test_deleted_lane_leaves_nothing_and_may_be_deleted_again(
    lanes: TablesLanes, ledger: TablesLedger, storage: AzureStorage, proxy: Proxy, fault: Fault | None
) -> None:
    written = await asyncio.gather(*(write_one(ledger) for _ in range(230)))
    await register(storage, "0007", minutes=1)
    if fault is not None:
        proxy.choose = first(2, fault)
    for _ in range(2):
        await lanes.delete(WINDOW, lane_name_of(written[0]))
    assert (await Table(storage.tables, LEDGER_TABLE).read_page("", 5.0)).rows == []
    assert [found.lane for found in await lanes.registered(WINDOW, window_after(1))] == ["0007"]


async def test_lane_deleted_in_part_is_registered_until_all_of_it_is_gone(
    lanes: TablesLanes, ledger: TablesLedger, storage: AzureStorage, proxy: Proxy
) -> None:
    lane = lane_name_of(await write_one(ledger))
    proxy.choose = first(100, Fault.FAILED)
    with pytest.raises(StorageFailed):
        await lanes.delete(WINDOW, lane)
    assert [found.lane for found in await lanes.registered(WINDOW, WINDOW)] == [lane]
    proxy.choose = lambda request: None
    await lanes.delete(WINDOW, lane)
    assert await lanes.oldest() is None


async def test_fast_clock_does_not_hide_a_lane(lanes: TablesLanes, ledger: TablesLedger) -> None:
    """Ids of a lane may lie after its window's start by any time inside it; they are found by their lane."""
    record_id = await write_one(ledger)
    late = mint_id(NOW_MS + 59_000, 1, int(lane_name_of(record_id), 16), record_id)
    await ledger.append(make_record(late, "D-2"))
    assert await read_ids(lanes, lane_name_of(record_id)) == [record_id, late]
