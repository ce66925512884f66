"""Ask an activity, with patience but never for ever.

Every activity is raced against a deadline of its own: on Azure one that was in flight when its instance died comes
back only after five minutes. It may then run twice, and its first answer is late; both are harmless, see
`flows/rolling_out/region_steps.py`. Until it comes back the host keeps its orchestration open, so that nobody may wait
for one to end who can't wait that long. What an activity couldn't do is a value with a `fault`, never an exception.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrations.names import DOING

Answer = Mapping[str, Any]
Steps = Generator[Any, Any, Answer]
Waits = Generator[list[Any], None, Any]
"""Yields the tasks that it waits for, any of which lets it go on. It looks for itself whether one has completed, so
that it may be asked at any time."""
PASSING = frozenset({"unreachable", "failed"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a rollout is, in seconds: between two looks, for one activity, for a lease, for a rollback; and
    the first and longest pause before asking again."""

    slice_s: float
    attempt_s: float
    lease_s: float
    rollback_s: float
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


def next_slice(pace: Pace, waited: timedelta) -> timedelta:
    """How long until the next look: the longer nothing has happened, the longer, so that a wait of days leaves no
    history of tens of thousands of events to be replayed; but never so long that a lease runs out."""
    longest_s = max(pace.slice_s, pace.lease_s / 3)
    return timedelta(seconds=min(max(pace.slice_s, waited.total_seconds() / 60), longest_s))


def fault_of(answer: Answer) -> Answer | None:
    """What went wrong, or None."""
    fault: Answer | None = answer.get("fault")
    return fault


def is_passing(answer: Answer) -> bool:
    """Whether it went wrong in a way that may pass."""
    fault = fault_of(answer)
    return fault is not None and fault["kind"] in PASSING


def ask_once(context: Any, activity: str, order: Answer, attempt_s: float) -> Steps:
    """The activity's answer, or a fault where none came in time."""
    return (yield from _alone(context, _wait_once(context, activity, order, attempt_s)))


def ask_until(context: Any, activity: str, order: Answer, pace: Pace, until: datetime) -> Steps:
    """Ask until it was done or refused, or the time is up; then the last fault."""
    return (yield from _alone(context, wait_until(context, activity, order, pace, until)))


def wait_until(context: Any, activity: str, order: Answer, pace: Pace, until: datetime, least_tries: int = 1) -> Waits:
    """The same beside other waits. It is asked a last time when the time is up, and `least_tries` times however late it
    is: the time may have passed while nobody was there to ask."""
    pause_s = pace.first_pause_s
    for tries in itertools.count(1):
        answer = yield from _wait_once(context, activity, order, pace.attempt_s)
        now = context.current_utc_datetime
        if not is_passing(answer) or (now >= until and tries >= least_tries):
            return answer
        again_at = now + timedelta(seconds=pause_s)
        if now < until:
            again_at = min(again_at, until)
        timer = context.create_timer(again_at)
        while not timer.is_completed:
            yield [timer]
        pause_s = min(pause_s * 2, pace.longest_pause_s)


def _wait_once(context: Any, activity: str, order: Answer, attempt_s: float) -> Waits:
    task = context.call_activity(activity, order)
    timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=attempt_s))
    while not (task.is_completed or timer.is_completed):
        yield [task, timer]
    if not task.is_completed:
        return {"fault": {"kind": "unreachable", "detail": describe_silence(activity, attempt_s)}}
    cancel(timer)
    return _read(activity, task.result)


def _alone(context: Any, waits: Waits) -> Steps:
    """Wait for this and nothing else."""
    while True:
        try:
            tasks = next(waits)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
        yield context.task_any(tasks) if len(tasks) > 1 else tasks[0]


class SideBySide:
    """Waits beside one another, by name, in one orchestrator: what one waits for holds up no other.

    Who waits for `tasks` adds a timer that it cancels: the host begins what is asked for next only when what was
    asked for before has ended, one of its tasks at least."""

    def __init__(self, waits: Mapping[str, Waits]) -> None:
        self._waits: dict[str, Waits] = {}
        self._tasks: dict[str, list[Any]] = {}
        self._answered: list[str] = []
        self.answers: dict[str, Any] = {}
        for name, wait in waits.items():
            self.add(name, wait)

    def add(self, name: str, wait: Waits) -> None:
        """Wait for this too; of an earlier wait of that name nothing is known any more."""
        self._waits[name] = wait
        self.answers.pop(name, None)
        self._advance(name)

    @property
    def tasks(self) -> list[Any]:
        """What is waited for, as one list; empty: every wait is over."""
        return [task for tasks in self._tasks.values() for task in tasks]

    def go_on(self) -> list[str]:
        """Let each see whether what it waits for is there; the names of those that were answered since the last time
        it was asked."""
        for name in list(self._waits):
            self._advance(name)
        answered, self._answered = self._answered, []
        return answered

    def _advance(self, name: str) -> None:
        try:
            self._tasks[name] = next(self._waits[name])
        except StopIteration as stop:
            self.answers[name] = stop.value
            self._answered.append(name)
            del self._waits[name]
            self._tasks.pop(name, None)


def text_of(time: datetime) -> str:
    """A time of the context, which is UTC, as RFC 3339."""
    return f"{time.replace(tzinfo=None).isoformat()}Z"


def cancel(timer: Any) -> None:
    """Forget a timer; one left alone would keep the orchestration from ending."""
    if not timer.is_completed:
        timer.cancel()


def forget_early(context: Any, event: str) -> None:
    """Let an event that came while nobody waited for it end one wait. The library (1.7) keeps such an event and would
    have it end every later wait for its name, which is a loop without end."""
    context.deferred_tasks.pop(event, None)


def _read(activity: str, result: object) -> Answer:
    """An activity's own failure is a fault of ours; what the host says of it is never shown."""
    if isinstance(result, Mapping):
        return result
    return {"fault": {"kind": "failed", "detail": describe_failure(activity)}}


def describe_silence(activity: str, attempt_s: float) -> str:
    """What people read of an activity that gave no answer."""
    return f"{DOING[activity]} took longer than {attempt_s:g} s: see that the apps of the region and of control run"


def describe_failure(activity: str) -> str:
    """What people read of an activity that failed by a fault of ours."""
    return f"{DOING[activity]} failed by a fault of ours: the log says which"
