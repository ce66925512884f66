"""Faults between the ledger and its storage; `check_ledger` says what must hold after each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.edge.ledger.caller import Order
from tests.edge.ledger.conftest import Callers, check_ledger, run_callers, start_callers, until
from tests.edge.ledger.proxy import Fault, Proxy, after_claim, first, first_lane
from tests.edge.ledger.reader import read_lanes, read_registry, seal_lane

FATE_S = 30
PASSING = [Fault.RESET_IN_REQUEST, Fault.RESET_BEFORE_ANSWER, Fault.RESET_IN_ANSWER, Fault.BUSY, Fault.FAILED]
PASSING += [Fault.FAILED_AFTER, Fault.SILENT, Fault.SILENT_AFTER, Fault.SLOW]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name.lower())
async def test_fault_that_passes_before_the_deadline_is_not_noticed(
    fault: Fault, proxy: Proxy, proxied: str, connection_string: str
) -> None:
    proxy.choose = first(2, fault)
    run = await run_callers(Order(proxied, callers=20, records=3, deadline_s=6.0, attempt_s=0.3))
    assert proxy.struck == [fault] * 2
    assert run.fates == {"written": 60}
    lanes = await check_ledger(connection_string, run)
    assert len(lanes) == 1


@pytest.mark.parametrize(
    "fault", [Fault.SILENT, Fault.SILENT_AFTER, Fault.FAILED, Fault.FAILED_AFTER], ids=lambda fault: fault.name.lower()
)
async def test_fault_that_outlasts_the_deadline_ends_the_lane_and_the_next_lane_serves(
    fault: Fault, proxy: Proxy, proxied: str, connection_string: str
) -> None:
    proxy.choose = first_lane(fault)
    run = await run_callers(Order(proxied, callers=20, records=3, deadline_s=0.5, attempt_s=0.15))
    assert fault in proxy.struck
    assert run.fates["LedgerUnavailable"] >= 1
    assert run.fates["written"] + run.fates["LedgerUnavailable"] + run.fates["LedgerBusy"] == 60
    lanes = await check_ledger(connection_string, run)
    assert len(lanes) >= 2


async def test_failed_answer_after_the_work_was_done_is_told_as_unknown_although_the_record_is_there(
    proxy: Proxy, proxied: str, connection_string: str
) -> None:
    proxy.choose = after_claim(Fault.FAILED_AFTER)
    run = await run_callers(Order(proxied, callers=1, records=1, deadline_s=0.5, attempt_s=0.2))
    assert run.fates == {"LedgerUnavailable": 1}
    lanes = await check_ledger(connection_string, run)
    assert sum(len(lane.records) for lane in lanes.values()) == 1


async def test_transaction_that_commits_long_after_its_callers_gave_up_is_there_once(
    proxy: Proxy, proxied: str, connection_string: str
) -> None:
    proxy.choose = first_lane(Fault.LATE)
    run = await run_callers(Order(proxied, callers=10, records=2, deadline_s=0.5, attempt_s=0.15))
    given_up = [line["id"] for line in run.lines if line["fate"] == "LedgerUnavailable"]
    before = await check_ledger(connection_string, run)
    assert not {row["RowKey"] for lane in before.values() for row in lane.records} & set(given_up)

    proxy.released.set()
    held = proxy.struck.count(Fault.LATE)
    assert held >= 2
    await until(lambda: len(proxy.late_answers) == held)
    lanes = await check_ledger(connection_string, run)
    late = {row["RowKey"] for lane in lanes.values() for row in lane.records} & set(given_up)
    assert late
    assert len(lanes) == len(before)


async def test_refused_connections_are_told_and_the_ledger_comes_back_with_the_storage(
    proxy: Proxy, proxied: str, connection_string: str
) -> None:
    callers = await start_callers(Order(proxied, callers=8, deadline_s=0.5, attempt_s=0.2, until_told=True))
    await _wait_for_fate(callers, "written")
    await proxy.stop()
    await _wait_for_fate(callers, "LedgerUnavailable", "NoLane")
    await proxy.start()
    callers.lines.append({"id": None, "fate": "restarted"})
    await _wait_for_fate(callers, "written")
    await callers.tell_to_stop()
    await check_ledger(connection_string, callers)


async def test_sealed_lane_takes_no_more_records_and_its_callers_go_on_in_another(connection_string: str) -> None:
    callers = await start_callers(Order(connection_string, callers=30, until_told=True))
    line = await _wait_for_fate(callers, "written")
    (partition,) = await asyncio.to_thread(read_registry, connection_string)
    assert partition.startswith(line["id"][-4:])
    sealed_records = await asyncio.to_thread(seal_lane, connection_string, partition)
    await _wait_for_fate(callers, "LaneClosed")
    await _wait_for_fate(callers, "written")
    await callers.tell_to_stop()
    after = await check_ledger(connection_string, callers)
    assert len(after[partition].records) == sealed_records
    assert len(after) == 2
    assert set(callers.fates) == {"written", "LaneClosed"}


async def test_transaction_committed_just_before_the_lane_was_sealed_is_known_as_written(
    proxy: Proxy, proxied: str, connection_string: str
) -> None:
    proxy.choose = first(1, Fault.SILENT_AFTER)
    callers = await start_callers(Order(proxied, callers=1, records=2, deadline_s=6.0, attempt_s=1.0))
    await until(lambda: any(lane.records for lane in read_lanes(connection_string).values()))
    (partition,) = read_lanes(connection_string)
    await asyncio.to_thread(seal_lane, connection_string, partition)
    await callers.finish()
    assert callers.fates == {"written": 2}
    after = await check_ledger(connection_string, callers)
    assert len(after[partition].records) == 1
    assert len(after) == 2


async def test_two_instances_that_draw_the_same_lanes_get_one_each(connection_string: str) -> None:
    orders = [Order(connection_string, callers=5, records=4, lanes=(7, 7, 8, 8, 9, 9)) for _ in range(2)]
    runs = await asyncio.gather(*(run_callers(order) for order in orders))
    lanes_of_runs = [{line["id"][-4:] for line in run.lines} for run in runs]
    assert all(len(lanes) == 1 for lanes in lanes_of_runs)
    assert lanes_of_runs[0] != lanes_of_runs[1]
    assert all(run.fates == {"written": 20} for run in runs)
    await check_ledger(connection_string, *runs)


@pytest.mark.parametrize("said_before_the_kill", [1, 17, 60, 140])
async def test_killed_process_leaves_every_answered_record_once(
    said_before_the_kill: int, connection_string: str
) -> None:
    callers = await start_callers(Order(connection_string, callers=25, until_told=True))
    while len(callers.lines) < said_before_the_kill:
        assert await callers.read_line()
    await callers.kill()
    assert callers.fates["written"] >= said_before_the_kill
    await check_ledger(connection_string, callers, killed=True)


async def test_thousand_concurrent_callers_share_transactions(connection_string: str) -> None:
    run = await run_callers(Order(connection_string, callers=1_000, records=3, deadline_s=10.0, attempt_s=5.0))
    assert run.fates == {"written": 3_000}
    await check_ledger(connection_string, run)
    assert run.figures["records"] / run.figures["transactions"] >= 60


async def test_full_queue_refuses_records_that_are_then_not_there(connection_string: str) -> None:
    run = await run_callers(Order(connection_string, callers=150, records=2, queue_limit=20))
    assert run.fates["LedgerBusy"] >= 1
    assert run.fates["written"] >= 20
    await check_ledger(connection_string, run)


async def _wait_for_fate(callers: Callers, *fates: str) -> dict[str, Any]:
    """Read on until a record meets one of the fates; callers that never stop don't keep a test from ending."""
    async with asyncio.timeout(FATE_S):
        while line := await callers.read_line():
            if line["fate"] in fates:
                return line
    raise AssertionError(f"the callers ended without {' or '.join(fates)}")
