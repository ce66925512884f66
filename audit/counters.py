"""What a record adds to its lane's counters, and the counters themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Traffic(StrEnum):
    """Counted apart: pinned and synthetic decisions say nothing about live ones."""

    LIVE = "live"
    PINNED = "pinned"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Tally:
    """One record's share of the counters. A record that is no decision has only its `record_type`.

    `outcome` is `approve`, `review` or `decline`; `latency_ms` runs from the request's arrival to the append;
    `risk_score` is 0 to 1000. `shadow_outcome` and `shadow_error` tell of the version that looked on;
    `candidate_error` is true where the candidate failed and stable answered.
    """

    record_type: str
    model: str = ""
    version: str = ""
    policy: str = ""
    generation: int = 0
    traffic: Traffic = Traffic.LIVE
    outcome: str = ""
    latency_ms: float = 0.0
    risk_score: int = 0
    candidate_error: bool = False
    shadow_version: str = ""
    shadow_outcome: str = ""
    shadow_risk_score: int = 0
    shadow_error: bool = False
