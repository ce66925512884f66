"""What sealing costs: a million rows from memory, whole windows on Azurite, and one window after another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from adapters.azure_storage import connect_by_string
from adapters.file_vault import create_vault
from audit.records import Record
from audit.windows import Window
from benchmarks.figures import Goal, Section, markdown_table, shown, spread
from benchmarks.load import LOAD_CORE, SERVER_CORE
from benchmarks.over_http import local_system
from benchmarks.sealed_lake import FIRST, REGION, record_decisions
from benchmarks.sealing_in_memory import KEPT_ROWS, PART_ROUNDS, PART_ROWS, WHOLE, SealedLane, seal_lane, time_parts
from benchmarks.sealing_on_azurite import SealedWindow, open_region
from local.regions import account_of

ROWS, FEW_ROWS = 1_000_000, 100_000
WINDOW_ROWS, NAMED_ROWS, LANES = 100_000, 10_000, 4
WINDOWS, COUNTS, GROWTH_ROWS = 24, (1, 6, 24), 1_000
GROWN, HARDLY_MIB = 1.25, 16
ALONE, NAMED = "no subjects", "a subject each"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """Lanes from memory, as (what the deals name, lane); the parts of a row, in microseconds, round by round; windows
    on Azurite, as (what the deals name, window); windows of the same size, one after another."""

    lanes: Sequence[tuple[str, SealedLane]]
    parts: Mapping[str, Sequence[float]]
    windows: Sequence[tuple[str, SealedWindow]]
    growth: Sequence[SealedWindow]


def measure(folder: Path, tell: Tell) -> Section:
    """This process on one core, Azurite on the other."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(SERVER_CORE)})
    try:
        records = asyncio.run(record_decisions())
        lanes, parts = asyncio.run(_measure_in_memory(records, tell))
        create_vault(folder / "vault")
        with local_system(folder) as (_, azurite):
            os.sched_setaffinity(azurite.process.pid, {int(LOAD_CORE)})
            connections = [azurite.connection_string(account_of(region)) for region in (REGION, "northeurope")]
            windows, growth = asyncio.run(_measure_on_azurite(connections, folder / "vault", records, tell))
        return build_section(Measured(lanes, parts, windows, growth))
    finally:
        os.sched_setaffinity(0, before)


async def _measure_in_memory(
    records: Sequence[Record], tell: Tell
) -> tuple[list[tuple[str, SealedLane]], dict[str, list[float]]]:
    lanes = []
    for named, rows in ((ALONE, FEW_ROWS), (NAMED, FEW_ROWS), (NAMED, ROWS)):
        tell(f"sealing {rows:,} rows from memory, {named}")
        lanes.append((named, await seal_lane(records, rows, subjects=named == NAMED)))
    tell("sealing a row by its parts")
    return lanes, await time_parts(records)


async def _measure_on_azurite(
    connections: Sequence[str], vault: Path, records: Sequence[Record], tell: Tell
) -> tuple[list[tuple[str, SealedWindow]], list[SealedWindow]]:
    """The largest window comes last, so that what Azurite holds then is in no other's way."""
    big, small = (connect_by_string(connection) for connection in connections)
    try:
        region = open_region(small, vault)
        tell(f"writing {WINDOWS + 1} windows on Azurite")
        for number in range(WINDOWS + 1):
            await region.write(_window(number), LANES, GROWTH_ROWS, records, subjects=False)
        growth = []
        for number in range(WINDOWS + 1):
            tell(f"sealing window {number} of {WINDOWS}")
            growth.append(await region.seal(_window(number)))
        region, windows = open_region(big, vault), []
        for number, (named, rows) in enumerate(((NAMED, NAMED_ROWS), (ALONE, WINDOW_ROWS))):
            tell(f"writing {rows:,} rows on Azurite, {named}")
            await region.write(_window(number), LANES, rows, records, subjects=named == NAMED)
            tell(f"sealing {rows:,} rows on Azurite, {named}")
            windows.append((named, await region.seal(_window(number))))
        return windows[::-1], growth[1:]
    finally:
        await big.close()
        await small.close()


def _window(number: int) -> Window:
    return Window(FIRST.start_s + number * FIRST.length_s, FIRST.length_s)


