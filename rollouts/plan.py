"""A plan: what an operator asks a rollout to do, in Argo Rollouts' words.

`rollouts/lint.py` makes plans out of what a person sent and finds every fault; `plan_data` writes them as JSON, and
`read_plan` reads that back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollouts.durations import format_duration, parse_duration

MIN_SAMPLES = 100


class Of(StrEnum):
    """What a metric is taken of: the candidate's value, the candidate's minus stable's, or the one over the other."""

    CANDIDATE = "candidate"
    DELTA = "delta"
    RATIO = "ratio"


class OnBreach(StrEnum):
    ROLLBACK = "rollback"
    PAUSE = "pause"


class Before(StrEnum):
    """Before which waves somebody has to approve; from the strictest to the laxest."""

    EACH_WAVE = "eachWave"
    FIRST_WAVE = "firstWave"
    NEVER = "never"

    @property
    def strictness(self) -> int:
        return {Before.NEVER: 0, Before.FIRST_WAVE: 1, Before.EACH_WAVE: 2}[self]


class OnFailure(StrEnum):
    ROLLBACK_ALL = "rollbackAll"
    PAUSE = "pause"


class NoDataPolicy(StrEnum):
    HOLD = "hold"
    SYNTHETIC = "synthetic"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Shadow:
    """The candidate scores this share (0.0 to 1.0) of what stable answers, unseen."""

    share: float


@dataclass(frozen=True, slots=True)
class SetWeight:
    """The candidate answers this share of live deals, in percent."""

    weight: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay for so many seconds; None: until somebody resumes."""

    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Go on only with a `Successful` verdict."""


Step = Shadow | SetWeight | Pause | Analysis


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A metric with its bounds. Fewer than `min_samples` deals are no data."""

    name: str
    of: Of = Of.CANDIDATE
    minimum: float | None = None
    maximum: float | None = None
    min_samples: int = MIN_SAMPLES
    on_breach: OnBreach = OnBreach.ROLLBACK


@dataclass(frozen=True, slots=True)
class Approval:
    before: Before
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`version` or `policy` None: each region keeps its own. `bake_s` is spent in each region before its promotion,
    `deadline_s` is that of the whole rollout."""

    model: str
    version: str | None
    policy: str | None
    waves: tuple[tuple[str, ...], ...]
    steps: tuple[Step, ...]
    bake_s: float
    approval: Approval
    metrics: tuple[MetricRule, ...]
    on_failure: OnFailure
    no_data: NoDataPolicy
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a plan is checked against: the regions, which of them are pairs, which is control, and the least approval
    that the model needs whatever a plan says."""

    regions: tuple[str, ...]
    pairs: Mapping[str, str]
    control: str
    least_approval: Before = Before.NEVER

    def is_pair(self, one: str, other: str) -> bool:
        return self.pairs.get(one) == other or self.pairs.get(other) == one


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan as JSON, in the shape of a request: linting it gives the same plan."""
    return {
        "model": plan.model,
        **({"version": plan.version} if plan.version is not None else {}),
        **({"policy": plan.policy} if plan.policy is not None else {}),
        "waves": [list(wave) for wave in plan.waves],
        "steps": [step_data(step) for step in plan.steps],
        "bake": format_duration(plan.bake_s),
        "approval": {"before": plan.approval.before.value, "timeout": format_duration(plan.approval.timeout_s)},
        "metrics": [metric_data(rule) for rule in plan.metrics],
        "onFailure": plan.on_failure.value,
        "noData": plan.no_data.value,
        "deadline": format_duration(plan.deadline_s),
    }


def step_data(step: Step) -> dict[str, Any]:
    match step:
        case Shadow(share):
            return {"shadow": share}
        case SetWeight(weight):
            return {"setWeight": weight}
        case Pause(duration_s):
            return {"pause": None if duration_s is None else format_duration(duration_s)}
        case Analysis():
            return {"analysis": True}


def metric_data(rule: MetricRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "of": rule.of.value,
        **({"min": rule.minimum} if rule.minimum is not None else {}),
        **({"max": rule.maximum} if rule.maximum is not None else {}),
        "minSamples": rule.min_samples,
        "onBreach": rule.on_breach.value,
    }


def read_plan(data: Mapping[str, Any]) -> Plan:
    """The plan that `plan_data` wrote. It was linted when it was made and is not judged again: an orchestration that
    was started under older rules goes on under them, and replays the same."""
    return Plan(
        model=data["model"],
        version=data.get("version"),
        policy=data.get("policy"),
        waves=tuple(tuple(wave) for wave in data["waves"]),
        steps=tuple(_read_step(step) for step in data["steps"]),
        bake_s=_seconds(data["bake"]),
        approval=Approval(Before(data["approval"]["before"]), _seconds(data["approval"]["timeout"])),
        metrics=tuple(_read_metric(metric) for metric in data["metrics"]),
        on_failure=OnFailure(data["onFailure"]),
        no_data=NoDataPolicy(data["noData"]),
        deadline_s=_seconds(data["deadline"]),
    )


def _read_step(data: Mapping[str, Any]) -> Step:
    [(kind, value)] = data.items()
    match kind:
        case "shadow":
            return Shadow(float(value))
        case "setWeight":
            return SetWeight(value)
        case "pause":
            return Pause(None if value is None else _seconds(value))
        case "analysis":
            return Analysis()
    raise ValueError(f"no step of a plan: {kind}")


def _read_metric(data: Mapping[str, Any]) -> MetricRule:
    low, high = (None if data.get(bound) is None else float(data[bound]) for bound in ("min", "max"))
    return MetricRule(data["name"], Of(data["of"]), low, high, data["minSamples"], OnBreach(data["onBreach"]))


def _seconds(text: object) -> float:
    seconds = parse_duration(text)
    if seconds is None:
        raise ValueError(f"no duration: {text}")
    return seconds
