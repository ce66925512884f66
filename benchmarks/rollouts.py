"""What rollouts cost: the decision that a shadow looks on, a version that is loaded under load, a whole rollout."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from adapters.folder_models import FolderModels
from benchmarks.claims_1996 import MODEL_FOLDER, ROOT, encode_rows, read_deals
from benchmarks.composition import build_memory_service
from benchmarks.figures import Goal, Section, markdown_table, quantile, shown, spread
from benchmarks.in_process import CALL, SETTINGS, in_turn
from flows.deciding.decide_deals import Asked
from local.demo_rollout import Stream
from local.plan import Plan, make_plan
from local.replay import choose_claims
from local.system import System
from scoring.manifest import checksum_of
from scoring.release import Release, Target
from triggers.archives import MIMETYPE, digest_header, write_archive
from vouch.calls import Region, read_token

SINGLES, ROUNDS = 200, 25
LOADS, QUIET_S = 8, 1.5
CALLERS = 4
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
class Loading:
    """Latencies in milliseconds, of requests that no load of a version overlapped, and of those that one did."""

    quiet: Sequence[float]
    loading: Sequence[float]
    failed: int
    load_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class WholeRollout:
    """Seconds from the request to the last transition, and those in which the rollout waited for deals or a bake."""

    total_s: float
    waited_s: float


def measure(folder: Path, tell: Tell) -> Section:
    """The shadow in process, the rest on the local system."""
    tell("a shadow, in process")
    shadow = asyncio.run(_measure_shadow())
    plan = make_plan(folder / "system", BASE_PORT)
    system = System(plan, tell)
    try:
        system.start()
        tell("versions loaded under load")
        loading = asyncio.run(_measure_loading(plan))
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


async def _measure_loading(plan: Plan) -> Loading:
    """Callers on one region while it pulls version after version."""
    tokens = {role: plan.token_file(role).read_text() for role in ("scorer", "operator")}
    claims = choose_claims(1_000)
    taken: list[tuple[float, float]] = []
    failed = 0
    stop = False
    async with aiohttp.ClientSession(plan.control.base_url) as session:

        async def call(number: int) -> None:
            nonlocal failed
            for count in range(10**9):
                if stop:
                    return
                deal = {"deal_id": f"L-{number}-{count}", "features": claims[count % len(claims)].features}
                started = time.monotonic()
                async with session.post("/api/v1/deals:score", json=deal, headers=_bearer(tokens["scorer"])) as answer:
                    await answer.read()
                    failed += answer.status != 200
                taken.append((started, time.monotonic()))

        callers = [asyncio.create_task(call(number)) for number in range(CALLERS)]
        loads = []
        for number in range(LOADS):
            version = f"9.0.{number}"
            await _publish(session, tokens["operator"], version)
            await asyncio.sleep(QUIET_S)
            started = time.monotonic()
            path = f"/api/v1/models/deal-fraud/versions/{version}:pull"
            async with session.post(path, json={}, headers=_bearer(tokens["operator"])) as answer:
                answer.raise_for_status()
            loads.append((started, time.monotonic()))
        stop = True
        await asyncio.gather(*callers)
    published_s = 0.5
    loading = [b - a for a, b in taken if any(a < end and b > start for start, end in loads)]
    quiet = [b - a for a, b in taken if any(start - QUIET_S + published_s < a and b < start for start, _ in loads)]
    return Loading([s * 1e3 for s in quiet], [s * 1e3 for s in loading], failed, [end - start for start, end in loads])


async def _publish(session: aiohttp.ClientSession, token: str, version: str) -> None:
    """A version of its own with the trees of 1.0.0."""
    files = {path.name: path.read_bytes() for path in MODEL_FOLDER.iterdir()}
    manifest = json.loads(files["manifest.json"])
    manifest["version"] = version
    manifest["checksum"] = checksum_of(manifest)
    body = write_archive(files | {"manifest.json": json.dumps(manifest).encode()})
    headers = {**_bearer(token), "Content-Type": MIMETYPE, "Content-Digest": digest_header(body)}
    path = f"/api/v1/models/deal-fraud/versions/{version}"
    async with session.put(path, data=body, headers=headers) as answer:
        answer.raise_for_status()


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


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


def build_section(shadow: Mapping[str, Sequence[float]], loading: Loading, whole: WholeRollout) -> Section:
    """Tables and goals."""
    us = {name: spread(rounds) for name, rounds in shadow.items()}
    added_us = us[LOOKED_ON].median - us[ALONE].median
    over_predict = added_us / us[PREDICT].median
    quiet, busy = quantile(loading.quiet, 0.99), quantile(loading.loading, 0.99)
    tables = [
        markdown_table(["in process, without reasons", "µs a decision"], [[name, str(us[name])] for name in us]),
        markdown_table(
            [f"{CALLERS} callers on one region", "requests", "p50 ms", "p99 ms", "failed"],
            [
                ["no version is loaded", str(len(loading.quiet)), *_latencies(loading.quiet), "0"],
                ["a version is pulled", str(len(loading.loading)), *_latencies(loading.loading), str(loading.failed)],
            ],
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
        Goal("p99 while a version is loaded, over p99 before", "at most 2", shown(busy / quiet), busy <= 2 * quiet,
             "A pull copies the bundle within the same Azurite that commits decisions, and verifies golden deals in a "
             "thread beside the loop; which of them holds callers up has not been told apart. Letting threads go of "
             "the interpreter ten times as often changed nothing beyond the spread, and with 32 loads in place of 8 "
             "the ratio was 2.5 to 4.5 (both apart from this run, on 2026-11-26)."),
        Goal("failed requests while versions are loaded", "0", str(loading.failed), loading.failed == 0),
    ]  # fmt: skip
    note = (
        f"Shadow: {SINGLES} deals a round, {ROUNDS} rounds in turn, ledger in memory. Loading: {LOADS} versions pulled "
        f"one after the other into the control region of the local system, {shown(quantile(loading.load_s, 0.5))} s "
        "each; a request counts as overlapped where any part of it fell into a pull."
    )
    return Section("Rollouts", note, tables, goals)


def _latencies(values: Sequence[float]) -> list[str]:
    return [shown(quantile(values, 0.5)), shown(quantile(values, 0.99))]
