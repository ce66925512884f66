"""Runs pipelines: dependencies, branches, loops, variables and child pipelines, as Data Factory documents them.

1. an activity runs once all that it depends on has ended as it asks, and is skipped once one has ended otherwise;
2. a run fails if one of its last activities failed; for a skipped one, those before it are asked instead;
3. an activity that holds others fails where they do, with the message of the first.

`Until` goes on although an inner activity failed, and fails in the end if its last round did: the harder of the two
readings of the documentation. Nothing is retried, and branches run one after the other.
https://learn.microsoft.com/azure/data-factory/concepts-pipelines-activities
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.factory.activities import Activities, ActivityFailed
from tests.factory.definitions import Factory
from tests.factory.expressions import Scope, evaluate
from tests.factory.functions import ExpressionFailed, NotSupported
from tests.factory.outside import Clock, Outside

SUCCEEDED, FAILED, SKIPPED = "Succeeded", "Failed", "Skipped"
RUN_ID = "11111111-2222-3333-4444-555555555555"
DEFAULTS: Mapping[str, Any] = {"String": "", "Boolean": False, "Array": [], "Integer": 0}
_SPAN = re.compile(r"(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)")

Json = Any


@dataclass(slots=True)
class Step:
    """What became of one activity: its evaluated properties, status, output and error. `turn` says which pipeline's."""

    turn: int
    name: str
    kind: str
    properties: Json = None
    datasets: Json = field(default_factory=dict)
    status: str = SUCCEEDED
    output: Json = field(default_factory=dict)
    error: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One pipeline that ran, from the outside or from another one, with its parameters."""

    pipeline: str
    parameters: Mapping[str, Json]


@dataclass(slots=True)
class Run:
    """How a pipeline's run ended; the steps of it and of the pipelines that it ran, in order of their beginning."""

    status: str
    error: str = ""
    code: str = ""
    returned: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def names(self, kind: str) -> list[str]:
        """The names of the steps of a kind, in order."""
        return [step.name for step in self.steps if step.kind == kind]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A pipeline that is running. What may change is in its mappings, which every scope of it shares."""

    turn: int
    variables: dict[str, Any]
    returned: dict[str, Any]


class Runner:
    """`settings` are the factory's global parameters."""

    def __init__(self, factory: Factory, outside: Outside, clock: Clock, settings: Mapping[str, Any]) -> None:
        if set(settings) != set(factory.global_parameters):
            raise ValueError(f"The factory's global parameters are {sorted(factory.global_parameters)}")
        self._factory = factory
        self._activities = Activities(factory, outside, clock)
        self._clock = clock
        self._settings = settings
        self._steps: list[Step] = []
        self._turns: list[Turn] = []
        self._controls: Mapping[str, Callable[[Json, Scope, _Frame, Step], Awaitable[Json]]] = {
            "ExecutePipeline": self._execute,
            "Filter": self._filter,
            "ForEach": self._for_each,
            "IfCondition": self._branch,
            "SetVariable": self._assign,
            "Until": self._until,
        }

    async def run(self, pipeline: str, **parameters: Json) -> Run:
        """Run a pipeline. A run that fails is an answer, not an error."""
        self._steps, self._turns = [], []
        run = await self._run(pipeline, parameters)
        return replace(run, steps=self._steps, turns=self._turns)

    async def _run(self, name: str, given: Mapping[str, Json]) -> Run:
        pipeline = self._factory.find("pipeline", name)
        declared = pipeline.get("parameters", {})
        if unknown := set(given) - set(declared):
            raise ActivityFailed(f"The pipeline {name} has no parameters {sorted(unknown)}")
        parameters = {key: value["defaultValue"] for key, value in declared.items() if "defaultValue" in value}
        parameters.update(given)
        if missing := set(declared) - set(parameters):
            raise ActivityFailed(f"The pipeline {name} needs the parameters {sorted(missing)}")
        defaults = {
            key: value.get("defaultValue", DEFAULTS[value["type"]])
            for key, value in pipeline.get("variables", {}).items()
        }
        frame = _Frame(len(self._turns), defaults, {})
        self._turns.append(Turn(name, parameters))
        about = {"parameters": parameters, "globalParameters": self._settings, "RunId": RUN_ID, "Pipeline": name}
        scope = Scope(self._clock.now, about, frame.variables, {})
        try:
            await self._run_all(pipeline["activities"], scope, frame)
        except ActivityFailed as failure:
            return Run(FAILED, str(failure), failure.code)
        return Run(SUCCEEDED, returned=frame.returned)

    async def _run_all(self, activities: list[Json], scope: Scope, frame: _Frame) -> None:
        """Raises ActivityFailed if the outcome of all together is a failure."""
        by_name = {activity["name"]: activity for activity in activities}
        ended: dict[str, str] = {}
        while len(ended) < len(activities):
            ready = [
                activity
                for activity in activities
                if activity["name"] not in ended and all(need["activity"] in ended for need in activity["dependsOn"])
            ]
            if not ready:
                raise NotSupported(f"activities that wait for each other: {sorted(set(by_name) - set(ended))}")
            for activity in ready:
                is_met = all(_is_met(need, ended) for need in activity["dependsOn"])
                ended[activity["name"]] = await self._step(activity, scope, frame) if is_met else SKIPPED
        needed = {need["activity"] for activity in activities for need in activity["dependsOn"]}
        for name in by_name:
            if name not in needed:
                _raise_failure(name, by_name, ended, scope)

    async def _step(self, activity: Json, scope: Scope, frame: _Frame) -> str:
        step = Step(frame.turn, activity["name"], activity["type"])
        self._steps.append(step)
        try:
            step.output = await self._do(activity, scope, frame, step)
        except (ActivityFailed, ExpressionFailed) as failure:
            step.status = FAILED
            step.error = {"message": str(failure), "errorCode": getattr(failure, "code", "2000")}
        scope.outputs[step.name] = {"output": step.output, "status": step.status, "error": step.error}
        return step.status

    async def _do(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        if activity["type"] in self._controls:
            return await self._controls[activity["type"]](activity, scope, frame, step)
        step.properties = evaluate(activity["typeProperties"], scope)
        step.datasets = {key: evaluate(activity[key], scope) for key in ("inputs", "outputs") if key in activity}
        return await self._activities.do({**activity, **step.datasets}, step.properties)

    async def _branch(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        step.properties = evaluate(activity["typeProperties"]["expression"], scope)
        branch = "ifTrueActivities" if step.properties else "ifFalseActivities"
        return await self._inner(activity["typeProperties"].get(branch, []), scope, frame)

    async def _filter(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        items, condition = evaluate(activity["typeProperties"]["items"], scope), activity["typeProperties"]["condition"]
        kept = [item for item in items if evaluate(condition, replace(scope, item=(item,)))]
        return {"ItemsCount": len(items), "FilteredItemsCount": len(kept), "value": kept}

    async def _assign(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        step.properties = evaluate(activity["typeProperties"], scope)
        name, value = step.properties["variableName"], step.properties["value"]
        if step.properties.get("setSystemVariable"):
            if name != "pipelineReturnValue":
                raise NotSupported(f"the system variable {name}")
            frame.returned.update({pair["key"]: pair["value"] for pair in value})
            return {}
        if not isinstance(value, type(frame.variables[name])):
            raise ActivityFailed(f"The variable {name} can't take {value!r}")
        if f"variables('{name}')" in str(activity["typeProperties"]["value"]):
            raise ActivityFailed(f"The variable {name} refers to itself")
        frame.variables[name] = value
        return {}

    async def _for_each(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        items = evaluate(activity["typeProperties"]["items"], scope)
        if not isinstance(items, list):
            raise ActivityFailed("The items of a ForEach are no array.")
        failures: list[ActivityFailed] = []
        for item in items:
            try:
                await self._inner(activity["typeProperties"]["activities"], replace(scope, item=(item,)), frame)
            except ActivityFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return {}

    async def _until(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        properties = activity["typeProperties"]
        deadline = self._clock.now() + _parse_span(properties["timeout"])
        while True:
            failure: ActivityFailed | None = None
            try:
                await self._inner(properties["activities"], scope, frame)
            except ActivityFailed as error:
                failure = error
            if evaluate(properties["expression"], scope):
                break
            if self._clock.now() > deadline:
                raise ActivityFailed("Activity timed out.", "ActivityTimedOut")
        if failure is not None:
            raise failure
        return {}

    async def _inner(self, activities: list[Json], scope: Scope, frame: _Frame) -> Json:
        try:
            await self._run_all(activities, scope, frame)
        except ActivityFailed as failure:
            raise ActivityFailed(
                f"Activity failed because an inner activity failed; {failure}", failure.code
            ) from failure
        return {}

    async def _execute(self, activity: Json, scope: Scope, frame: _Frame, step: Step) -> Json:
        step.properties = evaluate(activity["typeProperties"], scope)
        if step.properties["waitOnCompletion"] is not True:
            raise NotSupported("a pipeline that nobody waits for")
        name = step.properties["pipeline"]["referenceName"]
        run = await self._run(name, step.properties["parameters"])
        if run.status == FAILED:
            raise ActivityFailed(f"Operation on target {name} failed: {run.error}", run.code)
        return {"pipelineName": name, "pipelineReturnValue": run.returned}


def _is_met(need: Json, ended: Mapping[str, str]) -> bool:
    (condition,) = need["dependencyConditions"]
    status = ended[need["activity"]]
    return status in (SUCCEEDED, FAILED) if condition == "Completed" else status == condition


def _raise_failure(name: str, by_name: Mapping[str, Json], ended: Mapping[str, str], scope: Scope) -> None:
    if ended[name] == SKIPPED:
        for need in by_name[name]["dependsOn"]:
            _raise_failure(need["activity"], by_name, ended, scope)
    elif ended[name] == FAILED:
        error = scope.outputs[name]["error"]
        raise ActivityFailed(f"Inner activity name: {name}, Error: {error['message']}", error["errorCode"])


def _parse_span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise NotSupported(f"the time span {text!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
