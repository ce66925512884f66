"""Walks pipelines with Microsoft's `data-factory-testing-framework`, whose evaluator is the one of Logic Apps.

Run by the Python of `.venv-factory`, which has it: reads one job a line (JSON) and answers one line. A job names a
pipeline with its parameters, and what each activity is to answer, round by round; the answer is every activity that the
framework came by with the values that its expressions had, or the fault that ended the walk.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")  # before .NET is loaded: no ICU is needed
DATASETS = ("inputs", "outputs")
BRANCHES = {
    "ifTrueActivities": "if_true_activities",
    "ifFalseActivities": "if_false_activities",
    "activities": "activities",
}


def load_runtime() -> None:
    """Load .NET from its package where that is installed; else the framework finds the machine's own, or fails."""
    found = find_spec("dnv")
    if found is None or not found.submodule_search_locations:
        return
    import pythonnet
    from clr_loader import get_coreclr

    folder = Path(next(iter(found.submodule_search_locations))) / "net" / "runtime"
    pythonnet.load(get_coreclr(runtime_config=str(folder / "runtimeconfig.json"), dotnet_root=str(folder / ".net")))


load_runtime()

from data_factory_testing_framework import TestFramework, TestFrameworkType  # noqa: E402
from data_factory_testing_framework._expression_runtime.data_factory_expression.expression_transformer import (  # noqa: E402
    ExpressionTransformer,
)
from data_factory_testing_framework._expression_runtime.expression_runtime import ExpressionRuntime  # noqa: E402
from data_factory_testing_framework.exceptions import (  # noqa: E402
    NoRemainingPipelineActivitiesMeetDependencyConditionsError,
)
from data_factory_testing_framework.models import _data_factory_element  # noqa: E402
from data_factory_testing_framework.models.activities import Activity  # noqa: E402
from data_factory_testing_framework.state import (  # noqa: E402
    ActivityResult,
    DependencyCondition,
    PipelineRunState,
    RunParameter,
    RunParameterType,
)


class CachingTransformer(ExpressionTransformer):
    """Reads each expression once: reading takes far longer than evaluating, and doesn't look at the state."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[str, Any] = {}

    def transform_to_dftf_evaluator_expression(self, expression: str, state: PipelineRunState) -> Any:
        if expression not in self._read:
            self._read[expression] = super().transform_to_dftf_evaluator_expression(expression, state)
        return self._read[expression]


RUNTIME = ExpressionRuntime()
RUNTIME.dftf_expressions_transformer = CachingTransformer()
_data_factory_element.ExpressionRuntime = lambda: RUNTIME


class Framework(TestFramework):
    """The framework; activities that can no more run end their own scope, as in Data Factory, not the whole walk."""

    def __init__(self, folder: str) -> None:
        super().__init__(TestFrameworkType.DataFactory, root_folder_path=folder)

    def evaluate_activities(self, activities: list[Activity], state: PipelineRunState) -> Iterator[Activity]:
        try:
            yield from super().evaluate_activities(activities, state)
        except NoRemainingPipelineActivitiesMeetDependencyConditionsError:
            return


def detach_branches(activities: list[Activity]) -> None:
    """Take the raw branches out of conditions: the framework would evaluate both before it knows which one counts. It
    walks its own objects of them."""
    for activity in activities:
        for key, attribute in BRANCHES.items():
            activity.type_properties.pop(key, None)
            detach_branches(getattr(activity, attribute, []))


def plain(value: Any) -> Any:
    """A value without the framework's elements: each expression by what it evaluated to."""
    if hasattr(value, "expression") and hasattr(value, "result"):
        return value.result
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if "ctivities" not in key}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def walk(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Every activity that the framework comes by, with its evaluated properties."""
    framework = Framework(job["folder"])
    pipeline = framework.get_pipeline_by_name(job["pipeline"])
    detach_branches(pipeline.activities)
    given = [RunParameter(RunParameterType.Pipeline, name, value) for name, value in job["parameters"].items()]
    given += [RunParameter(RunParameterType.Global, name, value) for name, value in job["settings"].items()]
    given += [RunParameter(RunParameterType.System, "RunId", job["run_id"])]
    state = PipelineRunState(pipeline.validate_and_append_default_parameters(given), pipeline.get_run_variables())
    seen: list[dict[str, Any]] = []
    for activity in framework.evaluate_activities(pipeline.activities, state):
        datasets = {key: plain(activity.all_properties[key]) for key in DATASETS if key in activity.all_properties}
        seen.append({"name": activity.name, "properties": plain(activity.type_properties), "datasets": datasets})
        if activity.type == "Fail":
            break  # the framework itself would go on to the next activity that can run
        if waiting := job["answers"].get(activity.name):
            answer_with(waiting.pop(0), activity, state)
    return seen


def answer_with(answer: dict[str, Any], activity: Activity, state: PipelineRunState) -> None:
    """Let the activity end so. An error can't be given to the framework itself, but its state holds one."""
    activity.set_result(DependencyCondition(answer["status"]), answer["output"])
    known = next((result for result in state.activity_results if result.activity_name == activity.name), None)
    if known is None:
        state.activity_results.append(ActivityResult(activity.name))
        known = state.activity_results[-1]
    known.error = answer["error"]


def main() -> None:
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"seen": walk(json.loads(line))}
        except Exception as error:
            answer = {"fault": f"{type(error).__name__}: {error}; {error.__cause__}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
