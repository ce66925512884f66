"""What callers notice of a version that is loaded: one region on one core, which pulls version after version.

Deals come at a steady pace, whether or not the ones before them are answered, and a latency counts from the moment
that the deal was due: nothing that stalls goes unseen. Before each pull the deals go on for a while without one.
Callers and Azurite share the other core.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path

import aiohttp

from benchmarks.claims_1996 import MODEL_FOLDER, ROOT, read_deals
from benchmarks.over_http import SCORE, local_system
from benchmarks.servers import Deal, start_host, wait_until_answering
from scoring.manifest import checksum_of
from triggers.archives import MIMETYPE, digest_header, write_archive

LOADING_ROUNDS, LOADS, QUIET_S = 5, 20, 0.5
EVERY_S = 0.0025
VERSIONS = "/api/v1/models/deal-fraud/versions"
NO_SEALING = {"VOUCH_WINDOW_S": "3600"}
"""Windows end on the hour."""

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds of the monotonic clock."""

    start: float
    end: float

    @property
    def length_ms(self) -> float:
        return (self.end - self.start) * 1e3

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class LoadingRound:
    """When deals were due and answered, when nothing was loaded, when a version was, and every status but 200."""

    requests: list[Span] = field(default_factory=list)
    quiets: list[Span] = field(default_factory=list)
    loads: list[Span] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def latencies_ms(self, spans: Sequence[Span]) -> list[float]:
        """Of the deals of whose wait any part fell into one of these."""
        return [request.length_ms for request in self.requests if any(map(request.overlaps, spans))]


def measure_loads(folder: Path) -> list[LoadingRound]:
    """Raises LoadFailed where the region doesn't start, ClientResponseError where a version isn't loaded."""
    deals = read_deals(1_000)
    with local_system(folder) as (plan, azurite):
        first = json.dumps(deals[0]).encode()
        server = start_host("loading", ROOT / "function_app.py", SCORE, plan, azurite, [first], NO_SEALING)
        try:
            wait_until_answering(server)
            operator = {"Authorization": f"Bearer {plan.token_file('operator').read_text()}"}
            return asyncio.run(_measure(server.url.removesuffix(SCORE), server.headers, operator, deals))
        finally:
            server.stop()


async def _measure(url: str, scorer: Headers, operator: Headers, deals: Sequence[Deal]) -> list[LoadingRound]:
    rounds = [LoadingRound() for _ in range(LOADING_ROUNDS)]
    async with aiohttp.ClientSession(url) as session:
        for number, measured in enumerate(rounds):
            done = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_keep_asking(session, scorer, deals, measured, done))
                for load in range(LOADS):
                    await _load_once(session, operator, f"9.{number}.{load}", measured)
                done.set()
    return rounds


async def _keep_asking(
    session: aiohttp.ClientSession, headers: Headers, deals: Sequence[Deal], measured: LoadingRound, done: asyncio.Event
) -> None:
    """A deal every EVERY_S until `done`, and the answers to all of them."""
    start = time.monotonic()
    async with asyncio.TaskGroup() as asked:
        for number in count():
            due = start + number * EVERY_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if done.is_set():
                return
            asked.create_task(_score(session, headers, deals[number % len(deals)], due, measured))


async def _score(
    session: aiohttp.ClientSession, headers: Headers, deal: Deal, due: float, measured: LoadingRound
) -> None:
    async with session.post(SCORE, json=deal, headers=headers) as answer:
        await answer.read()
    measured.requests.append(Span(due, time.monotonic()))
    if answer.status != HTTPStatus.OK:
        measured.failed.append(answer.status)


async def _load_once(session: aiohttp.ClientSession, headers: Headers, version: str, measured: LoadingRound) -> None:
    """Publish a version, let some time go by, pull it."""
    path, body = f"{VERSIONS}/{version}", _bundle_of(version)
    sent_with = {**headers, "Content-Type": MIMETYPE, "Content-Digest": digest_header(body)}
    async with session.put(path, data=body, headers=sent_with) as answer:
        answer.raise_for_status()
    started = time.monotonic()
    await asyncio.sleep(QUIET_S)
    measured.quiets.append(Span(started, time.monotonic()))
    started = time.monotonic()
    async with session.post(f"{path}:pull", json={}, headers=headers) as answer:
        answer.raise_for_status()
    measured.loads.append(Span(started, time.monotonic()))


def _bundle_of(version: str) -> bytes:
    """A version of its own with the trees of 1.0.0."""
    files = {path.name: path.read_bytes() for path in MODEL_FOLDER.iterdir()}
    manifest = json.loads(files["manifest.json"])
    manifest["version"] = version
    manifest["checksum"] = checksum_of(manifest)
    return write_archive(files | {"manifest.json": json.dumps(manifest).encode()})
