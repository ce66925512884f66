"""One batch of operations on an entity, without storage: what its function is given, and what follows.

An entity is an instance named `@name@key` whose input is its state; it runs while it exists and has no history here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from local.durable import events
from local.durable.decisions import Status
from local.durable.entity_requests import build_response
from local.durable.events import dump
from local.durable.instances import Instance, Message
from local.durable.ticks import TICKS_PER_SECOND, format_ticks, parse_ticks

REORDER_WINDOW = 30 * 60 * TICKS_PER_SECOND
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """An entity that requests came for; `instance` is None before the first."""

    entity_id: str
    instance: Instance | None
    requests: Sequence[Request]
    message_rows: Sequence[int]

    @property
    def name(self) -> str:
        """The entity's name, which is its function's."""
        return self.entity_id.split("@", 2)[1]

    @property
    def state(self) -> dict[str, Any]:
        """`exists`, `state` as JSON text, and `sorter`."""
        if self.instance is None or self.instance.input_text is None:
            return {"exists": False, "state": None, "sorter": {}}
        state: dict[str, Any] = json.loads(self.instance.input_text)
        return state


def is_entity(instance_id: str) -> bool:
    """True for the ids of entities."""
    return instance_id.startswith("@") and instance_id.count("@") > 1


def read_entity_state(instance: Instance | None) -> str | None:
    """An entity's state as JSON text; None where it doesn't exist."""
    state: dict[str, Any] = {} if instance is None else json.loads(instance.input_text or "{}")
    return state.get("state") if state.get("exists") else None


def build_batch_payload(batch: Batch) -> str:
    """What the entity function is given: JSON text."""
    _, name, key = batch.entity_id.split("@", 2)
    return dump(
        {
            "self": {"name": name, "key": key},
            "exists": batch.state["exists"],
            "state": batch.state["state"],
            "batch": [
                {
                    "name": request["op"],
                    "input": request.get("input"),
                    "isSignal": request.get("signal", False),
                    "id": request["id"],
                }
                for request in batch.requests
            ],
        }
    )


def finish_batch(batch: Batch, answer: Mapping[str, Any], at: int) -> tuple[Instance, list[Message]]:
    """The entity afterwards, and the responses to those who wait."""
    exists = bool(answer["entityExists"])
    state = {"exists": exists, "state": answer["entityState"], "sorter": _sort(batch)}
    new = batch.instance or Instance(batch.entity_id, str(uuid.uuid4()), batch.entity_id, "", Status.RUNNING, at, at)
    instance = replace(new, updated_at=at, input_text=dump(state), custom_status=dump({"entityExists": exists}))
    pairs = zip(batch.requests, answer["results"], strict=True)
    return instance, [_respond(request, result, at) for request, result in pairs if _waits(request)]


def fail_batch(batch: Batch, error: str) -> dict[str, Any]:
    """The answer for an entity whose function is missing or broke: nothing changes, every caller gets an error."""
    result = {"isError": True, "result": dump(error)}
    state = batch.state
    return {"entityExists": state["exists"], "entityState": state["state"], "results": [result] * len(batch.requests)}


def _waits(request: Request) -> bool:
    return not request.get("signal") and "parent" in request


def _respond(request: Request, result: Mapping[str, Any], at: int) -> Message:
    event = events.event_raised(at, request["id"], build_response(result))
    return Message(request["parent"], event, at, request["parentExecution"])


def _sort(batch: Batch) -> dict[str, Any]:
    """What the real host remembers to put messages in order; here they come in order, and it is only shown."""
    sorter: dict[str, Any] = json.loads(json.dumps(batch.state["sorter"]))
    for request in batch.requests:
        if "parent" in request:
            received = sorter.setdefault("ReceivedFromInstance", {})
            received[request["parent"]] = {"Last": request["Timestamp"], "ExecutionId": request["parentExecution"]}
            horizon = format_ticks(parse_ticks(request["Timestamp"]) - REORDER_WINDOW)
            sorter.setdefault("ReceiveHorizon", horizon)
    return sorter
