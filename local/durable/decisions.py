"""What a turn decides: the actions that the history doesn't hold yet, and the end of the orchestration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from local.durable.events import Event


@dataclass(frozen=True, slots=True)
class ScheduleTask:
    """Call an activity. `input_text` is what the library sent, JSON."""

    host_name: ClassVar[str] = "ScheduleTaskOrchestratorAction"
    id: int
    name: str
    input_text: str


@dataclass(frozen=True, slots=True)
class CreateTimer:
    """Wake the orchestration at a time."""

    host_name: ClassVar[str] = "CreateTimerOrchestratorAction"
    id: int
    fire_at: int


@dataclass(frozen=True, slots=True)
class CreateChild:
    """Start a sub-orchestration."""

    host_name: ClassVar[str] = "CreateSubOrchestrationAction"
    id: int
    name: str
    instance_id: str
    version: str
    input_text: str | None


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Send an operation to an entity."""

    host_name: ClassVar[str] = "SendEventOrchestratorAction"
    id: int
    entity_id: str
    request: Mapping[str, Any]


Decision = ScheduleTask | CreateTimer | CreateChild | SendRequest


class Status(StrEnum):
    """An instance's runtime status."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"
    CONTINUED = "ContinuedAsNew"

    @property
    def is_final(self) -> bool:
        """True where nothing can follow but a restart, a rewind or a purge."""
        return self in (Status.COMPLETED, Status.FAILED, Status.TERMINATED)


@dataclass(frozen=True, slots=True)
class Completion:
    """How an execution ended. `result` is JSON text, but the plain reason where it failed or was terminated."""

    id: int
    status: Status
    result: str | None
    details: str | None = None
    carried_over: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A turn's result: decisions in order of their numbers, the end if there is one, the custom status as JSON."""

    decisions: tuple[Decision, ...]
    completion: Completion | None
    custom_status: str | None
    is_suspended: bool
