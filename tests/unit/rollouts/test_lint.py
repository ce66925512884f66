"""Plans: what is enough, what is refused, and that nothing a caller sends raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.defaults import METRICS, STEPS
from rollouts.lint import lint_plan
from rollouts.plan import Analysis, Before, Fleet, MetricRule, Of, OnBreach, Plan, SetWeight, Shadow, plan_data

FLEET = Fleet(
    regions=("westeurope", "northeurope", "eastus2", "brazilsouth"),
    pairs={"westeurope": "northeurope", "northeurope": "westeurope"},
    control="westeurope",
)
ENOUGH = {"model": "deal-fraud", "version": "1.1.0"}
WHOLE = {
    **ENOUGH,
    "policy": "strict/2",
    "waves": [["westeurope"], ["northeurope", "eastus2"], ["brazilsouth"]],
    "steps": [{"shadow": 0.5}, {"analysis": True}, {"setWeight": 10}, {"pause": "PT10M"}, {"analysis": True},
              {"setWeight": 100}],
    "bake": "PT1H",
    "approval": {"before": "firstWave", "timeout": "PT2H"},
    "metrics": [{"name": "error_rate", "of": "ratio", "max": 2, "minSamples": 50, "onBreach": "pause"}],
    "onFailure": "pause",
    "noData": "synthetic",
    "deadline": "P2D",
}  # fmt: skip


def lint(**more: Any) -> list[str]:
    """The pointers of the faults of a plan that is sound but for these fields."""
    return [fault.pointer for fault in lint_plan(ENOUGH | more, FLEET)[1]]


def sound(document: object) -> Plan:
    plan, faults = lint_plan(document, FLEET)
    assert plan is not None, faults
    return plan


def test_model_and_version_are_enough() -> None:
    plan = sound(ENOUGH)
    assert plan.waves == (("westeurope",), ("northeurope", "eastus2", "brazilsouth"))
    assert (plan.steps, plan.metrics, plan.approval.before) == (STEPS, METRICS, Before.NEVER)


def test_default_plan_is_itself_without_faults() -> None:
    assert lint_plan(plan_data(sound(ENOUGH)), FLEET)[1] == []


def test_whole_plan_is_read_field_by_field() -> None:
    plan = sound(WHOLE)
    assert plan.waves == (("westeurope",), ("northeurope", "eastus2"), ("brazilsouth",))
    assert plan.steps[:3] == (Shadow(0.5), Analysis(), SetWeight(10))
    assert plan.metrics == (MetricRule("error_rate", Of.RATIO, None, 2.0, 50, OnBreach.PAUSE),)
    assert (plan.bake_s, plan.approval.timeout_s, plan.deadline_s) == (3600, 7200, 172_800)


@pytest.mark.parametrize("document", [ENOUGH, WHOLE, {"model": "m", "policy": "standard/2"}])
def test_plan_written_as_json_and_read_is_the_same(document: object) -> None:
    plan = sound(document)
    assert sound(json.loads(json.dumps(plan_data(plan)))) == plan


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"model": None}, ["/model"]),
        ({"version": None}, ["/version"]),
        ({"version": "../1"}, ["/version"]),
        ({"policy": "standard"}, ["/policy"]),
        ({"colour": 1, "a/b": 2}, ["/colour", "/a~1b"]),
        ({"waves": []}, ["/waves"]),
        ({"waves": [["westeurope"], []]}, ["/waves/1", "/waves", "/waves", "/waves"]),
        ({"waves": [["mars"], ["westeurope"], ["northeurope", "eastus2", "brazilsouth"]]}, ["/waves/0/0"]),
        ({"waves": [["westeurope", "northeurope"], ["eastus2", "brazilsouth"]]}, ["/waves/0/1"]),
        ({"waves": [["westeurope"], ["westeurope", "eastus2", "brazilsouth"]]}, ["/waves/1/0", "/waves"]),
        ({"steps": []}, ["/steps"]),
        ({"steps": [{"setWeight": 50}]}, ["/steps"]),
        ({"steps": [{"setWeight": 100}, {"setWeight": 50}]}, ["/steps/1", "/steps/1/setWeight", "/steps"]),
        ({"steps": [{"setWeight": 10}, {"setWeight": 100}]}, ["/steps/1"]),
        ({"steps": [{"analysis": True}, {"setWeight": 100}]}, ["/steps/0"]),
        ({"steps": [{"shadow": 2}, {"jump": 1}, {"setWeight": True}, 7]},
         ["/steps/0/shadow", "/steps/1", "/steps/2/setWeight", "/steps/3"]),
        ({"steps": [{"setWeight": 10}, {"analysis": True}, {"shadow": 1}, {"analysis": True}, {"setWeight": 100}]},
         ["/steps/2/shadow"]),
        ({"steps": [{"pause": "soon"}, {"setWeight": 100}]}, ["/steps/0/pause"]),
        ({"bake": "P31D"}, ["/bake"]),
        ({"bake": 60}, ["/bake"]),
        ({"approval": {"before": "sometimes", "who": 1}}, ["/approval/who", "/approval/before"]),
        ({"metrics": []}, ["/metrics"]),
        ({"metrics": [{"name": "luck", "max": 1}]}, ["/metrics/0/name"]),
        ({"metrics": [{"name": "error_rate"}]}, ["/metrics/0"]),
        ({"metrics": [{"name": "error_rate", "min": 2, "max": 1}]}, ["/metrics/0/min"]),
        ({"metrics": [{"name": "error_rate", "max": float("nan"), "minSamples": 0}]},
         ["/metrics/0/max", "/metrics/0/minSamples"]),
        ({"metrics": [{"name": "flip_rate", "of": "ratio", "max": 1}]}, ["/metrics/0/of"]),
        ({"onFailure": "weep", "noData": "guess"}, ["/onFailure", "/noData"]),
        ({"bake": "PT1H", "deadline": "PT2H"}, ["/deadline"]),
    ],
)  # fmt: skip
def test_faults_are_all_told_by_their_place(more: dict[str, Any], pointers: list[str]) -> None:
    assert lint(**more) == pointers


def test_plan_may_not_ask_for_less_approval_than_the_model_needs() -> None:
    strict = Fleet(FLEET.regions, FLEET.pairs, FLEET.control, Before.FIRST_WAVE)
    assert [f.pointer for f in lint_plan(ENOUGH | {"approval": {"before": "never"}}, strict)[1]] == ["/approval/before"]
    plan, _ = lint_plan(ENOUGH, strict)
    assert plan is not None
    assert plan.approval.before is Before.FIRST_WAVE
    assert lint_plan(ENOUGH | {"approval": {"before": "eachWave"}}, strict)[1] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_nothing_that_is_sent_raises(document: object) -> None:
    plan, faults = lint_plan(document, FLEET)
    assert (plan is None) == bool(faults)


@given(st.sampled_from(sorted(WHOLE)), JSON)
def test_no_value_of_a_field_raises(field: str, value: object) -> None:
    plan, faults = lint_plan(WHOLE | {field: value}, FLEET)
    assert (plan is None) == bool(faults)
    if plan is not None:
        assert sound(plan_data(plan)) == plan
