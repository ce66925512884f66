"""Score a version's golden set through this region's own scoring, tagged synthetic: what a region without traffic can
show. It is recorded like any decision and kept out of metrics and drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.counters import LATENCY_BOUNDS_MS, Group, latency_bin, risk_bin
from flows.calls import Call
from flows.deciding.decide_deals import Asked, Decided, DecideDeals
from flows.errors import NotFound
from flows.ports import Clock, Models, Policies
from flows.releasing.read_metrics import add_group
from flows.times import format_time
from rollouts.readings import Counts, Reading, reading_data
from scoring.policy import Policy


class ScoreGolden:
    def __init__(self, models: Models, policies: Policies, decide: DecideDeals, clock: Clock) -> None:
        self._models = models
        self._policies = policies
        self._decide = decide
        self._clock = clock

    async def __call__(self, call: Call, name: str, version: str, policy: str) -> Mapping[str, Any]:
        """A reading with the golden deals as the candidate's. Raises NotFound where this region lacks either."""
        model, judge = self._models.find(name, version), self._policies.find(policy)
        if model is None or judge is None:
            raise NotFound("model version or policy")
        since, counts = self._clock.now(), Counts()
        for number, features in enumerate(model.golden, start=1):
            started = self._clock.monotonic()
            payload = {"deal_id": f"golden-{number}", "model": name, "features": features}
            (answer,) = await self._decide(call, Asked([payload], pinned_version=version, synthetic=True))
            _count(counts, answer, (self._clock.monotonic() - started) * 1000, judge)
        reading = Reading(Counts(), counts, latency_bounds_ms=LATENCY_BOUNDS_MS)
        return {"model": name, "generation": 0, "since": format_time(since), **reading_data(reading)}


def _count(counts: Counts, answer: object, latency_ms: float, judge: Policy) -> None:
    if not isinstance(answer, Decided):
        counts.errors += 1
        return
    risk_score = answer.decision["risk_score"]
    assert isinstance(risk_score, int)
    one = Group(1, latency={latency_bin(latency_ms): 1}, risk={risk_bin(risk_score): 1})
    add_group(counts, judge.decide_outcome(risk_score).value, one)
