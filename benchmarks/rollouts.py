"""What rollouts cost: the decision that a shadow looks on, a version that is loaded under load, a whole rollout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.folder_models import FolderModels
from benchmarks.claims_1996 import ROOT, encode_rows, read_deals
from benchmarks.composition import build_memory_service
from benchmarks.figures import Goal, Section, markdown_table, quantile, shown, spread
from benchmarks.in_process import CALL, SETTINGS, in_turn
from benchmarks.version_loads import EVERY_S, LOADING_ROUNDS, LOADS, QUIET_S, LoadingRound, measure_loads
from flows.deciding.decide_deals import Asked
from local.demo_rollout import Stream
from local.plan import Plan, make_plan
from local.replay import choose_claims
from local.system import System
from scoring.release import Release, Target
from vouch.calls import Region, read_token

SINGLES, ROUNDS = 200, 25
SHADOW_GOAL = 1.5
BASE_PORT = 17_070
ALONE, LOOKED_ON, PREDICT = "one decision", "one decision that a shadow looks on", "the shadow's own predict"
OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
STEPS = [{"shadow": 1.0}, {"analysis": True}, {"setWeight": 100}, {"analysis": True}]
PLAN = {
    "model": "deal-fraud",
    "version": "1.1.0",
    "steps": STEPS,
    "bake": "PT0.1S",
    "metrics": [{"name": "error_rate", "max": 0.5, "minSamples": 1}],
}
WAITING = ("Analysing", "Baking")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WholeRollout:
    """Seconds from the request to the last transition, and those in which the rollout waited for deals or a bake."""

    total_s: float
    waited_s: float


def measure(folder: Path, tell: Tell) -> Section:
    """The shadow in process, the rest on the local system."""
    tell("a shadow, in process")
    shadow = asyncio.run(_measure_shadow())
    tell("versions loaded under load")
    loading = measure_loads(folder / "loads")
    plan = make_plan(folder / "system", BASE_PORT)
    system = System(plan, tell)
    try:
        system.start()
        tell("a rollout over all regions")
        whole = _measure_rollout(plan)
    finally:
        system.stop()
    return build_section(shadow, loading, whole)


async def _measure_shadow() -> dict[str, list[float]]:
    """Microseconds a decision, alone and looked on, round by round in turn."""
    service, _ = build_memory_service(SETTINGS)
    deals = read_deals(SINGLES)
    rows = encode_rows(deals)
    model = FolderModels(ROOT / "model_artifacts").find("deal-fraud", "1.1.0")
    assert model is not None
    alone = Release("deal-fraud", OLD, generation=1_000)
    looked_on = replace(alone, candidate=NEW, shadow_share=1.0)

    async def decide(release: Release) -> None:
        service.releases.adopt(release)
        for deal in deals:
            await service.decide_deals(CALL, Asked([deal], explain=0))

    async def predict() -> None:
        for row in rows:
            model.score(row)

    await service.releases.current("deal-fraud")
    works = {ALONE: lambda: decide(alone), LOOKED_ON: lambda: decide(looked_on), PREDICT: predict}
    return await in_turn(works, ROUNDS, SINGLES)


def _measure_rollout(plan: Plan) -> WholeRollout:
    """One rollout over all regions under light traffic, with nothing to wait for but a look at each step."""
    control = Region(plan.control.base_url, read_token(plan.token_file("operator")))
    with Stream(plan, choose_claims(1_000)):
        started = time.monotonic()
        rollout = control.ask("POST", "/api/v1/rollouts", PLAN)
        while rollout["phase"] not in {"Succeeded", "RolledBack", "Failed"}:
            time.sleep(0.1)
            rollout = control.ask("GET", f"/api/v1/rollouts/{rollout['id']}")
        total_s = time.monotonic() - started
    if rollout["phase"] != "Succeeded":
        raise RuntimeError(f"the rollout ended as {rollout['phase']}: {rollout['message']}")
    return WholeRollout(total_s, _waited_s(rollout["timeline"], rollout["plan"]["waves"]))


def _waited_s(timeline: Sequence[Mapping[str, Any]], waves: Sequence[Sequence[str]]) -> float:
    """The longest wait of each wave, added up: its regions wait beside one another."""
    waits: dict[str, float] = {}
    last: dict[str, tuple[str, datetime]] = {}
    for event in timeline:
        at, source = datetime.fromisoformat(event["at"]), event["source"]
        what, since = last.get(source, ("", at))
        if what in WAITING:
            waits[source] = waits.get(source, 0.0) + (at - since).total_seconds()
        last[source] = (event["what"], at)
    return sum(max(waits.get(region, 0.0) for region in wave) for wave in waves)


def build_section(
    shadow: Mapping[str, Sequence[float]], loading: Sequence[LoadingRound], whole: WholeRollout
) -> Section:
    """Tables and goals."""
    us = {name: spread(rounds) for name, rounds in shadow.items()}
    added_us = us[LOOKED_ON].median - us[ALONE].median
    over_predict = added_us / us[PREDICT].median
    loads = [load.length_ms for measured in loading for load in measured.loads]
    quiet = [measured.latencies_ms(measured.quiets) for measured in loading]
    busy = [measured.latencies_ms(measured.loads) for measured in loading]
    p99_ratio = spread([quantile(b, 0.99) / quantile(q, 0.99) for b, q in zip(busy, quiet, strict=True)])
    failed = sum(len(measured.failed) for measured in loading)
    tables = [
        markdown_table(["in process, without reasons", "µs a decision"], [[name, str(us[name])] for name in us]),
        markdown_table(
            [f"a deal every {EVERY_S * 1e3:g} ms to one region", "deals", "p50 ms", "p99 ms"],
            [["no version is loaded", *_latencies(quiet)], ["a version is pulled", *_latencies(busy)]],
        ),
        markdown_table(
            ["a rollout over four regions in two waves, without pauses", "s"],
            [
                ["from the request to the end", shown(whole.total_s)],
                ["of that, looks at deals and bakes (a look a second)", shown(whole.waited_s)],
                ["the rest: orchestration, calls to regions, records", shown(whole.total_s - whole.waited_s)],
            ],
        ),
    ]
    goals = [
        Goal(
            "what a shadow adds to a decision, as a multiple of its own predict",
            "hardly more than 1",
            f"{shown(over_predict)} ({shown(added_us)} µs)",
            over_predict <= SHADOW_GOAL,
            "The rest is the second encoding of the features, since versions may differ in their schemas, the shadow's "
            "part of the record, and its counters.",
        ),
        Goal("p99 while a version is loaded, over p99 before", "at most 2", str(p99_ratio), p99_ratio.median <= 2),
        Goal("failed requests while versions are loaded", "0", str(failed), failed == 0),
    ]  # fmt: skip
    note = NOTE.format(load_ms=shown(quantile(loads, 0.5)))
    return Section("Rollouts", note, tables, goals)


def _latencies(rounds: Sequence[Sequence[float]]) -> list[str]:
    quantiles = (spread([quantile(latencies, q) for latencies in rounds]) for q in (0.5, 0.99))
    return [f"{sum(map(len, rounds)):,}", *map(str, quantiles)]


NOTE = f"""Shadow: {SINGLES} deals a round, {ROUNDS} rounds in turn, ledger in memory. Loading: {LOADING_ROUNDS} rounds
of {LOADS} versions, {QUIET_S:g} s without a load before each; a pull takes {{load_ms}} ms, and a deal counts as
overlapped where any part of its wait fell into it. The region has one core to itself. Callers share the other one with
Azurite, which takes the files of versions and the records of decisions alike, and whose own garbage collection holds up
everything for some 40 ms every few seconds. No window ends meanwhile: sealing is measured apart. Ratios are within a
round; medians with (min to max)."""
