"""What the ledger costs: decisions per storage transaction, and the latency it adds, by concurrent callers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.system_clock import SystemClock
from adapters.tables_ledger import TablesLedger
from benchmarks.claims_1996 import read_deals
from benchmarks.composition import build_memory_service
from benchmarks.figures import Goal, Section, markdown_table, quantile, shown, spread
from benchmarks.in_process import CALL, SETTINGS
from benchmarks.load import LOAD_CORE, SERVER_CORE
from benchmarks.over_http import local_system
from flows.deciding.decide_deals import Asked
from flows.errors import VouchError
from flows.service import Service
from local.regions import account_of

CALLERS = (1, 8, 64)
ROUNDS = 3
SECONDS = 3.0
WINDOW_S = 3600
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of one ledger: each decision's latency, and what the ledger counted (nothing where in memory)."""

    seconds: float
    latencies_ms: Sequence[float]
    transactions: int = 0
    records: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Both ledgers at one number of callers, round by round."""

    real: Sequence[Turn]
    memory: Sequence[Turn]


def measure(folder: Path, tell: Tell) -> Section:
    """Callers in this process on one core; Azurite on the other one."""
    before = os.sched_getaffinity(0)
    with local_system(folder) as (_, azurite):
        os.sched_setaffinity(azurite.process.pid, {int(LOAD_CORE)})
        os.sched_setaffinity(0, {int(SERVER_CORE)})
        try:
            return asyncio.run(_measure(azurite.connection_string(account_of("westeurope")), tell))
        finally:
            os.sched_setaffinity(0, before)


async def _measure(connection: str, tell: Tell) -> Section:
    storage = connect_by_string(connection)
    try:
        return build_section(await _compare(storage, tell))
    finally:
        await storage.close()


async def _compare(storage: AzureStorage, tell: Tell) -> dict[int, Compared]:
    ledger = TablesLedger(storage, SystemClock(), WINDOW_S)
    real, _ = build_memory_service(SETTINGS, ledger)
    memory, _ = build_memory_service(SETTINGS)
    for service in (real, memory):
        await _take_turn(service, max(CALLERS), 1.0)
    measured: dict[int, Compared] = {}
    for callers in CALLERS:
        turns: tuple[list[Turn], list[Turn]] = ([], [])
        for number in range(1, ROUNDS + 1):
            tell(f"ledger, {callers} callers, round {number} of {ROUNDS}")
            turns[0].append(await _take_turn(real, callers, SECONDS, ledger))
            turns[1].append(await _take_turn(memory, callers, SECONDS / 3))
        measured[callers] = Compared(*turns)
    await ledger.close()
    return measured


async def _take_turn(service: Service, callers: int, seconds: float, ledger: TablesLedger | None = None) -> Turn:
    """So many callers, each with one decision under way at a time. Raises any refusal."""
    figures = ledger.figures if ledger else None
    before = (figures.transactions, figures.records, figures.waited_s) if figures else (0, 0, 0.0)
    deals, latencies, started = read_deals(1_000), list[float](), time.perf_counter()

    async def call(first: int) -> None:
        number = first
        while time.perf_counter() - started < seconds:
            asked = time.perf_counter()
            (answer,) = await service.decide_deals(CALL, Asked([deals[number % len(deals)]], explain=0))
            if isinstance(answer, VouchError):
                raise answer
            latencies.append((time.perf_counter() - asked) * 1000)
            number += callers
            await asyncio.sleep(0)  # a ledger in memory would never let go of the loop

    await asyncio.gather(*(call(first) for first in range(callers)))
    after = (figures.transactions, figures.records, figures.waited_s) if figures else before
    counted = [late - early for late, early in zip(after, before, strict=True)]
    return Turn(time.perf_counter() - started, latencies, int(counted[0]), int(counted[1]), counted[2])


def build_section(measured: Mapping[int, Compared]) -> Section:
    """A row for each number of callers."""
    rows = [
        [
            str(callers),
            str(spread([len(turn.latencies_ms) / turn.seconds for turn in compared.real])),
            str(spread(per_transaction(compared.real))),
            _quantiles(compared.real),
            shown(spread([turn.waited_s / turn.records * 1000 for turn in compared.real]).median),
            str(spread([len(turn.latencies_ms) / turn.seconds for turn in compared.memory])),
            _quantiles(compared.memory),
        ]
        for callers, compared in measured.items()
    ]
    header = [
        "callers",
        "decisions/s",
        "decisions per transaction",
        "p50 / p99 ms",
        "of it waited for storage, mean ms",
    ]
    header += ["in memory: decisions/s", "in memory: p50 / p99 ms"]
    at_most = max(measured)
    reached = spread(per_transaction(measured[at_most].real))
    goal = Goal(f"decisions per transaction at {at_most} callers", "10", str(reached), reached.median >= 10)
    return Section("The ledger", NOTE, [markdown_table(header, rows)], [goal])


def per_transaction(turns: Sequence[Turn]) -> list[float]:
    return [turn.records / turn.transactions for turn in turns]


def _quantiles(turns: Sequence[Turn]) -> str:
    halves = spread([quantile(turn.latencies_ms, 0.5) for turn in turns]).median
    lasts = spread([quantile(turn.latencies_ms, 0.99) for turn in turns]).median
    return f"{shown(halves)} / {shown(lasts)}"


NOTE = f"""Callers in one process on one core, each with one decision under way at a time, without HTTP; Azurite on the
other core, all in memory.
Transactions and records are the ledger's own counts. One second of warm-up each, then {ROUNDS} rounds of
{SECONDS:g} s, the ledgers in turn. The latency that the ledger adds is the difference of the p50 columns. In memory
a decision never lets go of the core, so that its latency has no queueing in it. Callers that wait for one another's
transactions move in step: their decisions share a transaction as long as it holds fewer than 99."""
