"""The tables and goals of sealing, from figures; and that what is timed is sealing as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.windows import parse_window
from benchmarks.figures import Goal
from benchmarks.sealed_lake import record_decisions
from benchmarks.sealing import ALONE, NAMED, WINDOWS, Measured, build_section
from benchmarks.sealing_in_memory import KEPT_ROWS, WHOLE, SealedLane, seal_lane
from benchmarks.sealing_on_azurite import Asked, SealedWindow, purpose_of
from benchmarks.sealing_storage import renew_records

LANE = SealedLane(rows=100_000, seconds=10, written_mb=70, before_mib=200, peak_mib=210)
WINDOW = SealedWindow(100_000, 50.0, 12.0, 9.0, {"index": Asked(2_000, 100.0)})
SECOND = replace(WINDOW, rows=1_000, seconds=1.0)
MEASURED = Measured(
    lanes=[(ALONE, LANE), (NAMED, LANE), (NAMED, replace(LANE, rows=1_000_000, seconds=125))],
    parts={"unpack": [20.0], WHOLE: [100.0]},
    windows=[(ALONE, WINDOW), (NAMED, replace(WINDOW, rows=10_000))],
    growth=[SECOND] * WINDOWS,
)


def goal(measured: Measured, what: str) -> Goal:
    (found,) = (goal for goal in build_section(measured).goals if what in goal.what)
    return found


def test_rates_are_rows_by_seconds() -> None:
    assert goal(MEASURED, "1,000,000, a subject each").measured == "8,000"
    assert goal(MEASURED, "100,000 in a window").measured == "2,000"


def test_memory_that_grows_with_the_rows_misses_its_goal() -> None:
    assert goal(MEASURED, "memory that").is_reached
    *few, (named, most) = MEASURED.lanes
    grown = replace(MEASURED, lanes=[*few, (named, replace(most, peak_mib=300))])
    assert goal(grown, "memory that").is_missed
    assert goal(grown, "memory that").measured == "100 (100,000 rows: 10)"


def test_windows_that_take_longer_in_the_end_miss_their_goal_and_say_so() -> None:
    assert goal(MEASURED, "growth").is_reached
    slow = [SECOND] * (WINDOWS - 6) + [replace(SECOND, seconds=2.0)] * 6
    found = goal(replace(MEASURED, growth=slow), "growth")
    assert found.is_missed
    assert "1 s at first and 2 s in the end" in found.why


def test_tables_tell_the_parts_the_rest_and_what_storage_was_asked() -> None:
    tables = "\n".join(build_section(MEASURED).tables)
    assert "| unpack | 20 (20 to 20) | 20% |" in tables
    assert "| the rest: the flow, its tasks, index rows | 80 | 80% |" in tables
    assert f"| index | 100,000 rows, {ALONE} | 2,000 | 20 | 50 |" in tables


@pytest.mark.parametrize(
    ("path", "purpose"),
    [
        ("/ledger()?$filter=x", "rows of the ledger"),
        ("/ledger(PartitionKey='a',RowKey='b')", "rows of the ledger"),
        ("/subjects", "subject keys"),
        ("/$batch", "index"),
        ("/audit/decisions/v1/file", "registry, keyring, lake and chain"),
    ],
)
def test_requests_are_told_apart_by_their_path(path: str, purpose: str) -> None:
    assert purpose_of(path) == purpose


async def test_lane_from_memory_is_sealed_whole() -> None:
    sealed = await seal_lane(await record_decisions(), KEPT_ROWS, subjects=True)
    assert sealed.rows == KEPT_ROWS
    assert sealed.written_mb > 1
    assert sealed.peak_mib >= sealed.before_mib > 0


async def test_renewed_records_are_others_of_the_same_size_in_order() -> None:
    records = await record_decisions()
    renewed = list(renew_records(records, parse_window("20261123T210000Z", 3600), 7, 600, subjects=True))
    ids = [record.record_id for record in renewed]
    assert ids == sorted(set(ids))
    assert abs(len(renewed[0].encoded) - len(records[0].encoded)) < 64
    assert len({record.digest for record in renewed}) == 600
