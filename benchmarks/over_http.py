"""Single deals over HTTP: throughput and latency at 1, 32 and 256 connections, the systems in turn.

One process serves on one core, wrk sends from the other one. Azurite, which stands for a storage account elsewhere,
shares the core of the load. All servers stand idle but the one that is measured.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.claims_1996 import ROOT, read_deals
from benchmarks.figures import Goal, Section, Spread, markdown_table, shown, spread
from benchmarks.load import LOAD_CORE, Load, Round, require_wrk, run_round, write_load
from benchmarks.servers import (
    Server,
    check_scores,
    free_port,
    start_bentoml,
    start_host,
    start_mlserver,
    wait_until_answering,
)
from local.azurite import Azurite, start_azurite
from local.issuer import open_issuer, serve_issuer, write_tokens
from local.plan import Plan, make_plan
from local.regions import REGISTRY_ACCOUNT, account_of
from local.vaults import prepare_vaults

CONNECTIONS = (1, 32, 256)
ROUNDS = 3
SECONDS = 2.0
WARM_UP_SECONDS = 2.0
DEALS = 1_000
SCORE = "/api/v1/deals:score"
MEMORY, REAL, ECHO = "Vouch, ledger in memory", "Vouch, ledger on Azurite", "echo on the local host"
MLSERVER, BENTOML = "MLServer", "BentoML"
Measured = Mapping[tuple[str, int], Sequence[Round]]
Tell = Callable[[str], None]


def measure(folder: Path, tell: Tell) -> Section:
    """Start everything, prove that all do the same work, measure in turn."""
    require_wrk()
    deals = read_deals(DEALS)
    with local_system(folder) as (plan, azurite), ExitStack() as running:
        servers = _start_servers(plan, azurite, folder, tell)
        for server in servers:
            running.callback(server.stop)
        for server in servers:
            wait_until_answering(server)
            check_scores(server, deals)
        loads = {s.name: write_load(folder, s.slug, s.url, s.bodies, s.headers) for s in servers}
        measured = _measure_in_turn(loads, tell)
    return build_section(measured)


@contextmanager
def local_system(folder: Path) -> Iterator[tuple[Plan, Azurite]]:
    """What a region stands on: regions and vaults, an issuer and Azurite, on free ports, with nothing left behind.

    Azurite keeps all in memory: a storage account has no pause every five seconds in which it writes itself out."""
    plan = make_plan(folder / "system", free_port())
    prepare_vaults(plan)
    issuer = open_issuer(plan)
    write_tokens(issuer, int(time.time()))
    server = serve_issuer(issuer)
    accounts = [REGISTRY_ACCOUNT, *(account_of(region) for region in plan.regions)]
    ports = free_port(), free_port(), free_port()
    azurite = start_azurite(accounts, plan.folder / "azurite", ports, in_memory=True)
    os.sched_setaffinity(azurite.process.pid, {int(LOAD_CORE)})
    try:
        yield plan, azurite
    finally:
        azurite.stop()
        server.shutdown()
        server.server_close()


def _start_servers(plan: Plan, azurite: Azurite, folder: Path, tell: Tell) -> list[Server]:
    tell("starting five servers")
    deals = read_deals(DEALS)
    bodies = [json.dumps(deal).encode() for deal in deals]
    here = ROOT / "benchmarks"
    return [
        start_host(MEMORY, here / "memory_app" / "function_app.py", SCORE, plan, azurite, bodies),
        start_host(REAL, ROOT / "function_app.py", SCORE, plan, azurite, bodies),
        start_mlserver(folder / "mlserver", deals),
        start_bentoml(folder / "bentoml", deals),
        start_host(ECHO, here / "echo_app" / "function_app.py", "/echo", plan, azurite, bodies),
    ]


def _measure_in_turn(loads: Mapping[str, Load], tell: Tell) -> Measured:
    for name, load in loads.items():
        tell(f"warming up {name}")
        run_round(load, 32, WARM_UP_SECONDS)
    measured: dict[tuple[str, int], list[Round]] = {}
    for connections in CONNECTIONS:
        for number in range(1, ROUNDS + 1):
            for name, load in loads.items():
                tell(f"{connections} connections, round {number} of {ROUNDS}: {name}")
                measured.setdefault((name, connections), []).append(run_round(load, connections, SECONDS))
    return measured


def build_section(measured: Measured) -> Section:
    """The table of all systems and the two goals, each a ratio within a round."""
    header = ["system", "connections", "decisions/s", "p50 ms", "p99 ms", "wrk's use of its core"]
    rows = [
        [
            name,
            str(connections),
            str(spread([one.per_second for one in rounds])),
            shown(spread([one.p50_ms for one in rounds]).median),
            str(spread([one.p99_ms for one in rounds])),
            f"{max(one.load_share for one in rounds):.0%}",
        ]
        for (name, connections), rounds in measured.items()
    ]
    goals = [
        _goal(measured, MEMORY, "with a ledger in memory, twice MLServer's throughput", 2.0),
        _goal(measured, REAL, "with the ledger on Azurite, ahead of MLServer", 1.0),
    ]
    return Section("Single deals over HTTP", NOTE, [markdown_table(header, rows)], goals)


def ratios(measured: Measured, name: str, other: str, connections: int) -> Spread:
    """Throughput of one as a multiple of the other's, round by round."""
    pairs = zip(measured[name, connections], measured[other, connections], strict=True)
    return spread([one.per_second / beside.per_second for one, beside in pairs])


