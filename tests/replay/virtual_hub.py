"""A task hub in memory and in virtual time: the local engine's own turns, the library and the app's functions.

    a turn that is due -> else an activity -> else the clock goes on to whatever is due next

A step is a turn or an activity, so that a test can do something between any two. Nothing waits: a rollout of a day
takes as long as its turns do. What runs first among what is due is `choose`'s to say.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any

from local.durable import events
from local.durable.answers import Answer
from local.durable.decisions import Status
from local.durable.failures import describe_failure
from local.durable.functions import DURABLE_TRIGGERS, gather_functions
from local.durable.instances import Instance, Message, Task
from local.durable.ticks import TICKS_PER_SECOND, parse_ticks
from local.durable.turns import Turn, build_new_events, build_payload, finish_turn, start_event
from local.indexing import IndexedFunction, index_functions
from tests.fakes import FakeClock

LIBRARY_EVENTS = import_module("azure.durable_functions.models.history.HistoryEvent")
LIBRARY_EVENTS.dt_parse = cache(LIBRARY_EVENTS.dt_parse)  # type: ignore[attr-defined]
"""Every turn reads every time of its history again, which is more than half of what a turn costs."""

VERSION = "1.0"
STEP_S = 0.001
RETURN_S = 300.0
"""As long as Azure keeps an activity whose instance died."""


class Fate(StrEnum):
    """What becomes of an activity."""

    DONE = "done"
    LOST = "lost"
    """Its instance died before it began: it comes back after `RETURN_S`."""
    UNANSWERED = "unanswered"
    """Its instance died when it was done: it comes back after `RETURN_S` and is done again."""
    TWICE = "twice"
    """Two instances do it one after the other; the second answer counts for nothing."""


@dataclass(frozen=True, slots=True)
class TakenTurn:
    """A turn as the function met it: the trigger's payload, JSON text, and what it answered."""

    name: str
    instance_id: str
    payload: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Due:
    """An activity that waits until a time."""

    at: int
    task: Task


async def invoke(function: IndexedFunction, argument: object) -> Any:
    """Call a function here and now."""
    result = function.call(argument)
    return await result if inspect.isawaitable(result) else result


