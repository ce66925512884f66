"""The ledger in one process: lanes over time, callers that go away, limits, reading back."""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.azure_storage import AzureStorage
from adapters.tables_lane import WriteLimits
from adapters.tables_ledger import TablesLedger
from audit.ids import lane_of, mint_id, time_of
from audit.lanes import MAX_PAYLOAD_BYTES, MAX_TRANSACTION_BYTES
from audit.records import digest_of_event
from flows.errors import LaneClosed, LedgerUnavailable, RecordTooLarge, StorageFailed
from local.azurite import ROOT
from tests.edge.ledger.conftest import until
from tests.edge.ledger.making import make_record
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.ledger.reader import check_lane, decode, read_lanes, read_registry
from tests.fakes import FakeClock

NEAR_THE_END = datetime(2026, 11, 23, 20, 59, 59, 900_000, UTC)


@pytest.fixture
def clock() -> FakeClock:
    standing = FakeClock()
    standing.time = NEAR_THE_END
    return standing


def open_ledger(storage: AzureStorage, clock: FakeClock, **limits: float) -> TablesLedger:
    return TablesLedger(storage, clock, 3600, WriteLimits(**limits))  # type: ignore[arg-type]


async def append(ledger: TablesLedger, record_id: UUID | None = None) -> UUID:
    record = make_record(record_id or await ledger.mint(), "D-1")
    await ledger.append(record)
    return record.record_id


async def test_record_is_found_by_its_id_alone_and_its_digest_agrees(storage: AzureStorage, clock: FakeClock) -> None:
    writer = open_ledger(storage, clock)
    record = make_record(await writer.mint(), "D-1", text="Zoë 🚗")
    await writer.append(record)
    found = await open_ledger(storage, clock).find(record.record_id)
    assert found is not None
    assert digest_of_event(found) == record.digest
    assert found["data"]["personal"]["features"]["text"] == "Zoë 🚗"  # type: ignore[index]


