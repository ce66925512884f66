"""Counters: exact, mergeable, and the same when written and read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.counters import LATENCY_BOUNDS_MS, RISK_BINS, Counters, Tally, Traffic, risk_bin

OUTCOMES = ["approve", "review", "decline"]
DECISIONS = st.builds(
    Tally,
    record_type=st.just("vouch.decision.scored.v1"),
    model=st.just("deal-fraud"),
    version=st.sampled_from(["1.0.0", "1.1.0"]),
    policy=st.sampled_from(["standard/1", "standard/2"]),
    generation=st.integers(1, 3),
    traffic=st.sampled_from(Traffic),
    outcome=st.sampled_from(OUTCOMES),
    latency_ms=st.floats(0, 20_000),
    risk_score=st.integers(0, 1000),
    candidate_error=st.booleans(),
    shadow_version=st.sampled_from(["", "1.1.0"]),
    shadow_outcome=st.sampled_from(OUTCOMES),
    shadow_risk_score=st.integers(0, 1000),
    shadow_error=st.booleans(),
    judging_ms=st.floats(0, 100),
    shadow_judging_ms=st.floats(0, 100),
)
OTHERS = st.builds(Tally, record_type=st.sampled_from(["vouch.decision.rejected.v1", "vouch.audit.read.v1"]))
TALLIES = st.lists(st.one_of(DECISIONS, OTHERS), max_size=30)


def count(tallies: list[Tally]) -> Counters:
    counters = Counters()
    for tally in tallies:
        counters.add(tally)
    return counters


@given(TALLIES)
def test_counters_equal_a_count_by_hand(tallies: list[Tally]) -> None:
    counters = count(tallies)
    decided = [tally for tally in tallies if tally.outcome]
    assert counters.records == sum(counters.types.values()) == len(tallies)
    assert sum(group.decisions for group in counters.groups.values()) == len(decided)
    for (model, version, policy, generation, traffic, outcome), group in counters.groups.items():
        alike = [
            tally
            for tally in decided
            if (tally.model, tally.version, tally.policy, tally.generation, tally.traffic.value, tally.outcome)
            == (model, version, policy, generation, traffic, outcome)
        ]
        assert group.decisions == len(alike)
        assert group.candidate_errors == sum(tally.candidate_error for tally in alike)
        assert sum(group.latency.values()) == sum(group.risk.values()) == len(alike)
    shadowed = [tally for tally in tallies if tally.shadow_version]
    failed = [tally for tally in shadowed if tally.shadow_error]
    assert sum(counters.flips.values()) == len(shadowed)
    assert sum(number for key, number in counters.flips.items() if not key[-1]) == len(failed)
    for shadow in counters.shadows.values():
        assert sum(shadow.risk.values()) == sum(shadow.judging.values()) == sum(shadow.answering.values())
    assert sum(sum(shadow.risk.values()) for shadow in counters.shadows.values()) == len(shadowed) - len(failed)


@given(TALLIES, st.integers(0, 30))
def test_merged_counters_equal_those_of_all_records(tallies: list[Tally], at: int) -> None:
    merged, rest = count(tallies[:at]), count(tallies[at:])
    before = rest.to_json()
    merged.merge(rest)
    assert merged == count(tallies)
    assert rest.to_json() == before


@given(TALLIES)
def test_counters_written_and_read_are_the_same(tallies: list[Tally]) -> None:
    value: Any = json.loads(json.dumps(count(tallies).to_json()))
    assert Counters.from_json(value) == count(tallies)


@given(TALLIES)
def test_order_of_records_changes_nothing(tallies: list[Tally]) -> None:
    assert json.dumps(count(tallies[::-1]).to_json()["groups"]) == json.dumps(count(tallies).to_json()["groups"])


@pytest.mark.parametrize(("latency_ms", "expected"), [(0, 0), (0.99, 5), (1, 6), (9.99, 10), (10, 11), (10_000, 29)])
def test_latency_falls_into_its_bin(latency_ms: float, expected: int) -> None:
    counters = count([Tally("t", outcome="approve", latency_ms=latency_ms)])
    (group,) = counters.groups.values()
    assert group.latency == {expected: 1}
    assert expected == 0 or latency_ms >= LATENCY_BOUNDS_MS[expected - 1]
    assert expected == len(LATENCY_BOUNDS_MS) or latency_ms < LATENCY_BOUNDS_MS[expected]


@pytest.mark.parametrize(("risk_score", "expected"), [(0, 0), (19, 0), (20, 1), (999, 49), (1000, RISK_BINS - 1)])
def test_risk_score_falls_into_its_bin(risk_score: int, expected: int) -> None:
    assert risk_bin(risk_score) == expected
