"""Sends claims with known outcomes to the regions, as a deal system would, and gathers what came back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from flows.regions import Region
from local.accuracy import Judged
from local.plan import ROOT, Plan
from training.claims import Claim, read_claims

CLAIMS_FILE = ROOT / "training" / "data" / "vehicle_claims.csv.gz"
YEAR = 1996
CALLERS = 8


@dataclass(slots=True)
class Replayed:
    """What came back: decisions, refusals by reason, and how long the whole replay took."""

    judged: list[Judged] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def choose_claims(count: int) -> list[Claim]:
    """At most `count` claims of the year, spread evenly over it, always the same."""
    claims = [claim for claim in read_claims(CLAIMS_FILE.read_bytes()) if claim.year == YEAR]
    count = min(count, len(claims))
    return [claims[number * len(claims) // count] for number in range(count)]


def subject_of(number: int) -> str:
    """The policy holder of a claim, by the claim's number."""
    return f"policy-holder-{YEAR}-{number:05}"


async def replay(plan: Plan, claims: Sequence[Claim], advance: Callable[[], None]) -> Replayed:
    """Send the claims to the regions in turn, a few at a time; `advance` is called after each answer."""
    replayed = Replayed()
    waiting = iter(list(zip(enumerate(claims), _regions_in_turn(plan, len(claims)), strict=True)))
    token = plan.token_file("scorer").read_text()
    began = time.monotonic()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def call() -> None:
            for (number, claim), region in waiting:
                await _send(session, region, number, claim, replayed)
                advance()

        await asyncio.gather(*(call() for _ in range(CALLERS)))
    replayed.seconds = time.monotonic() - began
    return replayed


async def _send(session: aiohttp.ClientSession, region: Region, number: int, claim: Claim, replayed: Replayed) -> None:
    deal = {
        "deal_id": f"claim-{YEAR}-{number:05}",
        "residency": sorted(region.residencies)[number % len(region.residencies)],
        "subjects": [subject_of(number)],
        "features": claim.features,
    }
    began = time.perf_counter()
    try:
        async with session.post(f"{region.base_url}/api/v1/deals:score", json=deal) as response:
            answer = await response.json(content_type=None)
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        replayed.refused[f"{region.name}: {type(error).__name__}"] += 1
        return
    latency_ms = (time.perf_counter() - began) * 1000
    if status != 200:
        replayed.refused[f"{region.name}: {status} {answer.get('title', '')}"] += 1
        return
    replayed.judged.append(Judged(region.name, answer["outcome"], answer["score"], claim.is_fraud, latency_ms))


def _regions_in_turn(plan: Plan, count: int) -> list[Region]:
    regions = list(plan.regions.values())
    return [regions[number % len(regions)] for number in range(count)]
