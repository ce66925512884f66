"""Verdicts: what the metrics of a reading say, rule by rule and together.

    Failed        a value was bad
    Error         it couldn't be measured
    Inconclusive  a breach that a person is to look at
    NoData        fewer deals than `min_samples`
    Successful    otherwise

The whole is the worst of its parts, in this order; only `Successful` promotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from rollouts.metrics import ONE_SIDED, TWO_SIDED
from rollouts.plan import MetricRule, Of, OnBreach
from rollouts.readings import Reading


class Verdict(StrEnum):
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"


WORST_FIRST = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.SUCCESSFUL)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One rule's value with the numbers behind it."""

    rule: MetricRule
    verdict: Verdict
    value: float | None = None
    candidate: float | None = None
    stable: float | None = None
    samples: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    measurements: tuple[Measurement, ...]

    @property
    def reason(self) -> str:
        """The worst measurement as a sentence."""
        worst = next((m for m in self.measurements if m.verdict is self.verdict), None)
        return worst.detail if worst else "nothing was measured"


def judge_metrics(rules: Sequence[MetricRule], reading: Reading | None, fault: str = "") -> Judgement:
    """Judge a reading; None is one that could not be had, for the reason that `fault` gives."""
    if reading is None:
        measurements = tuple(Measurement(rule, Verdict.ERROR, detail=f"{rule.name}: {fault}") for rule in rules)
    else:
        measurements = tuple(judge_metric(rule, reading) for rule in rules)
    verdicts = {measurement.verdict for measurement in measurements}
    return Judgement(next((v for v in WORST_FIRST if v in verdicts), Verdict.NO_DATA), measurements)


SYNTHETIC_METRICS = frozenset({"error_rate", "latency_p95_ms"})


def synthetic_rules(rules: Sequence[MetricRule]) -> list[MetricRule]:
    """The rules that the golden set can be judged by, however few deals it holds; no deal of it may fail."""
    kept = [rule for rule in rules if rule.name in SYNTHETIC_METRICS and rule.of is Of.CANDIDATE]
    unfailing = MetricRule("error_rate", maximum=0.0, min_samples=1)
    return [*(replace(rule, min_samples=1) for rule in kept), unfailing]


def judge_metric(rule: MetricRule, reading: Reading) -> Measurement:
    """Judge one metric."""
    if rule.name in TWO_SIDED:
        sample = TWO_SIDED[rule.name](reading)
        return _conclude(rule, sample.value, sample.value, None, sample.samples)
    measure = ONE_SIDED.get(rule.name)
    if measure is None:
        return Measurement(rule, Verdict.ERROR, detail=f"{rule.name}: there is no such metric")
    candidate = measure(reading.candidate, reading.latency_bounds_ms)
    if rule.of is Of.CANDIDATE:
        return _conclude(rule, candidate.value, candidate.value, None, candidate.samples)
    stable = measure(reading.stable, reading.latency_bounds_ms)
    value = _compare(rule.of, candidate.value, stable.value)
    return _conclude(rule, value, candidate.value, stable.value, min(candidate.samples, stable.samples))


def _compare(of: Of, candidate: float | None, stable: float | None) -> float | None:
    if candidate is None or stable is None:
        return None
    if of is Of.DELTA:
        return candidate - stable
    if stable == 0:
        return 1.0 if candidate == 0 else None
    return candidate / stable


def _conclude(
    rule: MetricRule, value: float | None, candidate: float | None, stable: float | None, samples: int
) -> Measurement:
    if samples < rule.min_samples:
        verdict, detail = Verdict.NO_DATA, f"{rule.name}: {samples} of {rule.min_samples} deals"
    elif value is None:
        verdict, detail = Verdict.ERROR, f"{rule.name}: has no {rule.of.value} because stable's value is 0"
    elif _is_within(rule, value):
        verdict, detail = Verdict.SUCCESSFUL, f"{rule.name}: {value:.4g}"
    else:
        verdict = Verdict.FAILED if rule.on_breach is OnBreach.ROLLBACK else Verdict.INCONCLUSIVE
        detail = f"{rule.name} ({rule.of.value}) is {value:.4g}, {_bounds(rule)}"
    return Measurement(rule, verdict, value, candidate, stable, samples, detail)


def _is_within(rule: MetricRule, value: float) -> bool:
    return (rule.minimum is None or value >= rule.minimum) and (rule.maximum is None or value <= rule.maximum)


def _bounds(rule: MetricRule) -> str:
    low = f"at least {rule.minimum:g}" if rule.minimum is not None else ""
    high = f"at most {rule.maximum:g}" if rule.maximum is not None else ""
    return f"allowed is {' and '.join(filter(None, (low, high)))}"


def judgement_data(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON, with the numbers behind it."""
    return {
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "metrics": [
            {
                "name": m.rule.name,
                "of": m.rule.of.value,
                "verdict": m.verdict.value,
                "value": m.value,
                "candidate": m.candidate,
                "stable": m.stable,
                "min": m.rule.minimum,
                "max": m.rule.maximum,
                "samples": m.samples,
                "minSamples": m.rule.min_samples,
                "detail": m.detail,
            }
            for m in judgement.measurements
        ],
    }
