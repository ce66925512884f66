"""Plans: what is enough, what is refused, and that nothing a caller sends raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.lint import lint_plan
from rollouts.plan import (
    Analysis,
    Approval,
    Before,
    Fleet,
    MetricRule,
    NoDataPolicy,
    Of,
    OnBreach,
    OnFailure,
    Pause,
    Plan,
    SetWeight,
    Shadow,
    plan_data,
    read_plan,
)
from rollouts.reader import MOST_UNKNOWN_FIELDS

FLEET = Fleet(
    regions=("westeurope", "northeurope", "eastus2", "brazilsouth"),
    pairs={"westeurope": "northeurope"},
    control="westeurope",
)
ENOUGH: dict[str, Any] = {"model": "deal-fraud", "version": "1.1.0"}
WHOLE: dict[str, Any] = {
    **ENOUGH,
    "policy": "strict/2",
    "waves": [["westeurope"], ["northeurope", "eastus2"], ["brazilsouth"]],
    "steps": [{"shadow": 0.5}, {"analysis": True}, {"setWeight": 10}, {"pause": "PT10M"}, {"analysis": True},
              {"setWeight": 50}, {"pause": None}, {"analysis": True}, {"setWeight": 100}],
    "bake": "PT1H",
    "approval": {"before": "firstWave", "timeout": "PT2H"},
    "metrics": [{"name": "error_rate", "of": "ratio", "max": 2, "minSamples": 50, "onBreach": "pause"},
                {"name": "decline_rate", "min": 0.001, "max": 0.05}],
    "onFailure": "pause",
    "noData": "synthetic",
    "deadline": "P2D",
}  # fmt: skip


def lint(fleet: Fleet = FLEET, **more: Any) -> list[str]:
    """The pointers of the faults of a plan that is sound but for these fields."""
    plan, faults = lint_plan(ENOUGH | more, fleet)
    assert (plan is None) == bool(faults)
    assert all(fault.detail for fault in faults)
    return [fault.pointer for fault in faults]


def sound(document: object, fleet: Fleet = FLEET) -> Plan:
    plan, faults = lint_plan(document, fleet)
    assert plan is not None, faults
    return plan


def test_whole_plan_is_read_field_by_field() -> None:
    assert sound(WHOLE) == Plan(
        model="deal-fraud",
        version="1.1.0",
        policy="strict/2",
        waves=(("westeurope",), ("northeurope", "eastus2"), ("brazilsouth",)),
        steps=(
            Shadow(0.5),
            Analysis(),
            SetWeight(10),
            Pause(600),
            Analysis(),
            SetWeight(50),
            Pause(None),
            Analysis(),
            SetWeight(100),
        ),
        bake_s=3600,
        approval=Approval(Before.FIRST_WAVE, 7200),
        metrics=(
            MetricRule("error_rate", Of.RATIO, None, 2.0, 50, OnBreach.PAUSE),
            MetricRule("decline_rate", Of.CANDIDATE, 0.001, 0.05, 100, OnBreach.ROLLBACK),
        ),
        on_failure=OnFailure.PAUSE,
        no_data=NoDataPolicy.SYNTHETIC,
        deadline_s=172_800,
    )


@pytest.mark.parametrize("document", [ENOUGH, WHOLE, {"model": "m", "policy": "standard/2"}])
def test_plan_written_as_json_is_read_back_and_linted_the_same(document: object) -> None:
    plan = sound(document)
    data = json.loads(json.dumps(plan_data(plan)))
    assert sound(data) == plan
    assert read_plan(data) == plan


def test_null_is_as_good_as_absent() -> None:
    fields = ("policy", "waves", "steps", "bake", "approval", "metrics", "onFailure", "noData", "deadline")
    assert sound(ENOUGH | dict.fromkeys(fields)) == sound(ENOUGH)


@pytest.mark.parametrize(
    ("more", "pointers"),
    [
        ({"model": None}, ["/model"]),
        ({"model": "Deal Fraud"}, ["/model"]),
        ({"version": None}, ["/version"]),
        ({"version": "../1"}, ["/version"]),
        ({"version": "1\n"}, ["/version"]),
        ({"version": 1.1}, ["/version"]),
        ({"policy": "standard"}, ["/policy"]),
        ({"colour": 1, "a/b": 2, "c~d": 3}, ["/colour", "/a~1b", "/c~0d"]),
        ({"bake": "P31D"}, ["/bake"]),
        ({"bake": "PT0S"}, ["/bake"]),
        ({"bake": 60}, ["/bake"]),
        ({"approval": "firstWave"}, ["/approval"]),
        ({"approval": {"before": "sometimes", "who": 1}}, ["/approval/who", "/approval/before"]),
        ({"approval": {"timeout": "soon"}}, ["/approval/timeout"]),
        ({"onFailure": "weep", "noData": "guess"}, ["/onFailure", "/noData"]),
        ({"onFailure": ["pause"], "noData": {}}, ["/onFailure", "/noData"]),
    ],
)
def test_faults_are_all_told_by_their_place(more: dict[str, Any], pointers: list[str]) -> None:
    assert lint(**more) == pointers


@pytest.mark.parametrize("document", [None, [], "deal-fraud", 7, [ENOUGH]])
def test_document_that_is_no_object_has_one_fault(document: object) -> None:
    plan, faults = lint_plan(document, FLEET)
    assert (plan, [fault.pointer for fault in faults]) == (None, [""])


def test_faults_of_one_field_do_not_hide_those_of_another() -> None:
    told = lint(colour=1, bake="PT1H", deadline="PT2H", metrics=[], waves=[["mars"]], steps=[{"setWeight": 0}])
    assert {pointer.split("/")[1] for pointer in told} == {"colour", "metrics", "waves", "steps"}
    assert lint(colour=1, bake="PT1H", deadline="PT2H") == ["/colour", "/deadline"]


def test_hostile_document_gets_an_answer_of_bounded_size() -> None:
    plan, faults = lint_plan(ENOUGH | {"x" * 1_000 + str(number): 1 for number in range(10_000)}, FLEET)
    assert plan is None
    assert len(faults) == MOST_UNKNOWN_FIELDS + 1
    assert all(len(fault.pointer) < 100 for fault in faults)


@pytest.mark.parametrize(
    ("waves", "pointers"),
    [
        ([], ["/waves"]),
        ("all", ["/waves"]),
        ([["westeurope"]] * 33, ["/waves"]),
        ([["westeurope"], []], ["/waves/1", "/waves", "/waves", "/waves"]),
        ([["mars"], ["westeurope"], ["northeurope", "eastus2", "brazilsouth"]], ["/waves/0/0"]),
        ([["westeurope", "northeurope"], ["eastus2", "brazilsouth"]], ["/waves/0/1"]),
        ([["northeurope", "eastus2", "westeurope"], ["brazilsouth"]], ["/waves/0/2"]),
        ([["westeurope"], ["westeurope", "eastus2", "brazilsouth"]], ["/waves/1/0", "/waves"]),
        ([["westeurope"], ["northeurope"], [None, "eastus2", ["brazilsouth"]]], ["/waves/2/0", "/waves/2/2", "/waves"]),
    ],
)
def test_region_out_of_place_is_a_fault(waves: object, pointers: list[str]) -> None:
    assert lint(waves=waves) == pointers


def test_region_without_a_pair_is_not_taken_for_the_pair_of_nothing() -> None:
    assert lint(waves=[["westeurope"], ["northeurope"], [None, "eastus2", "brazilsouth"]]) == ["/waves/2/0"]


def test_plan_may_not_ask_for_less_approval_than_the_model_needs() -> None:
    strict = Fleet(FLEET.regions, FLEET.pairs, FLEET.control, Before.FIRST_WAVE)
    assert lint(strict, approval={"before": "never"}) == ["/approval/before"]
    assert sound(ENOUGH, strict).approval.before is Before.FIRST_WAVE
    assert sound(ENOUGH | {"approval": {"timeout": "PT1H"}}, strict).approval == Approval(Before.FIRST_WAVE, 3600)
    assert lint(strict, approval={"before": "eachWave"}) == []


@pytest.mark.parametrize(
    ("bake", "deadline", "pointers"),
    [("PT1H", "PT3H", ["/deadline"]), ("PT1H", "PT3H0.5S", []), ("P1D", None, ["/deadline"])],
)
def test_deadline_covers_the_bakes_of_all_waves(bake: str, deadline: str | None, pointers: list[str]) -> None:
    waves = [["westeurope"], ["northeurope", "eastus2"], ["brazilsouth"]]
    assert lint(waves=waves, bake=bake, deadline=deadline) == pointers


def test_deadline_covers_the_pauses_of_all_waves() -> None:
    steps = [{"shadow": 1.0}, {"pause": "PT1H"}, {"pause": None}, {"analysis": True}, {"setWeight": 100}]
    assert lint(steps=steps, deadline="PT2H", bake="PT1S") == ["/deadline"]
    assert lint(steps=steps, deadline="PT3H", bake="PT1S") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(FLEET.regions),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_nothing_that_is_sent_raises(document: object) -> None:
    plan, faults = lint_plan(document, FLEET)
    assert (plan is None) == bool(faults)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(sorted(WHOLE)), JSON, max_size=4))
def test_no_value_of_a_field_raises_and_what_passes_can_be_written(changes: dict[str, object]) -> None:
    plan, faults = lint_plan(WHOLE | changes, FLEET)
    assert (plan is None) == bool(faults)
    if plan is not None:
        assert sound(plan_data(plan)) == plan


MEMBERS = st.sampled_from(["name", "of", "min", "max", "minSamples", "onBreach", "shadow", "setWeight", "analysis"])
VALUES = JSON | st.sampled_from(["error_rate", "flip_rate", "ratio", "delta", 100, 10**400, -(10**400), 0.5, "PT1S"])


@settings(max_examples=300)
@given(st.lists(st.dictionaries(MEMBERS, VALUES, max_size=5), max_size=4), st.sampled_from(["steps", "metrics"]))
def test_no_member_of_a_step_or_metric_raises(entries: list[object], field: str) -> None:
    plan, faults = lint_plan(WHOLE | {field: entries}, FLEET)
    assert (plan is None) == bool(faults)
