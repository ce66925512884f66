"""Operations on entities as they travel: the host's request and response messages and the order they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.durable.events import dump
from local.durable.ticks import NEVER, format_ticks

HOST = "Microsoft.Azure.WebJobs.Extensions.DurableTask"
REQUEST_TYPE = f"{HOST}.RequestMessage, {HOST}"
RESPONSE_TYPE = f"{HOST}.ResponseMessage, {HOST}"


@dataclass(slots=True)
class SendOrder:
    """Labels an execution's requests, so that each entity can take them in the order they were sent in."""

    _last: dict[str, tuple[int, str]] = field(default_factory=dict)

    def label(self, entity_id: str, now: int) -> dict[str, str]:
        """A timestamp later than that of the request before, and that one's. A bumped one has no zone, as recorded."""
        last, predecessor = self._last.get(entity_id, (0, NEVER))
        ticks = max(now, last + 1)
        text = format_ticks(ticks) if ticks == now else format_ticks(ticks).removesuffix("Z")
        self._last[entity_id] = (ticks, text)
        return {"Timestamp": text, "Predecessor": predecessor}


def build_request(
    operation: str,
    input_text: str | None,
    request_id: str,
    *,
    is_signal: bool,
    parent: tuple[str, str] | None,
    order: Mapping[str, str],
    at: int,
) -> dict[str, Any]:
    """A request; `parent` is the sender's instance and execution, None for a client."""
    request: dict[str, Any] = {"$type": REQUEST_TYPE, "op": operation}
    if is_signal:
        request["signal"] = True
    if input_text is not None:
        request["input"] = input_text
    request["id"] = request_id
    if parent is not None:
        request["parent"], request["parentExecution"] = parent
    return request | dict(order) | {"requestTime": format_ticks(at).removesuffix("Z") + "+00:00"}


def build_response(result: Mapping[str, Any]) -> str:
    """What a caller gets for one result of the entity's library: JSON text."""
    response = {"$type": RESPONSE_TYPE, "result": result["result"]}
    if result.get("isError"):
        response["exceptionType"] = "System.Exception"
    return dump(response)