def build_section(measured: Measured) -> Section:
    """Tables and goals."""
    named, most = measured.lanes[-1]
    _, few = measured.lanes[-2]
    large, small = measured.windows[0][1], measured.windows[-1][1]
    seconds = [window.seconds for window in measured.growth]
    early, late = median(seconds[: COUNTS[1]]), median(seconds[-COUNTS[1] :])
    tables = [
        _lanes_table(measured.lanes),
        _parts_table(measured.parts),
        _windows_table(measured.windows),
        _asked_table(measured.windows),
        markdown_table(
            [f"windows of {GROWTH_ROWS:,} rows, one after another", "s in all", "s a window"],
            [[str(count), shown(sum(seconds[:count])), str(spread(seconds[:count]))] for count in COUNTS],
        ),
    ]
    goals = [
        Goal(f"rows sealed a second from memory, {most.rows:,}, {named}", "", _rate(most.rows, most.seconds), None),
        Goal(
            f"memory that sealing {most.rows:,} rows adds, MiB",
            f"hardly more than {few.rows:,} do",
            f"{_added(most)} ({few.rows:,} rows: {_added(few)})",
            most.peak_mib - most.before_mib <= few.peak_mib - few.before_mib + HARDLY_MIB,
            "A lane is to hold a page of rows with their keys and a part of its file, and nothing that grows with it.",
        ),
        Goal(
            f"rows sealed a second, {large.rows:,} in a window on Azurite, {measured.windows[0][0]}",
            "",
            _rate(large.rows, large.seconds),
            None,
        ),
        Goal(f"the same, {small.rows:,} rows, {measured.windows[-1][0]}", "", _rate(small.rows, small.seconds), None),
        Goal(
            f"growth: a window of the last {COUNTS[1]} of {WINDOWS} over one of the first {COUNTS[1]}",
            f"the same (at most {GROWN:g})",
            f"{shown(late / early)} times",
            late <= GROWN * early,
            f"A window took {shown(early)} s at first and {shown(late)} s in the end. Sealing reads its own lanes and "
            "the end of the chain only; what has grown is what Azurite holds.",
        ),
    ]
    return Section("Sealing", NOTE, tables, goals)


def _lanes_table(lanes: Sequence[tuple[str, SealedLane]]) -> str:
    header = ["a lane from memory", "rows/s", "us a row", "MB of segment", "resident before, MiB", "at most, MiB"]
    rows = [
        [
            f"{lane.rows:,} rows, {named}",
            _rate(lane.rows, lane.seconds),
            shown(lane.seconds / lane.rows * 1e6),
            shown(lane.written_mb),
            shown(lane.before_mib),
            shown(lane.peak_mib),
        ]
        for named, lane in lanes
    ]
    return markdown_table(header, rows)


def _parts_table(parts: Mapping[str, Sequence[float]]) -> str:
    whole = spread(parts[WHOLE]).median
    found = {name: spread(rounds) for name, rounds in parts.items() if name != WHOLE}
    rest = whole - sum(one.median for one in found.values())
    rows = [[name, str(one), f"{one.median / whole:.0%}"] for name, one in found.items()]
    rows.append(["the rest: the flow, its tasks, index rows", shown(rest), f"{rest / whole:.0%}"])
    return markdown_table(["part of a row, with a subject", "us", "share"], rows)


def _windows_table(windows: Sequence[tuple[str, SealedWindow]]) -> str:
    header = [f"a window of {LANES} lanes on Azurite", "s", "rows/s", "of it this process works, s"]
    header += ["reading its rows and nothing else, s"]
    rows = [
        [
            f"{window.rows:,} rows, {named}",
            shown(window.seconds),
            _rate(window.rows, window.seconds),
            shown(window.worked_s),
            shown(window.reading_s),
        ]
        for named, window in windows
    ]
    return markdown_table(header, rows)


def _asked_table(windows: Sequence[tuple[str, SealedWindow]]) -> str:
    header = ["what storage was asked", "window", "requests", "for 1,000 rows", "mean ms"]
    rows = [
        [
            purpose,
            f"{window.rows:,} rows, {named}",
            f"{asked.requests:,}",
            shown(asked.requests / window.rows * 1000),
            shown(asked.seconds / asked.requests * 1000),
        ]
        for named, window in windows
        for purpose, asked in sorted(window.asked.items())
    ]
    return markdown_table(header, rows)


def _rate(rows: int, seconds: float) -> str:
    return shown(rows / seconds)


def _added(lane: SealedLane) -> str:
    return shown(lane.peak_mib - lane.before_mib)


NOTE = f"""Real records of real decisions under new ids. From memory: one lane, its pages handed over ready and its
segment thrown away, so that nothing but sealing itself is timed, on one core; one run each. The parts were each run by
themselves over {PART_ROWS:,} rows, in turn with the whole, {PART_ROUNDS} rounds. On Azurite: rows written by
transactions of 98 as the ledger writes them (not timed), then fence, {LANES} lanes side by side, manifest and chain,
through the adapters that Azure gets; this process on one core, Azurite on the other, all in memory.
A deal that names a person costs
storage a read, the first time a write of that person's key too, and one more row of the index; on Azurite every person
is new, from memory each comes again every {KEPT_ROWS:,} rows. Reading the rows alone was timed before, over the same
rows. A request's mean time includes its wait for the others under way: Azurite answers one at a time. Growth: each
window has {LANES} lanes; all were written before the first was sealed, and one more was sealed as warm-up. The
largest window comes last, so that what Azurite holds then is in no other's way."""
