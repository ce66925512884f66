"""The values of the metrics."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.metrics import NAMES, ONE_SIDED, TWO_SIDED, Sample, latency_p95_ms, range_of, score_psi
from rollouts.plan import Of
from rollouts.readings import OUTCOMES, RISK_BINS, Counts, Reading
from tests.unit.rollouts.samples import BOUNDS, GOOD, READING


def sample(name: str, reading: Reading = READING) -> Sample:
    if name in TWO_SIDED:
        return TWO_SIDED[name](reading)
    return ONE_SIDED[name](reading.candidate, reading.latency_bounds_ms)


@pytest.mark.parametrize(
    ("name", "value", "samples"),
    [
        ("decisions", 1000, 1010),
        ("error_rate", 10 / 1010, 1010),
        ("decline_rate", 0.04, 1000),
        ("review_rate", 0.06, 1000),
        ("latency_p95_ms", 3.5, 1000),
        ("score_psi", 0.0, 1000),
        ("flip_rate", 0.02, 1000),
        ("approve_to_decline_per_10k", 200.0, 1000),
    ],
)
def test_metric_has_its_value_and_says_of_how_many_deals(name: str, value: float, samples: int) -> None:
    found = sample(name, replace(READING, candidate=replace(GOOD, errors=10)))
    assert found.value == pytest.approx(value)
    assert found.samples == samples


@pytest.mark.parametrize("name", NAMES)
def test_metric_of_nothing_counts_no_deals(name: str) -> None:
    found = sample(name, Reading(Counts(), Counts(), {}, BOUNDS))
    assert found.samples == 0
    assert found.value in {None, 0.0}


def test_deals_that_the_candidate_failed_to_judge_are_no_pairs() -> None:
    flips = {("approve", ""): 50, ("approve", "decline"): 1, ("decline", "decline"): 3}
    reading = replace(READING, flips=flips)
    assert sample("flip_rate", reading) == Sample(0.25, 4)
    assert sample("approve_to_decline_per_10k", reading) == Sample(2500.0, 4)


def test_decline_turned_approval_is_a_flip_but_hurts_no_honest_customer() -> None:
    reading = replace(READING, flips={("decline", "approve"): 1, ("approve", "approve"): 1})
    assert (sample("flip_rate", reading).value, sample("approve_to_decline_per_10k", reading).value) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("histogram", "value"),
    [
        ({0: 100}, 0.95),
        ({1: 90, 3: 10}, 7.5),
        ({1: 95, 3: 5}, 2.0),
        ({1: 5, 4: 95}, 10.0),
        ({0: 0, 2: 20}, 4.85),
    ],
)
def test_percentile_is_interpolated_in_its_bin_and_the_last_bin_tells_where_it_begins(
    histogram: dict[int, int], value: float
) -> None:
    assert latency_p95_ms(Counts(latency=histogram), BOUNDS).value == pytest.approx(value)


@given(st.dictionaries(st.integers(0, len(BOUNDS)), st.integers(0, 1000)).filter(lambda bins: sum(bins.values()) > 0))
def test_percentile_lies_in_the_bin_that_holds_it(histogram: dict[int, int]) -> None:
    found = latency_p95_ms(Counts(latency=histogram), BOUNDS)
    each = [bin_ for bin_, count in sorted(histogram.items()) for _ in range(count)]
    holds = each[-(-95 * len(each) // 100) - 1]
    low = BOUNDS[holds - 1] if holds else 0.0
    assert found.value is not None
    assert low <= found.value <= (BOUNDS[holds] if holds < len(BOUNDS) else low)


HISTOGRAM = st.dictionaries(st.integers(0, RISK_BINS - 1), st.integers(1, 500), min_size=1)


def psi(candidate: dict[int, int], stable: dict[int, int]) -> float:
    found = score_psi(Reading(Counts(risk=stable), Counts(risk=candidate), {}, BOUNDS)).value
    assert found is not None
    return found


def test_psi_is_as_worked_out_by_hand() -> None:
    # five bins, (50.5, 50.5, 0.5, 0.5, 0.5) against (0.5, 50.5, 50.5, 0.5, 0.5), of 102.5 each:
    # 2 * (50 / 102.5) * ln(50.5 / 0.5)
    assert psi({0: 50, 10: 50}, {10: 50, 20: 50}) == pytest.approx(4.502557)


@given(HISTOGRAM, HISTOGRAM)
def test_psi_is_symmetric_never_negative_and_nothing_for_equals(one: dict[int, int], other: dict[int, int]) -> None:
    assert psi(one, one) == 0
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))


@given(st.integers(1, 500), st.integers(0, 400))
def test_psi_grows_as_deals_move_away(count: int, moved: int) -> None:
    moved = min(moved, count)

    def shifted(by: int) -> float:
        return psi({5: count - by, 45: 1 + by}, {5: count, 45: 1})

    assert shifted(max(moved - 1, 0)) <= shifted(moved)


@given(st.dictionaries(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(["", *OUTCOMES])), st.integers(0, 10**6)))
def test_rates_of_pairs_are_shares(flips: dict[tuple[str, str], int]) -> None:
    reading = replace(READING, flips=flips)
    flipped, turned = sample("flip_rate", reading).value, sample("approve_to_decline_per_10k", reading).value
    if flipped is not None and turned is not None:
        assert 0 <= turned / 10_000 <= flipped + 1e-12 <= 1 + 1e-9


@given(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(OUTCOMES), st.integers(0, 500)),
    st.integers(0, 500),
    HISTOGRAM,
)
def test_value_lies_in_the_range_that_bounds_are_held_to(
    name: str, outcomes: dict[str, int], errors: int, risk: dict[int, int]
) -> None:
    candidate = Counts(sum(outcomes.values()), errors, outcomes, {1: 3}, risk)
    value = sample(name, replace(READING, candidate=candidate)).value
    lowest, highest = range_of(name, Of.CANDIDATE)
    assert value is None or lowest <= value <= highest
