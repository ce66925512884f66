"""History events: their types, fields and order of fields as the real host writes them.

`IsPlayed` is false in the turn that an event arrives in and true afterwards; events that a turn itself appends
(what it scheduled, its own start and end) stay unplayed for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from local.durable.ticks import format_ticks

Event = dict[str, Any]


class EventType(IntEnum):
    """The host's numbers."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_FAILED = 2
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    GENERIC = 17
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


def dump(value: object) -> str:
    """JSON as the host writes it: no spaces, no escapes of letters."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def played(event: Event) -> Event:
    """The event as it stands in history once its turn is over."""
    return event | {"IsPlayed": True}


def orchestrator_started(at: int) -> Event:
    return {"EventType": EventType.ORCHESTRATOR_STARTED.value, **_tail(at)}


def orchestrator_completed(at: int) -> Event:
    return {"EventType": EventType.ORCHESTRATOR_COMPLETED.value, **_tail(at)}


def execution_started(
    at: int,
    instance_id: str,
    execution_id: str,
    name: str,
    version: str,
    input_text: str | None,
    *,
    parent: Mapping[str, Any] | None = None,
    generation: int | None = 0,
) -> Event:
    """`generation` is 0 where a client started the instance, null for children and after continue-as-new."""
    return {
        "OrchestrationInstance": {"InstanceId": instance_id, "ExecutionId": execution_id},
        "EventType": EventType.EXECUTION_STARTED.value,
        "ParentInstance": parent,
        "Name": name,
        "Version": version,
        "Input": input_text,
        "Tags": None,
        "Correlation": None,
        "ParentTraceContext": None,
        "ScheduledStartTime": None,
        "Generation": generation,
        "GenerateNewTrace": False,
        **_tail(at),
    }


def parent_instance(name: str, instance_id: str, execution_id: str, task_id: int, version: str) -> dict[str, Any]:
    """Whom a child reports to."""
    return {
        "Name": name,
        "OrchestrationInstance": {"InstanceId": instance_id, "ExecutionId": execution_id},
        "TaskScheduleId": task_id,
        "Version": version,
    }


def execution_completed(at: int, event_id: int, status: str, result: str | None) -> Event:
    return {
        "EventType": EventType.EXECUTION_COMPLETED.value,
        "OrchestrationStatus": status,
        "Result": result,
        "FailureDetails": None,
        **_tail(at, event_id),
    }


def execution_terminated(at: int, reason: str) -> Event:
    return {"EventType": EventType.EXECUTION_TERMINATED.value, "Input": reason, **_tail(at)}


def execution_suspended(at: int, reason: str) -> Event:
    return {"EventType": EventType.EXECUTION_SUSPENDED.value, "Reason": reason, **_tail(at)}


def execution_resumed(at: int, reason: str) -> Event:
    return {"EventType": EventType.EXECUTION_RESUMED.value, "Reason": reason, **_tail(at)}


def task_scheduled(at: int, event_id: int, name: str) -> Event:
    return {
        "EventType": EventType.TASK_SCHEDULED.value,
        "Name": name,
        "Version": "",
        "Input": None,
        "ParentTraceContext": None,
        "Tags": None,
        **_tail(at, event_id),
    }


def task_completed(at: int, task_id: int, result: str) -> Event:
    return {
        "EventType": EventType.TASK_COMPLETED.value,
        "TaskScheduledId": task_id,
        "Result": result,
        **_tail(at),
    }


def task_failed(at: int, task_id: int, reason: str, details: str) -> Event:
    return _failed(EventType.TASK_FAILED, at, task_id, reason, details)


def child_created(at: int, event_id: int, name: str, version: str, instance_id: str) -> Event:
    return {
        "EventType": EventType.SUB_ORCHESTRATION_CREATED.value,
        "Name": name,
        "Version": version,
        "InstanceId": instance_id,
        "Input": None,
        "ClientSpanId": None,
        "Tags": None,
        **_tail(at, event_id),
    }


def child_completed(at: int, task_id: int, result: str | None) -> Event:
    return {
        "EventType": EventType.SUB_ORCHESTRATION_COMPLETED.value,
        "TaskScheduledId": task_id,
        "Result": result,
        **_tail(at),
    }


def child_failed(at: int, task_id: int, reason: str, details: str | None) -> Event:
    return _failed(EventType.SUB_ORCHESTRATION_FAILED, at, task_id, reason, details)


def timer_created(at: int, event_id: int, fire_at: int) -> Event:
    return {"EventType": EventType.TIMER_CREATED.value, "FireAt": format_ticks(fire_at), **_tail(at, event_id)}


def timer_fired(at: int, timer_id: int, fire_at: int) -> Event:
    """Its timestamp is when the timer was set, as on the real host; the turn's own start says when it fired."""
    return {
        "EventType": EventType.TIMER_FIRED.value,
        "TimerId": timer_id,
        "FireAt": format_ticks(fire_at),
        **_tail(at),
    }


def event_sent(at: int, event_id: int, instance_id: str, text: str) -> Event:
    return {
        "EventType": EventType.EVENT_SENT.value,
        "InstanceId": instance_id,
        "Name": "op",
        "Input": text,
        **_tail(at, event_id),
    }


def event_raised(at: int, name: str, input_text: str | None) -> Event:
    return {
        "EventType": EventType.EVENT_RAISED.value,
        "Name": name,
        "Input": input_text,
        "ParentTraceContext": None,
        **_tail(at),
    }


def generic(at: int, data: str | None, event_id: int = -1) -> Event:
    return {"Data": data, "EventType": EventType.GENERIC.value, **_tail(at, event_id)}


def _failed(kind: EventType, at: int, task_id: int, reason: str, details: str | None) -> Event:
    return {
        "EventType": kind.value,
        "TaskScheduledId": task_id,
        "Reason": reason,
        "Details": details,
        "FailureDetails": None,
        **_tail(at),
    }


def _tail(at: int, event_id: int = -1) -> Event:
    return {"EventId": event_id, "IsPlayed": False, "Timestamp": format_ticks(at)}
