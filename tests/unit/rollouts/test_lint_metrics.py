"""Metrics of a plan: known, able to fail, and measurable by the plan's own steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.lint import lint_plan
from rollouts.metrics import NAMES, TWO_SIDED, range_of
from rollouts.plan import Of
from tests.unit.rollouts.test_lint import ENOUGH, FLEET, lint, sound

RULE: dict[str, Any] = {"name": "error_rate", "max": 0.01}
UNSHADOWED = [{"setWeight": 10}, {"analysis": True}, {"setWeight": 100}]


@pytest.mark.parametrize(
    ("metrics", "pointers"),
    [
        ([], ["/metrics"]),
        ({"error_rate": 1}, ["/metrics"]),
        ([RULE] * 51, ["/metrics"]),
        ([RULE, 7, None], ["/metrics/1", "/metrics/2"]),
        ([{"max": 1}], ["/metrics/0/name"]),
        ([{"name": "luck", "max": 1}], ["/metrics/0/name"]),
        ([{"name": ["error_rate"], "max": 0.5}], ["/metrics/0/name"]),
        ([RULE | {"colour": 1}], ["/metrics/0/colour"]),
        ([{"name": "error_rate"}], ["/metrics/0"]),
        ([{"name": "decisions", "min": 2, "max": 1}], ["/metrics/0/min"]),
        ([RULE | {"max": float("nan"), "minSamples": 0}], ["/metrics/0/max", "/metrics/0/minSamples"]),
        ([RULE | {"max": True}], ["/metrics/0/max"]),
        ([RULE | {"max": "0.01"}], ["/metrics/0/max"]),
        ([RULE | {"max": 10**400}], ["/metrics/0/max"]),
        ([RULE | {"minSamples": True}], ["/metrics/0/minSamples"]),
        ([RULE | {"minSamples": 10_000_001}], ["/metrics/0/minSamples"]),
        ([RULE | {"of": "luck", "onBreach": "weep"}], ["/metrics/0/of", "/metrics/0/onBreach"]),
        ([{"name": "flip_rate", "of": "ratio", "max": 0.5}], ["/metrics/0/of"]),
        ([{"name": "score_psi", "of": "delta", "max": 0.25}], ["/metrics/0/of"]),
        ([{"name": "approve_to_decline_per_10k", "of": "delta", "max": 5}], ["/metrics/0/of"]),
    ],
)
def test_faulty_metric_is_told_by_its_place(metrics: object, pointers: list[str]) -> None:
    assert lint(metrics=metrics) == pointers


@pytest.mark.parametrize(
    ("name", "of", "bounds", "pointers"),
    [
        ("error_rate", "candidate", {"max": 0}, []),
        ("error_rate", "candidate", {"max": 0.99}, []),
        ("error_rate", "candidate", {"max": 1}, ["/metrics/0"]),
        ("error_rate", "candidate", {"max": 5}, ["/metrics/0/max"]),
        ("error_rate", "candidate", {"max": -0.1}, ["/metrics/0/max"]),
        ("error_rate", "candidate", {"min": 0}, ["/metrics/0"]),
        ("error_rate", "candidate", {"min": 0, "max": 1}, ["/metrics/0"]),
        ("error_rate", "candidate", {"min": 0, "max": 0.5}, []),
        ("decline_rate", "candidate", {"min": 0.001, "max": 1}, []),
        ("decline_rate", "candidate", {"min": 1.1, "max": 2}, ["/metrics/0/min", "/metrics/0/max"]),
        ("decline_rate", "delta", {"min": -0.05}, []),
        ("decline_rate", "delta", {"min": -1}, ["/metrics/0"]),
        ("decline_rate", "delta", {"max": 1.5}, ["/metrics/0/max"]),
        ("decline_rate", "ratio", {"max": 5}, []),
        ("decline_rate", "ratio", {"max": 0}, ["/metrics/0/max"]),
        ("decline_rate", "ratio", {"min": 0}, ["/metrics/0/min"]),
        ("decline_rate", "ratio", {"max": -1}, ["/metrics/0/max"]),
        ("latency_p95_ms", "candidate", {"max": 1e6}, []),
        ("latency_p95_ms", "delta", {"min": -1e6}, []),
        ("decisions", "candidate", {"min": 1}, []),
        ("decisions", "candidate", {"min": 0}, ["/metrics/0"]),
        ("approve_to_decline_per_10k", "candidate", {"max": 10_001}, ["/metrics/0/max"]),
        ("approve_to_decline_per_10k", "candidate", {"max": 10_000}, ["/metrics/0"]),
    ],
)
def test_bounds_that_a_value_never_reaches_are_a_fault(
    name: str, of: str, bounds: dict[str, float], pointers: list[str]
) -> None:
    assert lint(metrics=[{"name": name, "of": of, **bounds}]) == pointers


@given(st.sampled_from(NAMES), st.sampled_from(list(Of)), st.floats(allow_nan=False, allow_infinity=False))
def test_sound_maximum_can_be_kept_and_exceeded(name: str, of: Of, maximum: float) -> None:
    of = Of.CANDIDATE if name in TWO_SIDED else of
    lowest, highest = range_of(name, of)
    plan, _ = lint_plan(ENOUGH | {"metrics": [{"name": name, "of": of.value, "max": maximum}]}, FLEET)
    can_be_kept = maximum > 0 if of is Of.RATIO else maximum >= lowest
    assert (plan is not None) == (can_be_kept and maximum < highest)


@pytest.mark.parametrize("name", ["flip_rate", "approve_to_decline_per_10k"])
def test_metric_of_pairs_without_a_shadow_step_is_a_fault(name: str) -> None:
    metrics = [{"name": name, "max": 0.5}]
    assert lint(metrics=metrics, steps=UNSHADOWED) == ["/metrics/0/name"]
    assert lint(metrics=metrics, steps=[{"shadow": 0.1}, {"analysis": True}, {"setWeight": 100}]) == []


def test_metric_of_pairs_is_not_blamed_for_steps_that_cannot_be_read() -> None:
    assert lint(metrics=[{"name": "flip_rate", "max": 0.5}], steps=[{"shadow": 2}, *UNSHADOWED]) == ["/steps/0/shadow"]


def test_default_metrics_leave_out_pairs_where_no_step_makes_any() -> None:
    shadowed, unshadowed = sound(ENOUGH).metrics, sound(ENOUGH | {"steps": UNSHADOWED}).metrics
    assert {rule.name for rule in shadowed} - {rule.name for rule in unshadowed} == {
        "flip_rate",
        "approve_to_decline_per_10k",
    }


def test_min_samples_is_a_hundred_where_nothing_is_said() -> None:
    assert sound(ENOUGH | {"metrics": [RULE]}).metrics[0].min_samples == 100