class VirtualHub:
    """The hub of one app. `fates` says what becomes of an activity; `choose` picks one of so many that are due."""

    def __init__(self, app: Any, clock: FakeClock) -> None:
        self._functions = gather_functions(index_functions(app, DURABLE_TRIGGERS), invoke)
        self._clock = clock
        self._messages: list[Message] = []
        self._tasks: list[Due] = []
        self.instances: dict[str, Instance] = {}
        self.histories: dict[str, list[str]] = {}
        self.turns: list[TakenTurn] = []
        self.fates: Callable[[Task], Fate] = lambda _: Fate.DONE
        self.choose: Callable[[int], int] = lambda _: 0
        self.performed: list[str] = []
        self.steps = 0

    @property
    def orchestrators(self) -> set[str]:
        """Those that the app has registered."""
        return {function.name for function in self._functions.orchestrators.values()}

    @property
    def activities(self) -> set[str]:
        return {function.name for function in self._functions.activities.values()}

    def mark(self) -> Any:
        """Where the hub stands, for `return_to`."""
        histories = {instance_id: list(history) for instance_id, history in self.histories.items()}
        return [*self._messages], [*self._tasks], dict(self.instances), histories, [*self.turns], self.steps

    def return_to(self, mark: Any) -> None:
        """Stand there again."""
        messages, tasks, instances, histories, turns, self.steps = mark
        self._messages, self._tasks, self.instances, self.turns = [*messages], [*tasks], dict(instances), [*turns]
        self.histories = {instance_id: list(history) for instance_id, history in histories.items()}

    def start(self, name: str, instance_id: str, given: object) -> None:
        """Start an instance, as a client does."""
        now = self.now()
        instance = Instance(
            instance_id,
            uuid.uuid5(uuid.NAMESPACE_OID, instance_id).hex,
            name,
            VERSION,
            Status.PENDING,
            now,
            now,
            json.dumps(json.dumps(given)),
        )
        self._start(instance, start_event(instance, now, generation=0))

    def raise_event(self, instance_id: str, name: str) -> None:
        """Raise an event with nothing in it, as a client does."""
        now = self.now()
        self._messages.append(Message(instance_id, events.event_raised(now, name, "null"), now))

    def terminate(self, instance_id: str) -> None:
        now = self.now()
        self._messages.append(Message(instance_id, events.execution_terminated(now, "an operator"), now))

    def status(self, instance_id: str) -> str:
        """An instance's status; empty where there is none."""
        found = self.instances.get(instance_id)
        return found.status.value if found else ""

    def output(self, instance_id: str) -> Any:
        """What an instance that has ended answered."""
        return json.loads(self.instances[instance_id].output_text or "null")

    async def answer(self, name: str, payload: str) -> Answer:
        """What an orchestrator answers to a payload, whoever it came from."""
        return await self._functions.answer(name, payload)

    def now(self) -> int:
        return _ticks(self._clock.now())

    async def step(self) -> bool:
        """Take one turn or do one activity, once something is due; False where nothing ever will be."""
        ready = self._ready()
        while not ready:
            due = [*(message.visible_at for message in self._messages), *(one.at for one in self._tasks)]
            if not due:
                return False
            self._clock.advance(max(0.0, (min(due) - self.now()) / TICKS_PER_SECOND))
            ready = self._ready()
        chosen = ready[self.choose(len(ready))]
        await (self._turn(chosen) if isinstance(chosen, str) else self._perform(chosen))
        self._clock.advance(STEP_S)
        self.steps += 1
        return True

    def _ready(self) -> list[str | Due]:
        """The instances that have a turn to take, then the activities, each in the order of their coming."""
        now = self.now()
        turns: dict[str | Due, None] = {
            message.instance_id: None for message in self._messages if message.visible_at <= now
        }
        return [*turns, *(due for due in self._tasks if due.at <= now)]

    async def _turn(self, instance_id: str) -> None:
        now = self.now()
        arrived = [
            message for message in self._messages if message.instance_id == instance_id and message.visible_at <= now
        ]
        self._messages = [message for message in self._messages if message not in arrived]
        instance = self.instances.get(instance_id)
        if instance is None or instance.status.is_final:
            return
        turn = Turn(instance, self.histories[instance_id], [message.event for message in arrived], ())
        new = build_new_events(turn, self.now)
        payload = build_payload(turn, new)
        answer = await self.answer(instance.name, payload)
        self.turns.append(TakenTurn(instance.name, instance_id, payload, answer))
        commit = finish_turn(turn, new, answer, VERSION, self.now)
        self.instances[instance_id] = commit.instance
        self.histories[instance_id].extend(commit.history)
        self._tasks += [Due(now, task) for task in commit.tasks]
        for start in commit.starts:
            self._start(start.instance, start.event)
        for message in commit.messages:
            self._send(message)
        if commit.instance.status.is_final:
            self._messages = [message for message in self._messages if message.instance_id != instance_id]

    async def _perform(self, due: Due) -> None:
        self._tasks.remove(due)
        task, fate = due.task, self.fates(due.task)
        if fate in (Fate.LOST, Fate.UNANSWERED):
            if fate is Fate.UNANSWERED:
                await self._run(task)
            self._tasks.append(Due(self.now() + int(RETURN_S * TICKS_PER_SECOND), task))
            return
        self._send(Message(task.instance_id, await self._run(task), self.now(), task.execution_id))
        if fate is Fate.TWICE:
            await self._run(task)

    async def _run(self, task: Task) -> events.Event:
        """Raises KeyError where the app has no such activity: on the real host it would wait for ever."""
        self.performed.append(task.name)
        try:
            result = await self._functions.run_activity(task.name, task.input_text)
        except KeyError:
            raise
        except Exception as error:
            return events.task_failed(self.now(), task.task_id, *describe_failure(task.name, error))
        return events.task_completed(self.now(), task.task_id, result)

    def _start(self, instance: Instance, event: events.Event) -> None:
        living = self.instances.get(instance.instance_id)
        if living is not None and not living.status.is_final:
            return
        self.instances[instance.instance_id] = instance
        self.histories[instance.instance_id] = []
        self._send(Message(instance.instance_id, event, self.now()))

    def _send(self, message: Message) -> None:
        target = self.instances.get(message.instance_id)
        is_gone = target is None or target.status.is_final or target.execution_id != message.execution_id
        if message.execution_id is None or not is_gone:
            self._messages.append(message)


def _ticks(time: datetime) -> int:
    return parse_ticks(time.astimezone(UTC).replace(tzinfo=None).isoformat())
