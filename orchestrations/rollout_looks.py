"""What a rollout as a whole sees and says: the clock, what people have said, how regions' parts ended, where it stands.

A look reads all of that in one activity, and obeys whoever stops the rollout. What is told goes to the log, the audit
trail and people, numbered, so that telling it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrations.asking import Answer, Pace, ask_once, ask_until, cancel, fault_of, next_slice, text_of
from orchestrations.names import NOTE_TRANSITION, READ_ORDERS
from rollouts.phases import Event, Phase, next_phase
from rollouts.plan import read_plan

SOURCE = "rollout"
STOPS = {"abort": "aborted", "reject": "rejected"}
RESCUE_SEQ = 50_000
Waiting = Generator[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Stopped(Exception):
    """The rollout is to be taken back. `event` is `Event.FAILED`, or `Event.STOPPED` where a person said so."""

    event: Event
    reason: str


class RolloutLooks:
    """The state of a rollout that is read and shown, rebuilt by every replay."""

    def __init__(self, context: Any, order: Mapping[str, Any]) -> None:
        self._context = context
        self._order = order
        self._plan = read_plan(order["plan"])
        self._pace = Pace(**order["pace"])
        self._deadline: datetime = context.current_utc_datetime + timedelta(seconds=self._plan.deadline_s)
        self._orders: Mapping[str, Any] = {}
        self._asking: Sequence[str] = ()
        self._is_halted = False
        self._results: Mapping[str, Answer] = {}
        self._waits = "control is not reached"
        self._stables: Mapping[str, Mapping[str, Any]] = {}
        self._seq = RESCUE_SEQ if "rescue" in order else 0
        self._told_at: datetime = context.current_utc_datetime
        self._wave = 0
        self._gate: str | None = None
        self.phase = Phase.PENDING
        self.message = ""

    def _wait_beside(self, tasks: list[Any]) -> Generator[Any, Any, Any]:
        """Until a task is done or a slice of time is over; which it was."""
        now: datetime = self._context.current_utc_datetime
        timer = self._context.create_timer(now + next_slice(self._pace, now - self._told_at))
        won = yield self._context.task_any([*tasks, timer])
        cancel(timer)
        return won

    def _look(self) -> Generator[Any, Any, bool]:
        """Read what people have said and how regions' parts ended, and the clock; whether there was an answer. Raises
        Stopped."""
        answer = yield from ask_once(
            self._context, READ_ORDERS, {"rollout_id": self._order["id"]}, self._pace.attempt_s
        )
        self._orders = answer.get("orders", self._orders)
        self._asking = answer.get("asking", self._asking)
        self._results = answer.get("results", self._results)
        self._waits = answer.get("waits", self._waits)
        for name, verb in STOPS.items():
            if name in self._orders:
                raise Stopped(Event.STOPPED, verb)
        if self._is_late:
            raise Stopped(Event.FAILED, f"the rollout's deadline has passed ({self._waits})")
        yield from self._show_halt()
        return fault_of(answer) is None

    def _show_halt(self) -> Waiting:
        """Tell that people have it stand still, or no longer; at a gate it stands still anyway."""
        if self._gate is None and bool(self._halt) != self._is_halted:
            self._is_halted = not self._is_halted
            event = Event.PAUSED if self._is_halted else Event.RESUMED
            yield from self._tell(event, self._halt or "somebody resumed")

    @property
    def _halt(self) -> str:
        """Why it goes no further for now; empty where it does."""
        if "pause" in self._orders:
            return "somebody paused"
        return f"somebody has to look at {', '.join(self._asking)}" if self._asking else ""

    def _tell(self, event: Event, message: str, notice: str = "", patience: timedelta | None = None) -> Waiting:
        """Note a transition; a rollback's time is spent on that at most, where no other patience is given."""
        noting = self._transition(event, message, notice)
        until = self._context.current_utc_datetime + (patience or timedelta(seconds=self._pace.rollback_s))
        yield from ask_until(self._context, NOTE_TRANSITION, noting, self._pace, until)

    def _transition(self, event: Event, message: str, notice: str = "") -> dict[str, Any]:
        """Go to the next phase, and what is to be noted of it."""
        self.phase, self.message = next_phase(self.phase, event), message
        self._told_at = self._context.current_utc_datetime
        self._seq += 1
        self._context.set_custom_status({"phase": self.phase.value, "wave": self._wave})
        return {
            "rollout_id": self._order["id"],
            "source": SOURCE,
            "seq": self._seq,
            "at": text_of(self._context.current_utc_datetime),
            "what": event.value,
            "message": message,
            "shown": {
                "phase": self.phase.value,
                "message": message,
                "wave": self._wave,
                "gate": self._gate,
                "stables": self._stables,
            },
            "notice": notice,
        }

    def _common(self, region: str) -> dict[str, Any]:
        return {"rollout_id": self._order["id"], "region": region, "model": self._order["model"]}

    def _id(self, region: str) -> str:
        return f"{self._order['id']}-{region}"

    @property
    def _is_late(self) -> bool:
        is_late: bool = self._context.current_utc_datetime >= self._deadline
        return is_late
