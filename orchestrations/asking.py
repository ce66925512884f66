"""Ask an activity, with patience but never for ever.

Every activity is raced against a deadline of its own: on Azure one that was in flight when its instance died comes
back only after five minutes. It may then run twice, and its first answer is late; both are harmless, see
`flows/region_steps.py`. What an activity couldn't do is a value with a `fault`, never an exception.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Answer = Mapping[str, Any]
Steps = Generator[Any, Any, Answer]
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
    task = context.call_activity(activity, order)
    timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=attempt_s))
    won = yield context.task_any([task, timer])
    if won == timer:
        return {"fault": {"kind": "unreachable", "detail": f"{activity} gave no answer in {attempt_s:g} s"}}
    cancel(timer)
    return _read(activity, won.result)


def ask_until(context: Any, activity: str, order: Answer, pace: Pace, until: datetime) -> Steps:
    """Ask until it was done or refused, or the time is up; then the last fault."""
    pause_s = pace.first_pause_s
    while True:
        answer = yield from ask_once(context, activity, order, pace.attempt_s)
        again_at = context.current_utc_datetime + timedelta(seconds=pause_s)
        if not is_passing(answer) or again_at >= until:
            return answer
        yield context.create_timer(again_at)
        pause_s = min(pause_s * 2, pace.longest_pause_s)


def text_of(time: datetime) -> str:
    """A time of the context, which is UTC, as RFC 3339."""
    return f"{time.replace(tzinfo=None).isoformat()}Z"


def cancel(timer: Any) -> None:
    """Forget a timer; one left alone would keep the orchestration from ending."""
    if not timer.is_completed:
        timer.cancel()


def _read(activity: str, result: object) -> Answer:
    """An activity's own failure is a fault of ours; what the host says of it is never shown."""
    if isinstance(result, Mapping):
        return result
    return {"fault": {"kind": "failed", "detail": f"{activity} failed; the log says why"}}
