"""The phases of a rollout and the events that lead from one to the next: a table, looked up in one place."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    ROLLING_BACK = "RollingBack"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        return self in {Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.FAILED}


class Event(StrEnum):
    """`failed` is whatever ends a rollout but a person: a breach, a region that said no, the deadline."""

    STARTED = "started"
    GATE_REACHED = "gate reached"
    PAUSED = "paused"
    RESUMED = "resumed"
    ADVANCED = "advanced"
    FAILED = "failed"
    STOPPED = "stopped"
    TAKEN_BACK = "taken back"
    NOT_TAKEN_BACK = "not taken back"
    COMPLETED = "completed"


class ImpossibleTransition(RuntimeError):
    """An event that a phase knows nothing of: a fault of ours."""


_ACTIVE: Mapping[Event, Phase] = {
    Event.GATE_REACHED: Phase.PAUSED,
    Event.PAUSED: Phase.PAUSED,
    Event.RESUMED: Phase.PROGRESSING,
    Event.ADVANCED: Phase.PROGRESSING,
    Event.FAILED: Phase.ROLLING_BACK,
    Event.STOPPED: Phase.ROLLING_BACK,
}
TRANSITIONS: Mapping[Phase, Mapping[Event, Phase]] = {
    Phase.PENDING: {
        Event.STARTED: Phase.PROGRESSING,
        Event.FAILED: Phase.ROLLING_BACK,
        Event.STOPPED: Phase.ROLLING_BACK,
    },
    Phase.PROGRESSING: {**_ACTIVE, Event.COMPLETED: Phase.SUCCEEDED},
    Phase.PAUSED: _ACTIVE,
    Phase.ROLLING_BACK: {
        Event.FAILED: Phase.ROLLING_BACK,
        Event.STOPPED: Phase.ROLLING_BACK,
        Event.TAKEN_BACK: Phase.ROLLED_BACK,
        Event.NOT_TAKEN_BACK: Phase.FAILED,
    },
    Phase.SUCCEEDED: {},
    Phase.ROLLED_BACK: {},
    Phase.FAILED: {},
}


def next_phase(phase: Phase, event: Event) -> Phase:
    """Raises ImpossibleTransition."""
    following = TRANSITIONS[phase].get(event)
    if following is None:
        raise ImpossibleTransition(f"a rollout that is {phase} can't be {event}")
    return following