def _goal(measured: Measured, name: str, what: str, wanted: float) -> Goal:
    """Reached where it is reached at every number of connections."""
    found = {connections: ratios(measured, name, MLSERVER, connections) for connections in CONNECTIONS}
    text = "; ".join(f"{ratio} at {connections}" for connections, ratio in found.items())
    missed = [connections for connections, ratio in found.items() if ratio.median <= wanted]
    why = " ".join(_why_behind(measured, name, connections, wanted) for connections in missed)
    return Goal(what, f"over {wanted:g} times", text, not missed, f"{why} {REMEDIES[name]}")


def _why_behind(measured: Measured, name: str, connections: int, wanted: float) -> str:
    """What a request costs here and there, and what it may cost."""
    ours, theirs, echo, memory = (
        1e6 / spread([one.per_second for one in measured[system, connections]]).median
        for system in (name, MLSERVER, ECHO, MEMORY)
    )
    storage = f", {shown(ours - memory)} the ledger on Azurite" if name == REAL else ""
    return (
        f"At {connections}: {shown(ours)} us a request, of which {shown(echo)} are the local host's (echo), "
        f"{shown(memory - echo)} ours{storage}; MLServer takes {shown(theirs)}, the goal is {shown(theirs / wanted)}."
    )


REMEDIES = {
    MEMORY: "By cProfile (apart from this run, on 2026-11-26) some 60 % of ours is the flow (its parts: In process); "
    "of the edge, the log line takes 9 %, decoding the body, the response and the token about 5 % each. A compiled "
    "record writer and a leaner log line would come nearer.",
    REAL: "One caller waits a commit for every decision, and durability before the answer is the promise; with many "
    "the commit is shared, and what remains is to write, sign and read the transaction's text in Python.",
}
NOTE = f"""One server process on one core, wrk (one thread) on the other; Azurite, which stands for a storage account
elsewhere, on the core of the load and all in memory (what it otherwise writes out every five seconds stops every
request meanwhile, which no storage account does).
The first {DEALS:,} claims of 1996 with nothing missing, in turn (MLServer refuses
NaN, so all are spared it); {WARM_UP_SECONDS:g} s of warm-up at 32 connections each, then {ROUNDS} rounds of
{SECONDS:g} s, the systems in turn in every round. Every system's scores of 50
deals equalled LightGBM's to the last bit before the first round; any answer other than 2xx, or any failed connection,
fails the run. Vouch checks a signed token, reads named JSON features, validates, scores, decides, and (on Azurite)
commits the record before it answers. MLServer and BentoML are sent rows that are already encoded as numbers, without
a token, and record nothing: this flatters them. MLServer runs with `parallel_workers: 0` (one process, as the others).
Ratios are within a round; medians with (min to max). The echo function is the ceiling of anything on the local
host; wrk's own ceiling is where it uses all of its core."""
