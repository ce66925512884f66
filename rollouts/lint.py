"""From JSON to a plan, or to every fault of it at once. Whatever comes in, nothing is raised.

A plan is sound when every region is in exactly one wave and no pair in the same, when the weights only rise and end at
100, when no weight is raised above what an analysis has looked at, when something can fail, and when it fits into its
own deadline.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from rollouts import defaults
from rollouts.durations import parse_duration
from rollouts.metrics import ONE_SIDED, PAIRWISE
from rollouts.plan import (
    Analysis,
    Approval,
    Before,
    Fleet,
    MetricRule,
    NoDataPolicy,
    Of,
    OnBreach,
    OnFailure,
    Pause,
    Plan,
    SetWeight,
    Shadow,
    Step,
)
from scoring.faults import Fault

MAX_STEPS, MAX_METRICS, MAX_WAVES = 50, 50, 32
LONGEST_S = 30 * 86_400.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
POLICY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}/[A-Za-z0-9][A-Za-z0-9.-]{0,63}\Z")
FIELDS = (
    "model", "version", "policy", "waves", "steps", "bake", "approval", "metrics", "onFailure", "noData", "deadline",
)  # fmt: skip

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


def lint_plan(document: object, fleet: Fleet) -> tuple[Plan | None, list[Fault]]:
    """The plan, its gaps filled in, or None and every fault. Pointers are JSON Pointers into the document."""
    if not isinstance(document, Mapping):
        return None, [Fault("", "A plan is a JSON object.")]
    linter = _Linter(document)
    linter.check_fields("", document, FIELDS)
    plan = Plan(
        model=linter.name("model", required=True) or "",
        version=linter.name("version"),
        policy=linter.policy(),
        waves=linter.waves(fleet),
        steps=linter.steps(),
        bake_s=linter.duration("/bake", document.get("bake"), defaults.BAKE_S),
        approval=linter.approval(fleet),
        metrics=linter.metrics(),
        on_failure=linter.choice("/onFailure", document.get("onFailure"), OnFailure, defaults.ON_FAILURE),
        no_data=linter.choice("/noData", document.get("noData"), NoDataPolicy, defaults.NO_DATA),
        deadline_s=linter.duration("/deadline", document.get("deadline"), defaults.DEADLINE_S),
    )
    linter.check_whole(plan)
    return (None, linter.faults) if linter.faults else (plan, [])


def read_plan(document: object) -> Plan:
    """A plan that was linted before, as `plan_data` wrote it. Raises ValueError where it is none."""
    waves = document.get("waves", ()) if isinstance(document, Mapping) else ()
    regions = tuple(region for wave in waves for region in wave)
    plan, faults = lint_plan(document, Fleet(regions, {}, next(iter(regions), "")))
    if plan is None:
        raise ValueError(f"no plan: {faults[0].pointer} {faults[0].detail}")
    return plan


class _Linter:
    """Reads one document and gathers its faults; what is faulty reads as its default."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document
        self.faults: list[Fault] = []

    def fault(self, pointer: str, detail: str, instead: T) -> T:
        self.faults.append(Fault(pointer, detail))
        return instead

    def check_fields(self, pointer: str, document: Mapping[str, object], known: tuple[str, ...]) -> None:
        for field in document:
            if field not in known:
                self.fault(f"{pointer}/{_escape(field)}", f"Unknown field. Known are {', '.join(known)}.", None)

    def name(self, field: str, *, required: bool = False) -> str | None:
        value = self._document.get(field)
        if value is None:
            return self.fault(f"/{field}", "Is required.", None) if required else None
        if not isinstance(value, str) or not NAME.match(value):
            return self.fault(f"/{field}", "Must be a name of letters, digits, dots, dashes and underscores.", None)
        return value

    def policy(self) -> str | None:
        value = self._document.get("policy")
        if value is None:
            if self._document.get("version") is None:
                self.fault("/version", "A version or a policy is required.", None)
            return None
        if not isinstance(value, str) or not POLICY.match(value):
            return self.fault("/policy", "Must read name/version.", None)
        return value

    def duration(self, pointer: str, value: object, default: float) -> float:
        if value is None:
            return default
        seconds = parse_duration(value)
        if seconds is None or not 0 < seconds <= LONGEST_S:
            return self.fault(pointer, "Must be an ISO 8601 duration such as PT10M, above 0 and up to P30D.", default)
        return seconds

    def choice(self, pointer: str, value: object, kind: type[Choice], default: Choice) -> Choice:
        if value is None:
            return default
        if not isinstance(value, str) or value not in list(kind):
            return self.fault(pointer, f"Must be one of {', '.join(kind)}.", default)
        return kind(value)

    def waves(self, fleet: Fleet) -> tuple[tuple[str, ...], ...]:
        given = self._document.get("waves")
        default = defaults.default_waves(fleet)
        if given is None:
            return default
        if not isinstance(given, list) or not 0 < len(given) <= MAX_WAVES:
            return self.fault("/waves", f"Must be a list of 1 to {MAX_WAVES} waves.", default)
        seen: set[str] = set()
        for index, wave in enumerate(given):
            self._check_wave(f"/waves/{index}", wave, seen, fleet)
        for region in fleet.regions:
            if region not in seen:
                self.fault("/waves", f"{region} is in no wave.", None)
        return default if self.faults else tuple(tuple(wave) for wave in given)

    def _check_wave(self, pointer: str, wave: object, seen: set[str], fleet: Fleet) -> None:
        if not isinstance(wave, list) or not 0 < len(wave) <= MAX_WAVES:
            self.fault(pointer, "Must be a list of at least one region.", None)
            return
        for place, region in enumerate(wave):
            at = f"{pointer}/{place}"
            if not isinstance(region, str) or region not in fleet.regions:
                self.fault(at, f"No such region. There are {', '.join(fleet.regions)}.", None)
            elif region in seen:
                self.fault(at, f"{region} is in another place, too.", None)
            elif fleet.pairs.get(region) in wave[:place]:
                self.fault(at, f"{region} and {fleet.pairs[region]} are a pair: give them waves of their own.", None)
            if isinstance(region, str):
                seen.add(region)

    def steps(self) -> tuple[Step, ...]:
        given = self._document.get("steps")
        if given is None:
            return defaults.STEPS
        if not isinstance(given, list) or not 0 < len(given) <= MAX_STEPS:
            return self.fault("/steps", f"Must be a list of 1 to {MAX_STEPS} steps.", defaults.STEPS)
        steps = [self._step(f"/steps/{index}", step) for index, step in enumerate(given)]
        found = tuple(step for step in steps if step is not None)
        if len(found) == len(steps):
            self._check_order(found)
        return found

    def _step(self, pointer: str, step: object) -> Step | None:
        readers = {
            "shadow": self._shadow,
            "setWeight": self._set_weight,
            "pause": self._pause,
            "analysis": self._analysis,
        }
        kind, value = next(iter(step.items())) if isinstance(step, Mapping) and len(step) == 1 else ("", None)
        if kind not in readers:
            return self.fault(pointer, f"Must hold one of {', '.join(readers)}, and nothing else.", None)
        return readers[kind](f"{pointer}/{kind}", value)

    def _shadow(self, pointer: str, value: object) -> Step | None:
        share = _number(value)
        if share is None or not 0 < share <= 1:
            return self.fault(pointer, "Must be above 0.0 and up to 1.0.", None)
        return Shadow(share)

    def _set_weight(self, pointer: str, value: object) -> Step | None:
        if type(value) is not int or not 0 < value <= 100:
            return self.fault(pointer, "Must be a whole number of 1 to 100.", None)
        return SetWeight(value)

    def _pause(self, pointer: str, value: object) -> Step:
        return Pause(None) if value is None else Pause(self.duration(pointer, value, 1.0))

    def _analysis(self, pointer: str, value: object) -> Step | None:
        return Analysis() if value is True else self.fault(pointer, "Must be true.", None)

    def _check_order(self, steps: tuple[Step, ...]) -> None:
        weight, exposed, looked = 0, False, False
        for index, step in enumerate(steps):
            if isinstance(step, Analysis):
                if not exposed:
                    self.fault(
                        f"/steps/{index}", "Nothing is to be analysed yet: shadow or setWeight comes first.", None
                    )
                looked = True
            elif isinstance(step, Shadow | SetWeight):
                if exposed and not looked:
                    self.fault(f"/steps/{index}", "An analysis has to come between two raises of the exposure.", None)
                if isinstance(step, SetWeight) and step.weight <= weight:
                    self.fault(f"/steps/{index}/setWeight", f"Must be above {weight}: weights only rise.", None)
                if isinstance(step, Shadow) and weight:
                    self.fault(f"/steps/{index}/shadow", "Must come before the first weight.", None)
                weight = step.weight if isinstance(step, SetWeight) else weight
                exposed, looked = True, False
        if weight != 100:
            self.fault("/steps", "The last setWeight must be 100.", None)

    def approval(self, fleet: Fleet) -> Approval:
        given = self._document.get("approval", {})
        least = fleet.least_approval
        default = Approval(least, defaults.APPROVAL_TIMEOUT_S)
        if not isinstance(given, Mapping):
            return self.fault("/approval", "Must hold before and timeout.", default)
        self.check_fields("/approval", given, ("before", "timeout"))
        before = self.choice("/approval/before", given.get("before"), Before, least)
        if before.strictness < least.strictness:
            self.fault("/approval/before", f"This model needs at least {least}.", None)
        return Approval(before, self.duration("/approval/timeout", given.get("timeout"), default.timeout_s))

    def metrics(self) -> tuple[MetricRule, ...]:
        given = self._document.get("metrics")
        if given is None:
            return defaults.METRICS
        if not isinstance(given, list) or not 0 < len(given) <= MAX_METRICS:
            return self.fault(
                "/metrics", f"Must be a list of 1 to {MAX_METRICS} metrics: something must be able to fail.", ()
            )
        return tuple(self._metric(f"/metrics/{index}", metric) for index, metric in enumerate(given))

    def _metric(self, pointer: str, metric: object) -> MetricRule:
        if not isinstance(metric, Mapping):
            return self.fault(pointer, "Must be an object.", MetricRule(""))
        self.check_fields(pointer, metric, ("name", "of", "min", "max", "minSamples", "onBreach"))
        name = metric.get("name")
        if not isinstance(name, str) or name not in {*ONE_SIDED, *PAIRWISE}:
            known = ", ".join((*ONE_SIDED, *PAIRWISE))
            name = self.fault(f"{pointer}/name", f"No such metric. There are {known}.", "")
        of = self.choice(f"{pointer}/of", metric.get("of"), Of, Of.CANDIDATE)
        if name in PAIRWISE and of is not Of.CANDIDATE:
            self.fault(f"{pointer}/of", f"{name} compares both sides by itself: only candidate.", None)
        rule = MetricRule(
            name=name,
            of=of,
            minimum=self._bound(pointer, metric, "min"),
            maximum=self._bound(pointer, metric, "max"),
            min_samples=self._min_samples(pointer, metric),
            on_breach=self.choice(f"{pointer}/onBreach", metric.get("onBreach"), OnBreach, OnBreach.ROLLBACK),
        )
        if metric.get("min") is None and metric.get("max") is None:
            self.fault(pointer, "Needs min or max.", None)
        if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
            self.fault(f"{pointer}/min", "Lies above max.", None)
        return rule

    def _bound(self, pointer: str, metric: Mapping[str, object], field: str) -> float | None:
        if metric.get(field) is None:
            return None
        number = _number(metric[field])
        return number if number is not None else self.fault(f"{pointer}/{field}", "Must be a number.", None)

    def _min_samples(self, pointer: str, metric: Mapping[str, object]) -> int:
        value = metric.get("minSamples", 100)
        if type(value) is int and 1 <= value <= 10_000_000:
            return value
        return self.fault(f"{pointer}/minSamples", "Must be a whole number of 1 to 10,000,000.", 100)

    def check_whole(self, plan: Plan) -> None:
        """What no field shows alone."""
        pauses_s = sum(step.duration_s or 0.0 for step in plan.steps if isinstance(step, Pause))
        least_s = len(plan.waves) * (pauses_s + plan.bake_s)
        if not self.faults and least_s >= plan.deadline_s:
            self.fault("/deadline", f"Pauses and bakes of all waves alone take {least_s:g} s, which is longer.", None)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _escape(field: object) -> str:
    """A field's name in a JSON Pointer (RFC 6901), cut short."""
    return str(field)[:64].replace("~", "~0").replace("/", "~1")
