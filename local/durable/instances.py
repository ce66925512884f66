"""An instance, a message to one, and an activity that waits: the rows of the task hub as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.durable.decisions import Status
from local.durable.events import Event


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance; texts are JSON, times ticks. `parent` is as it stands in the execution's first event."""

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: Status
    created_at: int
    updated_at: int
    input_text: str | None = None
    output_text: str | None = None
    custom_status: str | None = None
    parent: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way. It is lost where `execution_id` is given and no longer that of a living instance."""

    instance_id: str
    event: Event
    visible_at: int
    execution_id: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """A new instance with its first event; it is lost where an instance of that id still lives."""

    instance: Instance
    event: Event


@dataclass(frozen=True, slots=True)
class Task:
    """An activity to run, at least once. `input_text` is what the function is given, JSON."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input_text: str
    row: int = 0
