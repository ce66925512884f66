"""Replays what an orchestrator function did against its history, as the real host does.

1. The function's actions are taken in turn: the next one begins when the one before has ended. Each gets a number when
   it begins, and the numbers are what history events point to.
2. The history's events end what is open: tasks, children, timers by number, external events by name. While suspended
   they queue.
3. An action that the history holds is matched against it by number (another name there: non-deterministic). What is
   left over is new: the turn's decisions.
4. The orchestration ends when its actions are through and nothing is open: a task or timer that lost a race and wasn't
   cancelled keeps it Running.
"""

from __future__ import annotations

import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local.durable.answers import Action, Answer
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
from local.durable.entity_requests import SendOrder, build_request
from local.durable.events import Event, EventType, dump
from local.durable.promises import Promise, Steps, all_of, any_of, start
from local.durable.ticks import TICKS_PER_MILLISECOND, parse_ticks

ENDS_WHILE_SUSPENDED = (EventType.EXECUTION_RESUMED, EventType.EXECUTION_TERMINATED)
STACK = "   at the orchestrator function; the local host has no stack of the real one"
FOUND = "Non-Deterministic workflow detected"
CHANGED = "Was a change made to the orchestrator code after this instance had already started running?"


class NonDeterministic(Exception):
    """The history holds an action that the function didn't ask for this time."""


class UnsupportedAction(Exception):
    """An action that the local host doesn't run."""


@dataclass(frozen=True, slots=True)
class Execution:
    """Whose history it is, and the version that children get by default."""

    instance_id: str
    execution_id: str
    name: str
    default_version: str


def replay(execution: Execution, answer: Answer, history: Sequence[Event], clock: Callable[[], int]) -> Outcome:
    """What this turn decides. `clock` stamps new requests to entities, nothing else."""
    return Replay(execution, answer, history, clock).run()


