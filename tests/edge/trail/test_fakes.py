"""Lanes in memory are what storage has after the same writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import TablesLedger
from audit.lanes import Head
from audit.sealing import read_row, without_personal
from flows.trail_ports import Lanes
from tests.edge.ledger.making import make_record
from tests.edge.trail.making import NOW_MS, WINDOW, WINDOW_S, lane_name_of
from tests.fakes_trail import MemoryLanes


async def look(lanes: Lanes, lane: str) -> dict[str, Any]:
    """All that a lane shows; what is random in it is left out."""
    rows = [dict(row) async for page in lanes.rows(WINDOW, lane) for row in page]
    return {
        "registered": await lanes.registered(WINDOW, WINDOW),
        "oldest": await lanes.oldest(),
        "rows": [{name: row[name] for name in ("RowKey", "type", "digest", "batch", "event")} for row in rows],
        "minutes": await lanes.minutes(WINDOW, lane),
    }


async def test_lane_in_memory_shows_what_storage_shows(lanes: TablesLanes, ledger: TablesLedger) -> None:
    memory = MemoryLanes(window_s=WINDOW_S)
    records = [make_record(await ledger.mint(), f"D-{number}") for number in range(5)]
    lane = lane_name_of(records[0].record_id)
    for record in records:
        await ledger.append(record)
        memory.write([record], NOW_MS)
    assert await look(memory, lane) == await look(lanes, lane)
    heads: list[Head] = []
    both: tuple[Lanes, Lanes] = (memory, lanes)
    for one in both:
        heads.append(await one.fence(WINDOW, lane))
        [page] = [page async for page in one.rows(WINDOW, lane)]
        await one.blank(records[2].record_id, without_personal(read_row(page[2])))
        await one.mark_sealed(WINDOW, lane)
    assert replace(heads[0], batch_id="") == replace(heads[1], batch_id="")
    assert await look(memory, lane) == await look(lanes, lane)
    for one in both:
        await one.delete(WINDOW, lane)
    assert await look(memory, lane) == await look(lanes, lane)