async def test_record_is_read_by_hand_as_the_documentation_says(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    await append(open_ledger(storage, clock))
    (lane,) = read_lanes(connection_string).values()
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ledger.md").read_text(), re.DOTALL)
    exec(program, {"row": lane.records[0]})
    with pytest.raises(AssertionError):
        exec(program, {"row": {**lane.records[0], "digest": "sha256:00"}})


async def test_unknown_id_is_found_nowhere(storage: AzureStorage, clock: FakeClock) -> None:
    ledger = open_ledger(storage, clock)
    assert await ledger.find(mint_id(1_700_000_000_000, 1, 2)) is None
    assert await ledger.find(await ledger.mint()) is None


async def test_find_without_storage_says_so(proxied_storage: AzureStorage, proxy: Proxy, clock: FakeClock) -> None:
    await proxy.stop()
    ledger = open_ledger(proxied_storage, clock, deadline_s=0.2, attempt_s=0.1)
    with pytest.raises(StorageFailed):
        await ledger.find(mint_id(1_700_000_000_000, 1, 2))


async def test_ids_of_one_lane_rise_even_when_the_clock_runs_back(storage: AzureStorage, clock: FakeClock) -> None:
    ledger = open_ledger(storage, clock)
    ids = [await ledger.mint()]
    for change_s in (0, 0, -30, -4_000, 30):
        clock.time = NEAR_THE_END + timedelta(seconds=min(change_s, 0))
        ids.append(await ledger.mint())
    assert ids == sorted(ids)
    assert len({lane_of(record_id) for record_id in ids}) == 1
    assert len(set(ids)) == len(ids)


async def test_new_window_gets_a_new_lane_and_the_old_one_takes_what_was_minted_in_it(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    ledger = open_ledger(storage, clock, deadline_s=4.0)
    old_id = await ledger.mint()
    clock.time = NEAR_THE_END + timedelta(seconds=0.2)
    new_id = await ledger.mint()
    await append(ledger, old_id)
    await append(ledger, new_id)
    assert await ledger.find(old_id)
    lanes = read_lanes(connection_string)
    assert read_registry(connection_string) == set(lanes)
    assert sorted(name.partition("-")[2] for name in lanes) == ["20261123T200000Z", "20261123T210000Z"]
    for partition, lane in lanes.items():
        check_lane(partition, lane)
        assert len(lane.records) == 1


async def test_lane_of_a_window_long_past_is_dropped(storage: AzureStorage, clock: FakeClock) -> None:
    ledger = open_ledger(storage, clock, deadline_s=4.0)
    old_id = await ledger.mint()
    clock.time = NEAR_THE_END + timedelta(seconds=10)
    await append(ledger)
    with pytest.raises(LaneClosed):
        await append(ledger, old_id)


async def test_counters_are_kept_by_the_minute_of_the_commit(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    clock.time = datetime(2026, 11, 23, 20, 5, 59, tzinfo=UTC)
    ledger = open_ledger(storage, clock)
    for change_s in (0, 2, 62, -120):
        clock.time += timedelta(seconds=change_s)
        await append(ledger)
    ((partition, lane),) = read_lanes(connection_string).items()
    check_lane(partition, lane)
    assert [row["RowKey"] for row in lane.minutes] == ["!minute-2005", "!minute-2006", "!minute-2007"]


async def test_caller_that_goes_away_takes_no_other_record_along(
    proxied_storage: AzureStorage, proxy: Proxy, connection_string: str, clock: FakeClock
) -> None:
    proxy.choose = first(1, Fault.SILENT)
    ledger = open_ledger(proxied_storage, clock, deadline_s=6.0, attempt_s=0.4)
    in_flight = asyncio.create_task(append(ledger))
    await until(lambda: len(proxy.struck) == 1)
    gone_id, kept_id = await ledger.mint(), await ledger.mint()
    gone = asyncio.create_task(append(ledger, gone_id))
    kept = asyncio.create_task(append(ledger, kept_id))
    await asyncio.sleep(0)
    in_flight.cancel()
    gone.cancel()
    await kept
    ((partition, lane),) = read_lanes(connection_string).items()
    check_lane(partition, lane)
    written = {row["RowKey"] for row in lane.records}
    assert len(written) == 2  # the one in flight was written although its caller went
    assert str(kept_id) in written
    assert str(gone_id) not in written


async def test_caller_that_goes_away_during_the_claim_leaves_it_to_the_others(
    storage: AzureStorage, clock: FakeClock, connection_string: str
) -> None:
    ledger = open_ledger(storage, clock)
    gone, kept = asyncio.create_task(ledger.mint()), asyncio.create_task(ledger.mint())
    await asyncio.sleep(0)
    gone.cancel()
    await append(ledger, await kept)
    assert len(read_registry(connection_string)) == 1


async def test_close_returns_once_what_was_accepted_is_written(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    ledger = open_ledger(storage, clock)
    ids = [await ledger.mint() for _ in range(150)]
    appends = [asyncio.create_task(append(ledger, record_id)) for record_id in ids]
    await asyncio.sleep(0)
    await ledger.close()
    assert all(task.done() for task in appends)
    await asyncio.gather(*appends)
    assert {row["RowKey"] for row in next(iter(read_lanes(connection_string).values())).records} == set(map(str, ids))
    with pytest.raises(LaneClosed):
        await append(ledger, ids[0])
    with pytest.raises(LedgerUnavailable):
        await ledger.mint()


async def test_record_that_can_not_fit_is_refused_and_harms_no_other(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    ledger = open_ledger(storage, clock)
    huge = make_record(await ledger.mint(), "D-1", text=secrets.token_hex(MAX_PAYLOAD_BYTES))
    other = asyncio.create_task(append(ledger))
    with pytest.raises(RecordTooLarge):
        await ledger.append(huge)
    await other
    assert len(next(iter(read_lanes(connection_string).values())).records) == 1


async def test_largest_records_are_written_whole_in_transactions_that_storage_takes(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    ledger = open_ledger(storage, clock, deadline_s=20.0, attempt_s=10.0)
    texts = [secrets.token_urlsafe(MAX_PAYLOAD_BYTES - 3_500) for _ in range(60)]
    records = [make_record(await ledger.mint(), "D-1", text=text) for text in texts]
    await asyncio.gather(*(ledger.append(record) for record in records))
    ((partition, lane),) = read_lanes(connection_string).items()
    check_lane(partition, lane)
    assert [decode(row)["data"]["personal"]["features"]["text"] for row in lane.records] == texts
    sizes = [len(row["event"]) * 4 // 3 for row in lane.records]
    assert min(sizes) > 75_000
    assert ledger.figures.transactions >= sum(sizes) / MAX_TRANSACTION_BYTES


async def test_record_appended_twice_is_told_as_unknown_and_stands_once(
    storage: AzureStorage, connection_string: str, clock: FakeClock
) -> None:
    ledger = open_ledger(storage, clock)
    record_id = await append(ledger)
    with pytest.raises(LedgerUnavailable):
        await append(ledger, record_id)
    await append(ledger)
    for partition, lane in read_lanes(connection_string).items():
        check_lane(partition, lane)
    assert time_of(record_id) == int(NEAR_THE_END.timestamp() * 1000)
