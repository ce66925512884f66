"""Verdicts and the metrics behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.metrics import ONE_SIDED, PAIRWISE, latency_p95_ms, score_psi
from rollouts.plan import MetricRule, Of, OnBreach
from rollouts.readings import Counts, InvalidReading, Reading, parse_reading
from rollouts.verdicts import WORST_FIRST, Verdict, judge_metric, judge_metrics, judgement_data

BOUNDS = (1.0, 2.0, 5.0, 10.0)
GOOD = Counts(1000, 0, {"approve": 900, "review": 60, "decline": 40}, {1: 900, 2: 100}, {5: 500, 20: 500})
EVEN = {("approve", "approve"): 940, ("decline", "decline"): 40, ("approve", "decline"): 20}
READING = Reading(GOOD, GOOD, EVEN, BOUNDS)


def value(name: str, of: Of = Of.CANDIDATE, reading: Reading = READING) -> float | None:
    return judge_metric(MetricRule(name, of, maximum=1e9), reading).value


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("decisions", Of.CANDIDATE, 1000),
        ("error_rate", Of.CANDIDATE, 0.0),
        ("decline_rate", Of.CANDIDATE, 0.04),
        ("review_rate", Of.DELTA, 0.0),
        ("decline_rate", Of.RATIO, 1.0),
        ("error_rate", Of.RATIO, 1.0),
        ("latency_p95_ms", Of.CANDIDATE, 3.5),
        ("score_psi", Of.CANDIDATE, 0.0),
        ("flip_rate", Of.CANDIDATE, 0.02),
        ("approve_to_decline_per_10k", Of.CANDIDATE, 200.0),
    ],
)
def test_metric_has_its_value(name: str, of: Of, expected: float) -> None:
    assert value(name, of) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (MetricRule("decline_rate", maximum=0.05), Verdict.SUCCESSFUL),
        (MetricRule("decline_rate", maximum=0.03), Verdict.FAILED),
        (MetricRule("decline_rate", minimum=0.05), Verdict.FAILED),
        (MetricRule("decline_rate", maximum=0.03, on_breach=OnBreach.PAUSE), Verdict.INCONCLUSIVE),
        (MetricRule("decline_rate", maximum=0.03, min_samples=1001), Verdict.NO_DATA),
        (MetricRule("luck", maximum=1), Verdict.ERROR),
    ],
)
def test_rule_gives_its_verdict(rule: MetricRule, verdict: Verdict) -> None:
    assert judge_metric(rule, READING).verdict is verdict


def test_ratio_to_nothing_is_an_error_not_a_number() -> None:
    failing = Reading(GOOD, replace(GOOD, errors=10), EVEN, BOUNDS)
    measured = judge_metric(MetricRule("error_rate", Of.RATIO, maximum=2), failing)
    assert (measured.verdict, measured.value) == (Verdict.ERROR, None)


@pytest.mark.parametrize("name", [*ONE_SIDED, *PAIRWISE])
def test_metric_without_deals_is_no_data(name: str) -> None:
    empty = Reading(Counts(), Counts(), {}, BOUNDS)
    assert judge_metric(MetricRule(name, minimum=0, maximum=1), empty).verdict is Verdict.NO_DATA


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


@given(st.lists(st.sampled_from(list(RULES)), min_size=1, max_size=6))
def test_whole_is_the_worst_of_its_parts_and_only_all_successful_is_successful(verdicts: list[Verdict]) -> None:
    judgement = judge_metrics([RULES[verdict] for verdict in verdicts], READING)
    assert judgement.verdict is min(verdicts, key=WORST_FIRST.index)
    assert (judgement.verdict is Verdict.SUCCESSFUL) == (set(verdicts) == {Verdict.SUCCESSFUL})


def test_nothing_measured_is_never_successful() -> None:
    assert judge_metrics([], READING).verdict is Verdict.NO_DATA


HISTOGRAM = st.dictionaries(st.integers(0, 49), st.integers(1, 500), min_size=1)


@given(HISTOGRAM, HISTOGRAM)
def test_psi_is_symmetric_never_negative_and_nothing_for_equals(one: dict[int, int], other: dict[int, int]) -> None:
    def psi(candidate: dict[int, int], stable: dict[int, int]) -> float:
        found = score_psi(Reading(Counts(risk=stable), Counts(risk=candidate), {}, BOUNDS)).value
        assert found is not None
        return found

    assert psi(one, one) == pytest.approx(0)
    assert psi(one, other) >= -1e-12
    if sum(one.values()) == sum(other.values()):
        assert psi(one, other) == pytest.approx(psi(other, one))


@given(st.dictionaries(st.integers(0, len(BOUNDS)), st.integers(1, 1000), min_size=1))
def test_percentile_lies_in_the_bin_that_holds_it(histogram: dict[int, int]) -> None:
    sample = latency_p95_ms(Counts(latency=histogram), BOUNDS)
    total, below = sum(histogram.values()), 0
    assert sample.value is not None
    for bin_, count in sorted(histogram.items()):
        if below + count >= 0.95 * total:
            low = BOUNDS[bin_ - 1] if bin_ else 0.0
            assert low <= sample.value <= (BOUNDS[bin_] if bin_ < len(BOUNDS) else low)
            break
        below += count


@given(st.floats(0, 1), st.floats(0, 1))
def test_worse_value_never_turns_a_failure_into_a_success(bound: float, worse: float) -> None:
    declined = round(worse * 1000)
    rule = MetricRule("decline_rate", maximum=bound)

    def verdict(count: int) -> Verdict:
        counts = replace(GOOD, outcomes={"approve": 1000 - count, "decline": count})
        return judge_metric(rule, Reading(GOOD, counts, EVEN, BOUNDS)).verdict

    if verdict(declined) is Verdict.FAILED:
        assert all(verdict(count) is Verdict.FAILED for count in (declined, min(1000, declined + 1), 1000))


def test_reading_is_read_off_what_a_region_answers() -> None:
    counts: dict[str, Any] = {"decisions": 1, "errors": 2, "outcomes": {"approve": 1}, "latency": [[3, 1]], "risk": []}
    document = {"stable": counts, "candidate": counts, "flips": [["approve", "", 4]], "latency_bounds_ms": [1, 2]}
    expected = Counts(1, 2, {"approve": 1}, {3: 1}, {})
    assert parse_reading(document) == Reading(expected, expected, {("approve", ""): 4}, (1.0, 2.0))


@pytest.mark.parametrize("document", [None, 1, [], {}, {"stable": {}}, {"stable": 1, "candidate": 2, "flips": 3}])
def test_what_is_no_reading_is_told(document: object) -> None:
    with pytest.raises(InvalidReading):
        parse_reading(document)


def test_judgement_is_told_with_the_numbers_behind_it() -> None:
    told = judgement_data(judge_metrics([RULES[Verdict.FAILED]], READING))
    assert told["reason"] == "decline_rate (candidate) is 0.04, allowed is at most 0.03"
    assert told["metrics"][0]["samples"] == 1000
