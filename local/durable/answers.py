"""What an orchestrator function answered: the library's state, or the exception that carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LABEL = "$OutOfProcData$:"
SCHEMA = 2
NO_LIBRARY_STATE = (
    "the function did not answer with a state of azure-functions-durable's schema 2; run it with azure-functions-"
    "durable 1.7 and decorate it with orchestration_trigger"
)

Action = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Every action since the beginning, in order; `error` is the message of an exception that ended the function."""

    actions: Sequence[Action]
    is_done: bool = False
    output: object = None
    error: str | None = None
    custom_status: object = None


def read_state(text: str) -> Answer:
    """The answer of a function that returned. An unreadable one fails the orchestration, as on the real host."""
    try:
        state = json.loads(text)
        schema, (actions,) = state.get("schemaVersion"), state["actions"]
    except (TypeError, ValueError, KeyError, AttributeError):
        return Answer((), error=NO_LIBRARY_STATE)
    if schema != SCHEMA:
        return Answer((), error=NO_LIBRARY_STATE)
    return Answer(
        actions=actions,
        is_done=bool(state.get("isDone")),
        output=state.get("output"),
        error=state.get("error"),
        custom_status=state.get("customStatus"),
    )


def read_failure(error: BaseException) -> Answer:
    """The answer of a function that raised: the library puts its state behind a label in the message."""
    message, found, state = str(error).partition(f"\n\n{LABEL}")
    return read_state(state) if found else Answer((), error=message or type(error).__name__)
