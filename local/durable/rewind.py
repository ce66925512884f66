"""Takes failures out of a history, so that a failed orchestration goes on from before them.

What failed becomes a generic event, and with a failed activity the call of it, so that it is called again. A failed
child is rewound itself and reports again; its parent waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.durable.events import Event, EventType

FAILURES = (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED, EventType.EXECUTION_COMPLETED)


@dataclass(frozen=True, slots=True)
class Rewound:
    """An instance with its history without failures; `resumes` where no child of it has to come first."""

    instance_id: str
    history: Sequence[Event]
    resumes: bool


def rewind_all(instance_id: str, history_of: Callable[[str], Sequence[Event]]) -> list[Rewound]:
    """The instance and every failed descendant."""
    history = history_of(instance_id)
    children = _failed_children(history)
    own = Rewound(instance_id, rewind_history(history), resumes=not children)
    return [own, *(rewound for child in children for rewound in rewind_all(child, history_of))]


def rewind_history(history: Sequence[Event]) -> list[Event]:
    """The history without its failures."""
    failed = {event["TaskScheduledId"] for event in history if event["EventType"] == EventType.TASK_FAILED}
    return [_generic(event) if _is_undone(event, failed) else event for event in history]


def _is_undone(event: Event, failed: set[int]) -> bool:
    return event["EventType"] in FAILURES or (
        event["EventType"] == EventType.TASK_SCHEDULED and event["EventId"] in failed
    )


def _generic(event: Event) -> Event:
    kept = {name: event[name] for name in ("EventId", "IsPlayed", "Timestamp")}
    return {"Data": None, "EventType": EventType.GENERIC.value, **kept}


def _failed_children(history: Sequence[Event]) -> list[str]:
    failed = {event["TaskScheduledId"] for event in history if event["EventType"] == EventType.SUB_ORCHESTRATION_FAILED}
    return [
        event["InstanceId"]
        for event in history
        if event["EventType"] == EventType.SUB_ORCHESTRATION_CREATED and event["EventId"] in failed
    ]
