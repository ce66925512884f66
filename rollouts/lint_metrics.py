"""The metrics of a plan: each known, each able to fail, and none that the plan's own steps can never measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rollouts.defaults import default_metrics
from rollouts.metrics import NAMES, PAIRED, TWO_SIDED, range_of
from rollouts.plan import MIN_SAMPLES, Analysis, MetricRule, Of, OnBreach, Shadow, Step
from rollouts.reader import Reader

MAX_METRICS = 50
MOST_SAMPLES = 10_000_000
FIELDS = ("name", "of", "min", "max", "minSamples", "onBreach")


def read_metrics(reader: Reader, given: object, steps: Sequence[Step]) -> tuple[MetricRule, ...]:
    if given is None:
        return default_metrics(steps)
    if not isinstance(given, list) or not 0 < len(given) <= MAX_METRICS:
        detail = f"Must be a list of 1 to {MAX_METRICS} metrics: something must be able to fail."
        return reader.fault("/metrics", detail, ())
    has_pairs = is_shadowed(steps) or reader.has_fault_under("/steps")
    return tuple(_read_metric(reader, f"/metrics/{i}", metric, has_pairs) for i, metric in enumerate(given))


def is_shadowed(steps: Sequence[Step]) -> bool:
    """Whether the first analysis finds deals that both versions judged."""
    before = steps[: next((index for index, step in enumerate(steps) if isinstance(step, Analysis)), len(steps))]
    return any(isinstance(step, Shadow) for step in before)


def _read_metric(reader: Reader, pointer: str, metric: object, has_pairs: bool) -> MetricRule:
    if not isinstance(metric, Mapping):
        return reader.fault(pointer, "Must be an object.", MetricRule(""))
    reader.check_fields(pointer, metric, FIELDS)
    name = _read_name(reader, f"{pointer}/name", metric.get("name"), has_pairs)
    of = reader.choice(f"{pointer}/of", metric.get("of"), Of, Of.CANDIDATE)
    if name in TWO_SIDED and of is not Of.CANDIDATE:
        of = reader.fault(f"{pointer}/of", f"{name} compares both sides by itself: only candidate.", Of.CANDIDATE)
    rule = MetricRule(
        name=name,
        of=of,
        minimum=reader.number(f"{pointer}/min", metric.get("min")),
        maximum=reader.number(f"{pointer}/max", metric.get("max")),
        min_samples=reader.whole(f"{pointer}/minSamples", metric.get("minSamples"), MOST_SAMPLES, MIN_SAMPLES),
        on_breach=reader.choice(f"{pointer}/onBreach", metric.get("onBreach"), OnBreach, OnBreach.ROLLBACK),
    )
    if metric.get("min") is None and metric.get("max") is None:
        reader.fault(pointer, "Needs min or max.", None)
    if rule.name:
        _check_bounds(reader, pointer, rule)
    return rule


def _read_name(reader: Reader, pointer: str, name: object, has_pairs: bool) -> str:
    if not isinstance(name, str) or name not in NAMES:
        return reader.fault(pointer, f"No such metric. There are {', '.join(NAMES)}.", "")
    if name in PAIRED and not has_pairs:
        reader.fault(pointer, f"{name} needs deals that both versions judged: begin with a shadow step.", None)
    return name


def _check_bounds(reader: Reader, pointer: str, rule: MetricRule) -> None:
    lowest, highest = range_of(rule.name, rule.of)
    bounds = {name: bound for name, bound in (("min", rule.minimum), ("max", rule.maximum)) if bound is not None}
    for name, bound in bounds.items():
        if not lowest <= bound <= highest or (rule.of is Of.RATIO and bound == 0):
            reader.fault(f"{pointer}/{name}", f"Lies out of reach: {_describe_range(rule)}.", None)
    if reader.has_fault_under(pointer):
        return
    if bounds.get("min", lowest) > bounds.get("max", highest):
        reader.fault(f"{pointer}/min", "Lies above max.", None)
    elif bounds and bounds.get("min", lowest) == lowest and bounds.get("max", highest) == highest:
        reader.fault(pointer, f"Could never fail: {_describe_range(rule)}.", None)


def _describe_range(rule: MetricRule) -> str:
    lowest, highest = range_of(rule.name, rule.of)
    low = "above 0" if rule.of is Of.RATIO else f"{lowest:g} or more" if math.isfinite(lowest) else "any number"
    high = f" and at most {highest:g}" if math.isfinite(highest) else ""
    return f"{rule.name} (of {rule.of}) is {low}{high}"
