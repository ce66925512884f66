"""Who calls, and what every flow is told of the call."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = (
    "approver",
    "auditor",
    "breakglass",
    "control",
    "deliverer",
    "labeller",
    "operator",
    "privacy",
    "reviewer",
    "scorer",
)
"""The app roles there are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated application or person, with its app roles."""

    id: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `arrived` is the clock's monotonic time in seconds; `traceparent` is W3C trace context."""

    caller: Caller
    route: str
    request_id: str
    traceparent: str
    arrived: float
