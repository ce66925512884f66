"""The risk score is the share of genuine deals that score lower, in per mille."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calibration import Calibration, RiskScale, Step, build_calibration

SCORES = st.lists(st.floats(0, 1) | st.sampled_from([0.1, 0.2, 0.5]), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(SCORES, st.floats(0, 1))
def test_risk_score_follows_the_formula_and_the_rate_is_what_is_left(genuine: list[float], score: float) -> None:
    calibration = build_calibration(genuine, "test")
    scale = RiskScale(calibration)
    assert calibration.faults() == []
    for asked in (score, *genuine, math.nextafter(score, 0)):
        assert scale.risk_score(asked) == 1000 * sum(one < asked for one in genuine) // len(genuine)
    for step in calibration.steps:
        above = sum(one > step.above for one in genuine) / len(genuine)
        assert step.false_positive_rate == above
        assert above <= 1 - step.risk_score / 1000 + 1e-12


@settings(max_examples=100, deadline=None)
@given(SCORES, st.floats(0, 1), st.floats(0, 1))
def test_risk_score_never_falls_when_the_score_rises(genuine: list[float], one: float, other: float) -> None:
    scale = RiskScale(build_calibration(genuine, "test"))
    assert scale.risk_score(min(one, other)) <= scale.risk_score(max(one, other))


def test_threshold_means_the_same_whatever_the_scores_look_like() -> None:
    """Two versions with quite other scores send the same share of genuine deals to review."""
    plain = [index / 1000 for index in range(1000)]
    for stretch in (lambda score: score, lambda score: score**3 / 50, lambda score: 0.4 + score / 10):
        genuine = [stretch(score) for score in plain]
        scale = RiskScale(build_calibration(genuine, "test"))
        assert sum(scale.risk_score(score) >= 900 for score in genuine) == 100


def test_scores_at_the_ends_have_risk_scores_at_the_ends() -> None:
    scale = RiskScale(build_calibration([0.2, 0.4], "test"))
    assert [scale.risk_score(score) for score in (0.0, 0.2, 0.3, 0.4, 0.41, 1.0)] == [0, 0, 500, 500, 1000, 1000]


def test_calibration_without_genuine_deals_is_refused() -> None:
    with pytest.raises(ValueError, match="genuine"):
        build_calibration([], "test")


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((), "holds no step"),
        ((Step(1001, 0.1, 0.5),), "outside 1 to 1000"),
        ((Step(1, 0.2, 0.5), Step(2, 0.1, 0.4)), "don't rise"),
        ((Step(2, 0.1, 0.5), Step(2, 0.2, 0.4)), "don't rise"),
    ],
)
def test_table_that_is_none_is_found_out(steps: tuple[Step, ...], fault: str) -> None:
    assert any(fault in found for found in Calibration(1, "test", steps).faults())
