"""Claims through every region for as long as a test takes, and what may be answered to them.

A caller of a region that is there is always answered, with 200; while a region is away, and only then, its callers may
meet an error. The version that answers is the stable one, or another in those spans of time in which the region may
serve it: from when it was verified there until the region was seen to have gone back. An answer fits a span where the
call and the span overlap at all.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import aiohttp

from local.replay import choose_claims
from tests.system.conftest import wait_until
from tests.system.rollouts.fleet import Away, Fleet
from training.claims import Claim

STABLE = "1.0.0"
CALLERS_PER_REGION = 2
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """One call, in Unix time: what came of it, and which version answered."""

    region: str
    sent: float
    received: float
    outcome: str
    version: str


@dataclass(slots=True)
class Span:
    """A time in which a region may serve a version that isn't stable."""

    region: str
    version: str
    since: float
    until: float = float("inf")


class Stream:
    """Callers in a thread of their own. With `wants_reasons` each asks for one, whatever the outcome."""

    def __init__(self, fleet: Fleet) -> None:
        self.heard: list[Heard] = []
        self.wants_reasons = False
        self._fleet = fleet
        self._stop, self._is_flowing = threading.Event(), threading.Event()
        self._is_flowing.set()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run_in_thread, name="claims", daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def halt(self) -> None:
        """No more calls for now."""
        self._is_flowing.clear()

    def flow(self) -> None:
        """Calls again."""
        self._is_flowing.set()

    def wait_for(self, region: str, version: str, count: int = 3, seconds: float = 30) -> None:
        """Wait until callers of a region that ask from now on were answered by a version."""
        now = time.time()

        def is_enough() -> bool:
            return sum(h.region == region and h.version == version and h.sent > now for h in list(self.heard)) >= count

        wait_until(is_enough, seconds, f"{region} answers with {version}; heard {self.count()}")

    def count(self) -> Counter[tuple[str, str]]:
        """How often each region answered with each version."""
        return Counter((heard.region, heard.version or heard.outcome) for heard in list(self.heard))

    def wait_for_all(self, version: str) -> None:
        """Wait until callers of every region that ask from now on were answered by a version, unless none ask."""
        if self._is_flowing.is_set():
            now, regions = time.time(), set(self._fleet.plan.regions)

            def are_all() -> bool:
                return {h.region for h in list(self.heard) if h.version == version and h.sent > now} == regions

            wait_until(are_all, 30, f"every region answers with {version}; heard {self.count()}")

    def _run_in_thread(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # a stream that broke proves nothing: its test has to fail
            self._failure = error

    async def _run(self) -> None:
        token = self._fleet.plan.token_file("scorer").read_text()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            callers = [
                self._call(session, name, region.base_url, number)
                for name, region in self._fleet.plan.regions.items()
                for number in range(CALLERS_PER_REGION)
            ]
            await asyncio.gather(*callers)

    async def _call(self, session: aiohttp.ClientSession, region: str, url: str, number: int) -> None:
        draw = random.Random(f"{region}-{number}")
        for count in itertools.count():
            if self._stop.is_set():
                return
            if self._is_flowing.is_set():
                deal = {"deal_id": f"deal-{id(self)}-{number}-{count}", "features": draw.choice(_claims()).features}
                path = "/api/v1/deals:score?explain=1" if self.wants_reasons else "/api/v1/deals:score"
                self.heard.append(await _ask(session, region, f"{url}{path}", deal))
            await asyncio.sleep(PAUSE_S)


async def _ask(session: aiohttp.ClientSession, region: str, url: str, deal: Mapping[str, object]) -> Heard:
    sent, outcome, version = time.time(), "200", ""
    try:
        async with session.post(url, json=deal) as answer:
            body = await answer.text()
            version = answer.headers.get("X-Model-Version", "")
            if answer.status != 200:
                outcome = f"{answer.status} {body[:200]}"
    except (aiohttp.ClientError, TimeoutError) as error:
        outcome = type(error).__name__
    return Heard(region, sent, time.time(), outcome, version)


@cache
def _claims() -> Sequence[Claim]:
    return choose_claims(500)


def find_faults(heard: Iterable[Heard], away: Mapping[str, Sequence[Away]], spans: Sequence[Span]) -> list[str]:
    """Every answer that no caller should have had, as a sentence."""
    return [fault for one in heard if (fault := _find_fault(one, away.get(one.region, ()), spans))]


def _find_fault(heard: Heard, away: Sequence[Away], spans: Sequence[Span]) -> str | None:
    if heard.outcome != "200":
        is_away = any(_overlap(heard, time_away.since, time_away.until) for time_away in away)
        return None if is_away else f"{heard.region} answered {heard.outcome} to a call of {heard.sent:.3f}"
    if heard.version == STABLE:
        return None
    is_due = any(
        span.region == heard.region and span.version == heard.version and _overlap(heard, span.since, span.until)
        for span in spans
    )
    times = f"a call from {heard.sent:.3f} to {heard.received:.3f}"
    return None if is_due else f"{heard.region} served {heard.version or 'no version'} to {times}"


def _overlap(heard: Heard, since: float, until: float) -> bool:
    return heard.sent <= until and since <= heard.received
