"""One turn of an orchestration, without storage: what its function is given, and what is committed afterwards."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from local.durable import events
from local.durable.answers import Answer
from local.durable.decisions import (
    Completion,
    CreateChild,
    CreateTimer,
    Decision,
    Outcome,
    ScheduleTask,
    SendRequest,
    Status,
)
from local.durable.events import Event, EventType, dump
from local.durable.instances import Instance, Message, Start, Task
from local.durable.replay import Execution, replay

SETTINGS = (
    '"upperSchemaVersion":1,"upperSchemaVersionNew":3,"longRunningTimerIntervalDuration":"3.00:00:00",'
    '"maximumShortTimerDuration":"6.00:00:00","defaultHttpAsyncRequestSleepTimeMillseconds":30000'
)
REASONS = (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED)
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Turn:
    """An instance that messages came for. `past` is its history as stored; `continued` marks a new generation."""

    instance: Instance
    past: Sequence[str]
    arrived: Sequence[Event]
    message_rows: Sequence[int]
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that a turn changes, in one transaction. With `starts_over` the history so far goes away."""

    instance: Instance
    message_rows: Sequence[int]
    history: Sequence[str]
    tasks: Sequence[Task] = ()
    messages: Sequence[Message] = ()
    starts: Sequence[Start] = ()
    requests: Sequence[SendRequest] = ()
    starts_over: Sequence[Event] = ()


def build_new_events(turn: Turn, clock: Clock) -> list[Event]:
    """The turn's own events: its start, and what arrived. A new generation's start is a turn of its own, closed."""
    opened = [events.orchestrator_started(clock()), *turn.arrived]
    return [*opened, events.orchestrator_completed(clock())] if turn.continued else opened


def build_payload(turn: Turn, new: Sequence[Event]) -> str:
    """What the orchestrator function is given: JSON text."""
    instance = turn.instance
    history = ",".join([*turn.past, *map(dump, new)])
    parent = instance.parent["OrchestrationInstance"]["InstanceId"] if instance.parent else None
    return (
        f'{{"history":[{history}],"input":{instance.input_text or "null"},"instanceId":{dump(instance.instance_id)},'
        f'"isReplaying":{"true" if turn.past else "false"},"parentInstanceId":{dump(parent)},{SETTINGS}}}'
    )


def finish_turn(turn: Turn, new: Sequence[Event], answer: Answer, default_version: str, clock: Clock) -> Commit:
    """Replay the answer and gather what follows from it."""
    instance = turn.instance
    execution = Execution(instance.instance_id, instance.execution_id, instance.name, default_version)
    outcome = replay(execution, answer, [*map(json.loads, turn.past), *new], clock)
    if outcome.completion is not None and outcome.completion.status is Status.CONTINUED:
        return _start_over(turn, outcome, outcome.completion, clock)
    return _go_on(turn, new, outcome, clock)


def _go_on(turn: Turn, new: Sequence[Event], outcome: Outcome, clock: Clock) -> Commit:
    instance, completion = turn.instance, outcome.completion
    kept = [new[0], *map(events.played, new[1:])]
    kept += [_event_of(decision, clock()) for decision in outcome.decisions]
    if completion is not None:
        kept.append(events.execution_completed(clock(), completion.id, completion.status, completion.result))
    kept.append(events.orchestrator_completed(clock()))
    reports = _report(instance, completion, clock()) if completion is not None else ()
    return Commit(
        instance=_update(instance, turn.arrived, outcome, clock()),
        message_rows=turn.message_rows,
        history=[dump(event) for event in kept],
        tasks=[_task(instance, decision) for decision in outcome.decisions if isinstance(decision, ScheduleTask)],
        messages=[*_timers(instance, outcome.decisions, clock), *reports],
        starts=[
            _child(instance, decision, clock()) for decision in outcome.decisions if isinstance(decision, CreateChild)
        ],
        requests=[decision for decision in outcome.decisions if isinstance(decision, SendRequest)],
    )


