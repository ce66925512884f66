"""Steps: exposure only rises, and never past what an analysis has looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.lint import lint_plan
from rollouts.plan import Analysis, Pause, SetWeight, Shadow, Step, step_data
from tests.unit.rollouts.test_lint import ENOUGH, FLEET, lint, sound

LOOK: dict[str, Any] = {"analysis": True}


def weight(percent: int) -> dict[str, Any]:
    return {"setWeight": percent}


@pytest.mark.parametrize(
    "steps",
    [
        [{"shadow": 1}, LOOK, weight(100)],
        [weight(10), LOOK, weight(100), LOOK],
        [{"pause": "PT1S"}, {"shadow": 0.1}, LOOK, {"shadow": 1.0}, {"pause": {}}, LOOK, weight(100)],
        [weight(10), weight(10), LOOK, {"pause": None}, LOOK, weight(100), weight(100)],
    ],
)
def test_steps_that_look_before_they_raise_are_sound(steps: list[Any]) -> None:
    assert lint(steps=steps, metrics=[{"name": "error_rate", "max": 0.01}]) == []


@pytest.mark.parametrize(
    ("steps", "pointers"),
    [
        ([], ["/steps"]),
        ({}, ["/steps"]),
        ([LOOK] * 51, ["/steps"]),
        ([weight(100)], ["/steps/0"]),
        ([weight(50)], ["/steps"]),
        ([{"shadow": 1.0}, LOOK], ["/steps"]),
        ([weight(50), weight(100)], ["/steps/1"]),
        ([{"shadow": 1.0}, weight(10), LOOK, weight(100)], ["/steps/1"]),
        ([{"shadow": 1.0}, LOOK, weight(10), {"pause": "PT1H"}, weight(100)], ["/steps/4"]),
        ([{"shadow": 0.1}, {"shadow": 1.0}, LOOK, weight(100)], ["/steps/1"]),
        ([weight(50), LOOK, weight(20), LOOK, weight(100)], ["/steps/2/setWeight"]),
        ([weight(10), LOOK, weight(100), LOOK, weight(50)], ["/steps/4/setWeight", "/steps"]),
        ([LOOK, {"shadow": 1.0}, LOOK, weight(100)], ["/steps/0"]),
        ([weight(10), LOOK, {"shadow": 1}, LOOK, weight(100)], ["/steps/2/shadow"]),
    ],
)
def test_exposure_without_a_look_is_a_fault(steps: object, pointers: list[str]) -> None:
    assert lint(steps=steps, metrics=[{"name": "error_rate", "max": 0.01}]) == pointers


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        (7, "/steps/1"),
        (None, "/steps/1"),
        ({}, "/steps/1"),
        ({"jump": 1}, "/steps/1"),
        ({"shadow": 1.0, "analysis": True}, "/steps/1"),
        ({"shadow": 0}, "/steps/1/shadow"),
        ({"shadow": 1.1}, "/steps/1/shadow"),
        ({"shadow": True}, "/steps/1/shadow"),
        ({"shadow": None}, "/steps/1/shadow"),
        ({"shadow": float("nan")}, "/steps/1/shadow"),
        ({"setWeight": 0}, "/steps/1/setWeight"),
        ({"setWeight": 101}, "/steps/1/setWeight"),
        ({"setWeight": 10.0}, "/steps/1/setWeight"),
        ({"setWeight": True}, "/steps/1/setWeight"),
        ({"setWeight": "10"}, "/steps/1/setWeight"),
        ({"pause": "soon"}, "/steps/1/pause"),
        ({"pause": 60}, "/steps/1/pause"),
        ({"pause": {"duration": "PT1S"}}, "/steps/1/pause"),
        ({"analysis": 1}, "/steps/1/analysis"),
        ({"analysis": False}, "/steps/1/analysis"),
    ],
)
def test_step_that_cannot_be_read_is_one_fault_at_its_place(step: object, pointer: str) -> None:
    assert lint(steps=[{"shadow": 0.5}, step, LOOK, weight(100)]) == [pointer]


def test_faulty_step_does_not_hide_the_order_of_the_others() -> None:
    steps = [{"shadow": 2}, LOOK, weight(10), weight(50)]
    assert lint(steps=steps) == ["/steps/0/shadow", "/steps/3", "/steps"]


@pytest.mark.parametrize("given_pause", [None, {}])
def test_pause_without_a_duration_lasts_until_somebody_resumes(given_pause: object) -> None:
    steps = [{"shadow": 1.0}, {"pause": given_pause}, LOOK, weight(100)]
    assert sound(ENOUGH | {"steps": steps}).steps[1] == Pause(None)


STEP: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from([Shadow(0.5), Shadow(1.0), Analysis(), Pause(1.0), Pause(None)]),
    st.sampled_from([1, 10, 50, 100]).map(SetWeight),
)


def is_careful(steps: list[Step]) -> bool:
    """The rule again, told backwards: for each step, what came before it."""
    weights = [step.weight for step in steps if isinstance(step, SetWeight)]
    if weights != sorted(weights) or weights[-1:] != [100]:
        return False
    for place, step in enumerate(steps):
        raises = [index for index, one in enumerate(steps[:place]) if isinstance(one, Shadow | SetWeight)]
        is_analysed = bool(raises) and Analysis() in steps[raises[-1] : place]
        if isinstance(step, Analysis) and not raises:
            return False
        if isinstance(step, Shadow | SetWeight) and raises and not is_analysed:
            return False
        if step == SetWeight(100) and not is_analysed:
            return False
        if isinstance(step, Shadow) and any(isinstance(one, SetWeight) for one in steps[:place]):
            return False
    return True


def without_repeated_weights(steps: list[Step]) -> list[Step]:
    return [step for index, step in enumerate(steps) if not (isinstance(step, SetWeight) and step in steps[:index])]


@settings(max_examples=400)
@given(st.lists(STEP, min_size=1, max_size=9).map(without_repeated_weights))
def test_plan_passes_just_when_every_raise_was_looked_at(steps: list[Step]) -> None:
    document = ENOUGH | {"steps": [step_data(step) for step in steps], "metrics": [{"name": "error_rate", "max": 0.01}]}
    plan, faults = lint_plan(document, FLEET)
    assert (plan is not None) == is_careful(steps), faults
