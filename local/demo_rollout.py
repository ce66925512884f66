"""The end of `make demo`: the newer model rolled out to every region while claims stream through them."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections import Counter
from collections.abc import Sequence

import aiohttp

from local.failures import LocalFailed
from local.plan import Plan
from rollouts.defaults import METRICS as DEFAULTS
from rollouts.plan import Of, metric_data
from training.claims import Claim
from vouch.calls import Refused, Region, read_token
from vouch.rollout_picture import watch_live, write_lines

MODEL, VERSION = "deal-fraud", "1.1.0"
METRICS = [rule for rule in DEFAULTS if (rule.name, rule.of) != ("latency_p95_ms", Of.RATIO)]
"""The defaults but one. Four regions, their storage, their sealing and their callers share this machine: how many times
longer a decision takes than a minute ago says more of that than of a version. The bound of 50 ms more stays."""
PLAN = {
    "model": MODEL,
    "version": VERSION,
    "bake": "PT3S",
    "deadline": "PT10M",
    "metrics": [metric_data(rule) for rule in METRICS],
}
CALLERS_PER_REGION = 6
PAUSE_S = 0.005


class Stream:
    """Claims through every region, from a thread of its own, for as long as the rollout takes."""

    def __init__(self, plan: Plan, claims: Sequence[Claim]) -> None:
        self.answers: Counter[str] = Counter()
        self._plan = plan
        self._claims = claims
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="claims", daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        token = self._plan.token_file("scorer").read_text()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            callers = [
                self._call(session, region.base_url, f"{name}-{number}")
                for name, region in self._plan.regions.items()
                for number in range(CALLERS_PER_REGION)
            ]
            await asyncio.gather(*callers)

    async def _call(self, session: aiohttp.ClientSession, url: str, caller: str) -> None:
        """Claims drawn at random: callers that all went through one list together would show a version the same few
        claims over and over, which a rollout rightly takes for another population."""
        draw = random.Random(caller)  # noqa: S311 -- no secret
        for count in itertools.count():
            if self._stop.is_set():
                return
            deal = {"deal_id": f"demo-{caller}-{count}", "features": draw.choice(self._claims).features}
            try:
                async with session.post(f"{url}/api/v1/deals:score", json=deal) as answer:
                    self.answers["decided" if answer.status == 200 else f"answered {answer.status}"] += 1
            except aiohttp.ClientError as error:
                self.answers[type(error).__name__] += 1
            await asyncio.sleep(PAUSE_S)


def run_rollout(plan: Plan, claims: Sequence[Claim], *, is_terminal: bool) -> Counter[str]:
    """Roll the newer version out under traffic and draw it; what callers were answered meanwhile. Raises LocalFailed
    where it didn't succeed."""
    try:
        control = Region(plan.control.base_url, read_token(plan.token_file("operator")))
        if control.ask("GET", f"/api/v1/releases/{MODEL}")["stable"]["version"] == VERSION:
            return Counter()
        with Stream(plan, claims) as stream:
            rollout = control.ask("POST", "/api/v1/rollouts", PLAN)

            def read() -> dict[str, object]:
                found: dict[str, object] = control.ask("GET", f"/api/v1/rollouts/{rollout['id']}")
                return found

            code = watch_live(read) if is_terminal else write_lines(read, print)
    except Refused as error:
        raise LocalFailed(f"The rollout was refused: {error}") from error
    if code != 0:
        raise LocalFailed(f"The rollout did not succeed. See it: python -m vouch rollout watch {rollout['id']}")
    return stream.answers
