"""The reading that a rollout is judged by: live traffic, one release, like compared with like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from audit.counters import Counters, Tally, Traffic
from flows.errors import LedgerUnavailable, StorageFailed
from flows.releasing.change_release import ReadRelease
from flows.releasing.read_metrics import ReadMetrics, Span, build_reading
from scoring.release import Release, Target
from tests.fakes import MemoryCounters
from tests.unit.flows.conftest import STABLE, Stage

OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
SPAN = Span(datetime(2026, 11, 23, tzinfo=UTC), first_generation=2, step_generation=3)
LOOKING_ON = Release("deal-fraud", OLD, generation=3, candidate=NEW, shadow_share=1.0)
CANARY = replace(LOOKING_ON, weight=10)


def tally(version: str = "1.0.0", generation: int = 3, **more: Any) -> Tally:
    known: dict[str, Any] = {"model": "deal-fraud", "policy": "standard/1", "outcome": "approve", "latency_ms": 8.0}
    return Tally("vouch.decision.scored.v1", version=version, generation=generation, **known | more)


def looked_on(outcome: str, shadow_outcome: str, **more: Any) -> Tally:
    return tally(
        outcome=outcome,
        shadow_version="1.1.0",
        shadow_outcome=shadow_outcome,
        shadow_error=not shadow_outcome,
        shadow_risk_score=500,
        judging_ms=0.15,
        shadow_judging_ms=40.0,
        **more,
    )


def read(release: Release, *tallies: Tally) -> Any:
    counters = Counters()
    for one in tallies:
        counters.add(one)
    return build_reading(counters, release, SPAN)


def test_shadow_reading_holds_what_the_candidate_made_of_stables_deals() -> None:
    reading = read(
        LOOKING_ON, looked_on("approve", "decline"), looked_on("approve", "approve"), looked_on("review", "")
    )
    assert reading["candidate"] == {
        "decisions": 2,
        "errors": 1,
        "outcomes": {"approve": 1, "decline": 1},
        "latency": [[14, 2]],
        "risk": [[25, 2]],
    }
    assert reading["flips"] == [["approve", "approve", 1], ["approve", "decline", 1], ["review", "", 1]]
    assert reading["stable"]["decisions"] == 3
    assert reading["stable"]["latency"] == [[1, 2]]


def test_canary_reading_holds_what_the_candidate_answered_and_failed_to_answer() -> None:
    failed = tally(candidate_error=True)
    reading = read(CANARY, tally("1.1.0", outcome="decline", risk_score=990), failed, tally(generation=2))
    assert (reading["candidate"]["decisions"], reading["candidate"]["errors"]) == (1, 1)
    assert reading["candidate"]["outcomes"] == {"decline": 1}
    assert reading["stable"]["decisions"] == 2


@pytest.mark.parametrize("traffic", [Traffic.PINNED, Traffic.SYNTHETIC])
@pytest.mark.parametrize("release", [LOOKING_ON, CANARY])
def test_traffic_that_is_not_live_is_kept_out(release: Release, traffic: Traffic) -> None:
    kept_out = [
        tally("1.1.0", traffic=traffic),
        tally(traffic=traffic),
        looked_on("approve", "decline", traffic=traffic),
    ]
    assert read(release, *kept_out) == read(release)


def test_earlier_steps_and_other_models_are_kept_out_of_the_candidate() -> None:
    reading = read(CANARY, tally("1.1.0", generation=2), tally("1.1.0", model="other"), tally("1.1.0", policy="lax/1"))
    assert reading["candidate"]["decisions"] == 0


def test_promoted_version_is_compared_with_the_one_before() -> None:
    promoted = Release("deal-fraud", NEW, generation=3, previous=OLD)
    reading = read(promoted, tally("1.1.0"), tally("1.1.0"), tally(generation=2), tally(generation=1))
    assert (reading["candidate"]["decisions"], reading["stable"]["decisions"]) == (2, 1)


def test_policy_alone_can_be_under_scrutiny() -> None:
    release = Release("deal-fraud", OLD, generation=3, candidate=Target("1.0.0", "strict/1"), weight=50)
    reading = read(release, tally(policy="strict/1", outcome="decline"), tally())
    assert (reading["candidate"]["outcomes"], reading["stable"]["outcomes"]) == ({"decline": 1}, {"approve": 1})


async def test_counters_that_cannot_be_read_are_told(stage: Stage) -> None:
    stage.store.rows["deal-fraud"] = STABLE
    metrics = ReadMetrics(ReadRelease(stage.store, stage.releases), MemoryCounters(stage.ledger, StorageFailed("gone")))
    with pytest.raises(LedgerUnavailable):
        await metrics("deal-fraud", SPAN)


def test_pairs_are_counted_since_the_rollout_began_once_the_candidate_answers() -> None:
    everything = replace(CANARY, weight=100, generation=3)
    reading = read(
        everything, looked_on("approve", "decline", generation=2), looked_on("approve", "review", generation=1)
    )
    assert reading["flips"] == [["approve", "decline", 1]]
