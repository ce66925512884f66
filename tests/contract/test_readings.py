"""What a region counts and answers is what the control region reads and judges, though neither room knows the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from audit.counters import LATENCY_BOUNDS_MS, RISK_BINS, Counters, Tally
from flows.releasing.read_metrics import Span, build_reading
from rollouts import readings
from rollouts.defaults import METRICS
from rollouts.plan import MetricRule
from rollouts.readings import Reading, parse_reading
from rollouts.verdicts import Verdict, judge_metrics
from scoring.policy import Outcome
from scoring.release import Release, Target

OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
SPAN = Span(datetime(2026, 11, 23, tzinfo=UTC), first_generation=2, step_generation=3)


def answered(deals: int, looks_on: str = "approve", *, latency_ms: float = 8.0) -> Reading:
    """The reading of a region in which the candidate looked on so many deals, as it comes over the wire."""
    counters = Counters()
    for number in range(deals):
        counters.add(
            Tally(
                "vouch.decision.scored.v1",
                model="deal-fraud",
                version="1.0.0",
                policy="standard/1",
                generation=3,
                outcome="approve",
                latency_ms=latency_ms,
                risk_score=number % 1001,
                shadow_version="1.1.0",
                shadow_outcome=looks_on,
                shadow_error=not looks_on,
                shadow_risk_score=number % 1001,
                judging_ms=0.1,
                shadow_judging_ms=latency_ms,
            )
        )
    release = Release("deal-fraud", OLD, generation=3, candidate=NEW, shadow_share=1.0)
    return parse_reading(json.loads(json.dumps(build_reading(counters, release, SPAN))))


def test_words_and_bins_are_the_same_in_both_rooms() -> None:
    assert readings.RISK_BINS == RISK_BINS
    assert tuple(outcome.value for outcome in Outcome) == readings.OUTCOMES


@pytest.mark.parametrize("latency_ms", [0.0, 0.1, 8.0, 10_000.0, 1e9])
def test_reading_of_any_latency_is_read(latency_ms: float) -> None:
    reading = answered(10, latency_ms=latency_ms)
    assert reading.latency_bounds_ms == tuple(map(float, LATENCY_BOUNDS_MS))
    assert (reading.stable.decisions, reading.candidate.decisions) == (10, 10)


def test_reading_of_no_deals_is_no_data() -> None:
    assert judge_metrics(METRICS, answered(0)).verdict is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("looks_on", "deals", "latency_ms", "verdict"),
    [
        ("approve", 1001, 0.1, Verdict.SUCCESSFUL),
        ("approve", 99, 0.1, Verdict.NO_DATA),
        ("approve", 1001, 80.0, Verdict.FAILED),
        ("decline", 1001, 0.1, Verdict.FAILED),
        ("", 1001, 0.1, Verdict.FAILED),
    ],
)
def test_reading_that_came_over_the_wire_is_judged(
    looks_on: str, deals: int, latency_ms: float, verdict: Verdict
) -> None:
    assert judge_metrics(METRICS, answered(deals, looks_on, latency_ms=latency_ms)).verdict is verdict


def test_deal_that_the_candidate_fails_is_an_error_of_it() -> None:
    judgement = judge_metrics([MetricRule("error_rate", maximum=0.01)], answered(200, ""))
    assert [m.value for m in judgement.measurements] == [1.0]
