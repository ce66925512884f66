"""What a status query asks for, and an instance as it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.durable.events import Event, EventType
from local.durable.instances import Instance
from local.durable.ticks import format_seconds, parse_ticks

PAGE_SIZE = 100
DROPPED = (
    "OrchestrationInstance",
    "ParentInstance",
    "Name",
    "Version",
    "Tags",
    "EventId",
    "IsPlayed",
    "TaskScheduledId",
)
INTERNAL = (
    EventType.ORCHESTRATOR_STARTED,
    EventType.ORCHESTRATOR_COMPLETED,
    EventType.TASK_SCHEDULED,
    EventType.SUB_ORCHESTRATION_CREATED,
    EventType.TIMER_CREATED,
)
NAMES = {
    EventType.EXECUTION_STARTED: "ExecutionStarted",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventType.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventType.TASK_COMPLETED: "TaskCompleted",
    EventType.TASK_FAILED: "TaskFailed",
    EventType.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.TIMER_FIRED: "TimerFired",
    EventType.EVENT_SENT: "EventSent",
    EventType.EVENT_RAISED: "EventRaised",
    EventType.GENERIC: "GenericEvent",
    EventType.EXECUTION_SUSPENDED: "ExecutionSuspended",
    EventType.EXECUTION_RESUMED: "ExecutionResumed",
}


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a status or purge query; None takes all."""

    shows_input: bool
    shows_history: bool
    shows_output: bool
    statuses: frozenset[str]
    prefix: str
    created_from: int | None
    created_to: int | None
    page_size: int

    def takes(self, instance: Instance) -> bool:
        """True where the instance is asked for."""
        return (
            instance.instance_id.startswith(self.prefix)
            and (not self.statuses or instance.status.value.lower() in self.statuses)
            and (self.created_from is None or self.created_from <= instance.created_at)
            and (self.created_to is None or instance.created_at <= self.created_to)
        )


def read_query(parameters: Mapping[str, str]) -> Query:
    """Read a query as the host does: what can't be read is as if it weren't there."""
    top = parameters.get("top", "")
    return Query(
        shows_input=parameters.get("showInput", "true").lower() != "false",
        shows_history=parameters.get("showHistory", "").lower() == "true",
        shows_output=parameters.get("showHistoryOutput", "").lower() == "true",
        statuses=frozenset(name.lower() for name in parameters.get("runtimeStatus", "").split(",") if name),
        prefix=parameters.get("instanceIdPrefix", ""),
        created_from=_time(parameters.get("createdTimeFrom", "")),
        created_to=_time(parameters.get("createdTimeTo", "")),
        page_size=int(top) if top.isdecimal() else PAGE_SIZE,
    )


def describe_instance(instance: Instance, query: Query, history: Sequence[str] | None) -> dict[str, Any]:
    """An instance as the client sees it. Times are whole seconds."""
    described = {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": instance.status.value,
        "input": _value(instance.input_text) if query.shows_input else None,
        "customStatus": _value(instance.custom_status),
        "output": _value(instance.output_text),
        "createdTime": format_seconds(instance.created_at),
        "lastUpdatedTime": format_seconds(instance.updated_at),
    }
    if history is not None:
        described["historyEvents"] = describe_history([json.loads(event) for event in history], query.shows_output)
    return described


def describe_history(history: Sequence[Event], shows_output: bool) -> list[dict[str, Any]]:
    """The events that a reader wants: ends of tasks with their beginnings folded in."""
    scheduled = {event["EventId"]: event for event in history if event["EventType"] in INTERNAL}
    return [_describe_event(event, scheduled, shows_output) for event in history if event["EventType"] not in INTERNAL]


def _describe_event(event: Event, scheduled: Mapping[int, Event], shows_output: bool) -> dict[str, Any]:
    kind = EventType(event["EventType"])
    described = {name: value for name, value in event.items() if name not in DROPPED}
    described = {"EventType": NAMES.get(kind, kind.name), **{k: v for k, v in described.items() if k != "EventType"}}
    if kind is EventType.EXECUTION_STARTED:
        described |= {"Input": _value(event["Input"]), "FunctionName": event["Name"]}
    elif kind is EventType.EXECUTION_COMPLETED:
        described["OrchestrationStatus"] = event["OrchestrationStatus"]
    elif kind is EventType.EVENT_RAISED:
        described |= {"Name": event["Name"], "Input": _value(event["Input"])}
    begun = scheduled.get(event.get("TaskScheduledId", -2))
    if begun is not None:
        at = str(begun["Timestamp"]).removesuffix("Z") + "+00:00"
        described |= {"ScheduledTime": at, "FunctionName": begun["Name"], "Input": None}
    if "Result" in described:
        if shows_output:
            described["Result"] = _value(event["Result"])
        else:
            del described["Result"]
    return described


def _value(text: str | None) -> Any:
    """The value of a JSON text; a plain reason stays what it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _time(text: str) -> int | None:
    """A query's time; Python writes years before 1000 without zeros."""
    try:
        return parse_ticks(text.zfill(len("0001-01-01T00:00:00.000000Z")) if "." in text else text)
    except ValueError:
        return None
