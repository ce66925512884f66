"""What a record adds to its lane's counters, and the counters themselves.

The ledger commits counters with the records they count, so they are exact. They are kept by minute; histograms have
fixed bins, so that counters of any lanes, minutes and regions can be added up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, cast


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
    `candidate_error` is true where the candidate failed and stable answered. Where a version looked on, `judging_ms`
    is the time that the version that answered took to judge the deal, `shadow_judging_ms` that of the other.
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
    judging_ms: float = 0.0
    shadow_judging_ms: float = 0.0


LATENCY_BOUNDS_MS = (
    0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700,
    1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000,
)  # fmt: skip
"""Bin `i` holds latencies below bound `i` and not below the one before; the last bin has no upper bound."""

RISK_BIN_WIDTH = 20
RISK_BINS = 50
"""Bin `i` holds risk scores from `20 * i` to `20 * i + 19`; the last one holds 1000 too."""

GroupKey = tuple[str, str, str, int, str, str]
"""Model, version, policy, generation, traffic, outcome."""

FlipKey = tuple[str, str, int, str, str, str, str]
"""Model, version, generation, traffic, shadow version, outcome, shadow outcome (empty where the shadow failed)."""


@dataclass(slots=True)
class Group:
    """The decisions of one kind: how many, how many of them in place of a failed candidate, and two histograms
    (bin to count; bins without a count are absent)."""

    decisions: int = 0
    candidate_errors: int = 0
    latency: dict[int, int] = field(default_factory=dict)
    risk: dict[int, int] = field(default_factory=dict)

    def merge(self, other: Group) -> None:
        self.decisions += other.decisions
        self.candidate_errors += other.candidate_errors
        _merge(self.latency, other.latency)
        _merge(self.risk, other.risk)


ShadowKey = tuple[str, str, int, str]
"""Model, version that looked on, generation, traffic."""


@dataclass(slots=True)
class Shadow:
    """What a version that looked on made of the deals it could judge, as histograms: its risk scores, the time that
    judging took it, and the time it took the version that answered, deal for deal."""

    risk: dict[int, int] = field(default_factory=dict)
    judging: dict[int, int] = field(default_factory=dict)
    answering: dict[int, int] = field(default_factory=dict)

    def merge(self, other: Shadow) -> None:
        _merge(self.risk, other.risk)
        _merge(self.judging, other.judging)
        _merge(self.answering, other.answering)


@dataclass(slots=True)
class Counters:
    """What a set of records adds up to. Adding and merging commute; equal sets of records give equal counters.

    `flips` counts, for decisions that a shadow version looked on, each pair of outcomes."""

    records: int = 0
    types: dict[str, int] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    flips: dict[FlipKey, int] = field(default_factory=dict)
    shadows: dict[ShadowKey, Shadow] = field(default_factory=dict)

    def add(self, tally: Tally) -> None:
        self.records += 1
        _count(self.types, tally.record_type)
        if tally.outcome:
            self._add_decision(tally)
        if tally.shadow_version:
            self._add_shadow(tally)

    def merge(self, other: Counters) -> None:
        self.records += other.records
        _merge(self.types, other.types)
        _merge(self.flips, other.flips)
        for key, group in other.groups.items():
            self.groups.setdefault(key, Group()).merge(group)
        for shadow_key, shadow in other.shadows.items():
            self.shadows.setdefault(shadow_key, Shadow()).merge(shadow)

    def _add_decision(self, tally: Tally) -> None:
        key = (tally.model, tally.version, tally.policy, tally.generation, tally.traffic.value, tally.outcome)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group()
        group.decisions += 1
        group.candidate_errors += tally.candidate_error
        _count(group.latency, latency_bin(tally.latency_ms))
        _count(group.risk, risk_bin(tally.risk_score))

    def _add_shadow(self, tally: Tally) -> None:
        outcome = "" if tally.shadow_error else tally.shadow_outcome
        traffic = tally.traffic.value
        _count(
            self.flips,
            (tally.model, tally.version, tally.generation, traffic, tally.shadow_version, tally.outcome, outcome),
        )
        if not tally.shadow_error:
            shadow = self.shadows.setdefault((tally.model, tally.shadow_version, tally.generation, traffic), Shadow())
            _count(shadow.risk, risk_bin(tally.shadow_risk_score))
            _count(shadow.judging, latency_bin(tally.shadow_judging_ms))
            _count(shadow.answering, latency_bin(tally.judging_ms))

    def to_json(self) -> dict[str, object]:
        """JSON values, compact: every key is a list `[part..., count or histogram]`."""
        return {
            "records": self.records,
            "types": self.types,
            "groups": [
                [*key, group.decisions, group.candidate_errors, _bins(group.latency), _bins(group.risk)]
                for key, group in sorted(self.groups.items())
            ],
            "flips": [[*key, count] for key, count in sorted(self.flips.items())],
            "shadows": [
                [*key, _bins(shadow.risk), _bins(shadow.judging), _bins(shadow.answering)]
                for key, shadow in sorted(self.shadows.items())
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counters:
        """The reverse of `to_json`."""
        counters = cls(records=value["records"], types=dict(value["types"]))
        for *key, decisions, candidate_errors, latency, risk in value["groups"]:
            counters.groups[cast("GroupKey", tuple(key))] = Group(
                decisions, candidate_errors, dict(latency), dict(risk)
            )
        counters.flips = {cast("FlipKey", tuple(key)): count for *key, count in value["flips"]}
        for *key, risk, judging, answering in value["shadows"]:
            counters.shadows[cast("ShadowKey", tuple(key))] = Shadow(dict(risk), dict(judging), dict(answering))
        return counters


def latency_bin(latency_ms: float) -> int:
    """The bin of a latency in milliseconds."""
    return bisect_right(LATENCY_BOUNDS_MS, latency_ms)


def risk_bin(risk_score: int) -> int:
    """The bin of a risk score, 0 to 1000."""
    return min(risk_score // RISK_BIN_WIDTH, RISK_BINS - 1)


def _bins(histogram: Mapping[int, int]) -> list[tuple[int, int]]:
    return sorted(histogram.items())


Key = TypeVar("Key")


def _count(counts: dict[Key, int], key: Key) -> None:
    counts[key] = counts.get(key, 0) + 1


def _merge(counts: dict[Key, int], others: Mapping[Key, int]) -> None:
    for key, count in others.items():
        counts[key] = counts.get(key, 0) + count