class Replay:
    """One replay; see the module's steps."""

    def __init__(
        self, execution: Execution, answer: Answer, history: Sequence[Event], clock: Callable[[], int]
    ) -> None:
        self._execution, self._answer, self._history, self._clock = execution, answer, history, clock
        self._now, self._next_id, self._requests = 0, 0, 0
        self._new: dict[int, Decision] = {}
        self._open: dict[int, Promise] = {}
        self._awaited: defaultdict[str, list[Promise]] = defaultdict(list)
        self._early: defaultdict[str, int] = defaultdict(int)
        self._held: deque[Event] = deque()
        self._order = SendOrder()
        self._main: Promise | None = None
        self._completion: Completion | None = None
        self._continued_with: str | None = None
        self._carried_over: list[Event] = []
        self._is_suspended = False
        self._kinds: Mapping[int, Callable[[Action], Promise]] = {
            0: self._activity,
            1: lambda action: start(self._with_retry(action, self._activity)),
            2: self._child,
            3: lambda action: start(self._with_retry(action, self._child)),
            4: self._continue_as_new,
            5: lambda action: self._timer(parse_ticks(action["fireAt"]), is_cancelled=action["isCanceled"]),
            6: lambda action: self._event(action["externalEventName"].lower()),
            7: lambda action: self._event(self._send(action, is_signal=False)),
            9: self._signal,
            11: lambda action: any_of(self._begin_all(action)),
            12: lambda action: all_of(self._begin_all(action)),
        }

    def run(self) -> Outcome:
        """Go through the history once."""
        try:
            for event in self._history:
                self._take(event)
            if not self._open and self._main is not None and self._main.done:
                self._complete()
        except (NonDeterministic, UnsupportedAction) as error:
            self._new.clear()
            self._end(Status.FAILED, str(error), f"Unhandled exception while executing orchestration: {error}")
        custom = self._answer.custom_status
        return Outcome(
            decisions=tuple(self._new.values()),
            completion=self._completion,
            custom_status=None if custom is None else dump(custom),
            is_suspended=self._is_suspended,
        )

    def _complete(self) -> None:
        answer = self._answer
        if answer.error:
            reason = f"Orchestrator function '{self._execution.name}' failed: {answer.error}"
            self._end(Status.FAILED, reason, f"Message: {answer.error}, StackTrace: {STACK}")
        elif self._continued_with is not None:
            self._end(Status.CONTINUED, self._continued_with)
        elif answer.is_done:
            self._end(Status.COMPLETED, dump(answer.output))

    def _end(self, status: Status, result: str | None, details: str | None = None) -> None:
        if self._completion is None:
            self._completion = Completion(self._next_id, status, result, details, tuple(self._carried_over))

    # Events

    def _take(self, event: Event) -> None:
        kind = event["EventType"]
        if kind == EventType.ORCHESTRATOR_STARTED:
            self._now = parse_ticks(event["Timestamp"])
        elif self._is_suspended and kind not in ENDS_WHILE_SUSPENDED:
            self._held.append(event)
        else:
            self._handle(kind, event)

    def _handle(self, kind: int, event: Event) -> None:
        match kind:
            case EventType.EXECUTION_STARTED:
                self._main = start(self._in_turn(self._answer.actions))
            case EventType.TASK_SCHEDULED:
                self._match(event, ScheduleTask, "an activity task")
            case EventType.SUB_ORCHESTRATION_CREATED:
                self._match(event, CreateChild, "a sub-orchestration task")
            case EventType.TIMER_CREATED:
                self._match(event, CreateTimer, "a timer task")
            case EventType.EVENT_SENT:
                self._match(event, SendRequest, "a send event task")
            case EventType.TASK_COMPLETED | EventType.SUB_ORCHESTRATION_COMPLETED:
                self._close(event["TaskScheduledId"])
            case EventType.TASK_FAILED | EventType.SUB_ORCHESTRATION_FAILED:
                self._close(event["TaskScheduledId"], failed=True)
            case EventType.TIMER_FIRED:
                self._close(event["TimerId"])
            case EventType.EVENT_RAISED:
                self._raise(event)
            case EventType.EXECUTION_SUSPENDED:
                self._is_suspended = True
            case EventType.EXECUTION_RESUMED:
                self._resume()
            case EventType.EXECUTION_TERMINATED:
                self._end(Status.TERMINATED, event["Input"])

    def _match(self, event: Event, kind: type[Decision], what: str) -> None:
        number, name = event["EventId"], event.get("Name")
        decision = self._new.pop(number, None)
        before = f"{FOUND}: A previous execution of this orchestration scheduled {what} with sequence number {number}"
        if decision is None:
            raise NonDeterministic(
                f"{before} named '{name}', but the current replay execution hasn't (yet?) scheduled this task."
                f" {CHANGED}"
            )
        if not isinstance(decision, kind):
            raise NonDeterministic(
                f"{before} named '{name}', but the current orchestration replay instead produced a"
                f" {decision.host_name} action with this sequence number. {CHANGED}"
            )
        if isinstance(decision, ScheduleTask | CreateChild) and decision.name.lower() != str(name).lower():
            raise NonDeterministic(
                f"{before} named '{name}', but the current orchestration replay instead scheduled {what} named"
                f" '{decision.name}' with this sequence number.  {CHANGED}"
            )

    def _close(self, number: int, *, failed: bool = False) -> None:
        promise = self._open.pop(number, None)
        if promise is not None:
            promise.keep(failed=failed)

    def _raise(self, event: Event) -> None:
        name = str(event["Name"]).lower()
        if self._continued_with is not None:
            self._carried_over.append(event)
        elif self._awaited[name]:
            self._awaited[name].pop().keep()
        else:
            self._early[name] += 1

    def _resume(self) -> None:
        self._is_suspended = False
        held, self._held = self._held, deque()
        for event in held:
            self._take(event)

    # Actions

    def _in_turn(self, actions: Sequence[Action]) -> Steps:
        for action in actions:
            yield self._begin(action)
        return True

    def _begin(self, action: Action) -> Promise:
        kind = action["actionType"]
        if kind not in self._kinds:
            raise UnsupportedAction(f"The local host doesn't run actions of type {kind}; local/README.md says which.")
        return self._kinds[kind](action)

    def _continue_as_new(self, action: Action) -> Promise:
        self._continued_with = dump(action["input"])
        return Promise(done=True)

    def _signal(self, action: Action) -> Promise:
        self._send(action, is_signal=True)
        return Promise(done=True)

    def _begin_all(self, action: Action) -> list[Promise]:
        return [self._begin(part) for part in action["compoundActions"]]

    def _activity(self, action: Action) -> Promise:
        number = self._take_number()
        self._new[number] = ScheduleTask(number, action["functionName"], action["input"])
        return self._open[number]

    def _child(self, action: Action) -> Promise:
        number = self._take_number()
        self._new[number] = CreateChild(
            id=number,
            name=action["functionName"],
            instance_id=action.get("instanceId") or f"{self._execution.execution_id}:{number}",
            version=action.get("version") or self._execution.default_version,
            input_text=None if action["input"] is None else dump(action["input"]),
        )
        return self._open[number]

    def _timer(self, fire_at: int, *, is_cancelled: bool = False) -> Promise:
        """A cancelled one has ended, but it was set all the same and its number is used."""
        number = self._take_number()
        self._new[number] = CreateTimer(number, fire_at)
        promise = self._open[number]
        if is_cancelled:
            self._close(number, failed=True)
        return promise

    def _with_retry(self, action: Action, begin: Callable[[Action], Promise]) -> Steps:
        """After the last attempt too there is a timer, due at once: the library counts on its number."""
        options = action["retryOptions"]
        attempts = options["maxNumberOfAttempts"]
        for attempt in range(1, attempts + 1):
            promise = begin(action)
            yield promise
            if not promise.failed:
                return True
            wait_ms = options["firstRetryIntervalInMilliseconds"] if attempt < attempts else 0
            yield self._timer(self._now + wait_ms * TICKS_PER_MILLISECOND)
        return False

    def _event(self, name: str) -> Promise:
        promise = Promise()
        if self._early[name]:
            self._early[name] -= 1
            promise.keep()
        else:
            self._awaited[name].append(promise)
        return promise

    def _send(self, action: Action, *, is_signal: bool) -> str:
        """Send to an entity; the name of the event that will answer."""
        number, execution, entity_id = self._next_id, self._execution, action["instanceId"]
        self._next_id += 1
        self._requests += 1
        name = f"{execution.instance_id}_{execution.execution_id}_{self._requests}"
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
        request = build_request(
            action["operation"],
            dump(action["input"]),
            request_id,
            is_signal=is_signal,
            parent=(execution.instance_id, execution.execution_id),
            order=self._order.label(entity_id, self._now),
            at=self._clock(),
        )
        self._new[number] = SendRequest(number, entity_id, request)
        return request_id

    def _take_number(self) -> int:
        number = self._next_id
        self._next_id += 1
        self._open[number] = Promise()
        return number