def _start_over(turn: Turn, outcome: Outcome, completion: Completion, clock: Clock) -> Commit:
    """A new generation. Its first event follows at once; requests that were decided before still go out."""
    at = clock()
    instance = replace(
        turn.instance,
        execution_id=uuid.uuid4().hex,
        status=Status.RUNNING,
        input_text=completion.result,
        custom_status=outcome.custom_status,
        updated_at=at,
    )
    first = events.execution_started(
        at,
        instance.instance_id,
        instance.execution_id,
        instance.name,
        instance.version,
        instance.input_text,
        parent=instance.parent,
        generation=None,
    )
    return Commit(
        instance=instance,
        message_rows=turn.message_rows,
        history=(),
        requests=[decision for decision in outcome.decisions if isinstance(decision, SendRequest)],
        starts_over=[first, *completion.carried_over],
    )


def _update(instance: Instance, arrived: Sequence[Event], outcome: Outcome, at: int) -> Instance:
    """A suspension's or resumption's reason is shown as output, as on the real host, until there is one."""
    output, status = instance.output_text, Status.SUSPENDED if outcome.is_suspended else Status.RUNNING
    for event in arrived:
        if event["EventType"] in REASONS:
            output = dump(event["Reason"])
    if outcome.completion is not None:
        status, result = outcome.completion.status, outcome.completion.result
        output = result if status is Status.COMPLETED else dump(result)
    return replace(instance, status=status, output_text=output, custom_status=outcome.custom_status, updated_at=at)


def _event_of(decision: Decision, at: int) -> Event:
    match decision:
        case ScheduleTask():
            return events.task_scheduled(at, decision.id, decision.name)
        case CreateTimer():
            return events.timer_created(at, decision.id, decision.fire_at)
        case CreateChild():
            return events.child_created(at, decision.id, decision.name, decision.version, decision.instance_id)
        case SendRequest():
            return events.event_sent(at, decision.id, decision.entity_id, dump(decision.request))


def _task(instance: Instance, decision: ScheduleTask) -> Task:
    return Task(instance.instance_id, instance.execution_id, decision.id, decision.name, decision.input_text)


def _timers(instance: Instance, decisions: Sequence[Decision], clock: Clock) -> list[Message]:
    return [
        Message(
            instance.instance_id,
            events.timer_fired(clock(), decision.id, decision.fire_at),
            decision.fire_at,
            instance.execution_id,
        )
        for decision in decisions
        if isinstance(decision, CreateTimer)
    ]


def _child(instance: Instance, decision: CreateChild, at: int) -> Start:
    parent = events.parent_instance(
        instance.name, instance.instance_id, instance.execution_id, decision.id, instance.version
    )
    child = Instance(
        instance_id=decision.instance_id,
        execution_id=uuid.uuid4().hex,
        name=decision.name,
        version=decision.version,
        status=Status.PENDING,
        created_at=at,
        updated_at=at,
        input_text=decision.input_text,
        parent=parent,
    )
    return Start(child, start_event(child, at, generation=None))


def start_event(instance: Instance, at: int, *, generation: int | None) -> Event:
    """The first event of an instance."""
    return events.execution_started(
        at,
        instance.instance_id,
        instance.execution_id,
        instance.name,
        instance.version,
        instance.input_text,
        parent=instance.parent,
        generation=generation,
    )


def _report(instance: Instance, completion: Completion, at: int) -> tuple[Message, ...]:
    """What the parent learns. A terminated child has failed, with the reason of its termination."""
    if instance.parent is None:
        return ()
    task_id, target = instance.parent["TaskScheduleId"], instance.parent["OrchestrationInstance"]
    if completion.status is Status.COMPLETED:
        event = events.child_completed(at, task_id, completion.result)
    else:
        event = events.child_failed(at, task_id, completion.result or "", completion.details)
    return (Message(target["InstanceId"], event, at, target["ExecutionId"]),)
