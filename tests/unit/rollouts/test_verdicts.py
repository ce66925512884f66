"""Verdicts: one rule at a time, and together."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.metrics import NAMES
from rollouts.plan import MetricRule, Of, OnBreach
from rollouts.readings import Counts, Reading
from rollouts.verdicts import WORST_FIRST, Verdict, judge_metric, judge_metrics, judgement_data, synthetic_rules
from tests.unit.rollouts.samples import BOUNDS, EVEN, GOOD, READING

FAILING = replace(GOOD, errors=10)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (MetricRule("decline_rate", maximum=0.05), Verdict.SUCCESSFUL),
        (MetricRule("decline_rate", maximum=0.04), Verdict.SUCCESSFUL),
        (MetricRule("decline_rate", maximum=0.03), Verdict.FAILED),
        (MetricRule("decline_rate", minimum=0.04), Verdict.SUCCESSFUL),
        (MetricRule("decline_rate", minimum=0.05), Verdict.FAILED),
        (MetricRule("decline_rate", maximum=0.03, on_breach=OnBreach.PAUSE), Verdict.INCONCLUSIVE),
        (MetricRule("decline_rate", maximum=0.03, min_samples=1000), Verdict.FAILED),
        (MetricRule("decline_rate", maximum=0.03, min_samples=1001), Verdict.NO_DATA),
        (MetricRule("luck", maximum=1), Verdict.ERROR),
    ],
)
def test_rule_gives_its_verdict(rule: MetricRule, verdict: Verdict) -> None:
    assert judge_metric(rule, READING).verdict is verdict


@pytest.mark.parametrize(
    ("of", "value", "stable"), [(Of.CANDIDATE, 0.04, None), (Of.DELTA, 0.03, 0.01), (Of.RATIO, 4.0, 0.01)]
)
def test_value_is_the_candidates_or_compared_with_stables(of: Of, value: float, stable: float | None) -> None:
    reading = replace(READING, stable=replace(GOOD, outcomes={"approve": 990, "decline": 10}))
    measured = judge_metric(MetricRule("decline_rate", of, maximum=0.5), reading)
    assert measured.value == pytest.approx(value)
    assert (measured.candidate, measured.stable) == (0.04, stable)


def test_comparison_needs_enough_deals_on_both_sides() -> None:
    few = replace(READING, stable=replace(GOOD, decisions=99, outcomes={"approve": 99}))
    assert judge_metric(MetricRule("decline_rate", Of.DELTA, maximum=0.01), few).verdict is Verdict.NO_DATA
    assert judge_metric(MetricRule("decline_rate", maximum=0.01), few).verdict is Verdict.FAILED


def test_ratio_to_nothing_is_an_error_not_a_number() -> None:
    measured = judge_metric(MetricRule("error_rate", Of.RATIO, maximum=2), replace(READING, candidate=FAILING))
    assert (measured.verdict, measured.value) == (Verdict.ERROR, None)


def test_ratio_of_nothing_to_nothing_is_one() -> None:
    measured = judge_metric(MetricRule("error_rate", Of.RATIO, maximum=2), READING)
    assert (measured.verdict, measured.value) == (Verdict.SUCCESSFUL, 1.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("of", list(Of))
def test_metric_without_deals_is_no_data(name: str, of: Of) -> None:
    empty = Reading(Counts(), Counts(), {}, BOUNDS)
    assert judge_metric(MetricRule(name, of, minimum=0, maximum=1), empty).verdict is Verdict.NO_DATA


def test_reading_that_could_not_be_had_is_an_error() -> None:
    judgement = judge_metrics([MetricRule("decisions", minimum=1)], None, "the region did not answer")
    assert (judgement.verdict, judgement.reason) == (Verdict.ERROR, "decisions: the region did not answer")


RULES = {
    Verdict.FAILED: MetricRule("decline_rate", maximum=0.03),
    Verdict.ERROR: MetricRule("luck", maximum=1),
    Verdict.INCONCLUSIVE: MetricRule("decline_rate", maximum=0.03, on_breach=OnBreach.PAUSE),
    Verdict.NO_DATA: MetricRule("decline_rate", maximum=1, min_samples=10_000),
    Verdict.SUCCESSFUL: MetricRule("decline_rate", maximum=1),
}


def test_worst_comes_first() -> None:
    assert [verdict.value for verdict in WORST_FIRST] == ["Failed", "Error", "Inconclusive", "NoData", "Successful"]


@given(st.lists(st.sampled_from(list(RULES)), min_size=1, max_size=6))
def test_whole_is_the_worst_of_its_parts_and_only_all_successful_is_successful(verdicts: list[Verdict]) -> None:
    judgement = judge_metrics([RULES[verdict] for verdict in verdicts], READING)
    assert judgement.verdict is min(verdicts, key=WORST_FIRST.index)
    assert (judgement.verdict is Verdict.SUCCESSFUL) == (set(verdicts) == {Verdict.SUCCESSFUL})


def test_nothing_measured_is_never_successful() -> None:
    assert judge_metrics([], READING).verdict is Verdict.NO_DATA
    assert judge_metrics([], None, "gone").verdict is not Verdict.SUCCESSFUL


def declining(share: float) -> Counts:
    declined = round(share * 1000)
    return replace(GOOD, outcomes={"approve": 1000 - declined, "decline": declined})


def slow(share: float) -> Counts:
    late = round(share * 1000)
    return replace(GOOD, latency={0: 1000 - late, 3: late})


def failing(share: float) -> Counts:
    errors = round(share * 1000)
    return replace(GOOD, errors=errors, decisions=1000 - errors)


WORSE = {"decline_rate": declining, "latency_p95_ms": slow, "error_rate": failing}


@given(st.sampled_from(sorted(WORSE)), st.sampled_from(list(Of)), st.floats(0, 12), st.floats(0, 1), st.floats(0, 1))
def test_worse_value_never_turns_a_failure_into_a_success(
    name: str, of: Of, bound: float, one: float, other: float
) -> None:
    rule = MetricRule(name, of, maximum=bound, min_samples=1)

    def verdict(share: float) -> Verdict:
        return judge_metric(rule, Reading(WORSE[name](0.1), WORSE[name](share), EVEN, BOUNDS)).verdict

    if verdict(min(one, other)) is Verdict.FAILED:
        assert verdict(max(one, other)) is Verdict.FAILED


@given(st.floats(0, 1), st.integers(0, 1000), st.integers(0, 1000))
def test_more_flips_never_turn_a_failure_into_a_success(bound: float, one: int, other: int) -> None:
    rule = MetricRule("flip_rate", maximum=bound)

    def verdict(flipped: int) -> Verdict:
        flips = {("approve", "approve"): 1000 - flipped, ("approve", "review"): flipped}
        return judge_metric(rule, replace(READING, flips=flips)).verdict

    if verdict(min(one, other)) is Verdict.FAILED:
        assert verdict(max(one, other)) is Verdict.FAILED


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_fewer_deals_than_asked_for_are_never_judged(deals: int, min_samples: int) -> None:
    counts = Counts(deals, 0, {"decline": deals})
    rule = MetricRule("decline_rate", maximum=0.5, min_samples=min_samples)
    verdict = judge_metric(rule, replace(READING, candidate=counts)).verdict
    assert (verdict is Verdict.NO_DATA) == (deals < min_samples)


def test_judgement_is_told_as_json_with_the_numbers_behind_it() -> None:
    told = json.loads(json.dumps(judgement_data(judge_metrics([RULES[Verdict.FAILED]], READING)), allow_nan=False))
    assert told == {
        "verdict": "Failed",
        "reason": "decline_rate (candidate) is 0.04, allowed is at most 0.03",
        "metrics": [
            {
                "name": "decline_rate",
                "of": "candidate",
                "verdict": "Failed",
                "value": 0.04,
                "candidate": 0.04,
                "stable": None,
                "min": None,
                "max": 0.03,
                "samples": 1000,
                "minSamples": 100,
                "detail": "decline_rate (candidate) is 0.04, allowed is at most 0.03",
            }
        ],
    }


def test_golden_set_is_judged_however_few_deals_it_holds_and_none_of_it_may_fail() -> None:
    rules = synthetic_rules(
        [
            MetricRule("latency_p95_ms", maximum=5.0, min_samples=100),
            MetricRule("latency_p95_ms", Of.RATIO, maximum=2.0),
            MetricRule("flip_rate", maximum=0.1),
        ]
    )
    golden = Counts(3, 0, {"approve": 3}, {1: 3})
    assert [(rule.name, rule.of) for rule in rules] == [
        ("latency_p95_ms", Of.CANDIDATE),
        ("error_rate", Of.CANDIDATE),
    ]
    assert judge_metrics(rules, Reading(Counts(), golden, {}, BOUNDS)).verdict is Verdict.SUCCESSFUL
    assert judge_metrics(rules, Reading(Counts(), replace(golden, errors=1), {}, BOUNDS)).verdict is Verdict.FAILED
    assert judge_metrics(rules, Reading(Counts(), Counts(), {}, BOUNDS)).verdict is Verdict.NO_DATA
