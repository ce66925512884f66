"""From JSON to a plan, or to every fault of it at once. Whatever comes in, nothing is raised.

A plan is sound when every region is in exactly one wave and no pair in the same (`lint_waves`), when the weights only
rise, to 100, and never past what an analysis has looked at (`lint_steps`), when every metric can fail and can be
measured (`lint_metrics`), when it asks for no less approval than the model needs, and when it fits into its deadline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rollouts import defaults
from rollouts.lint_metrics import read_metrics
from rollouts.lint_steps import read_steps
from rollouts.lint_waves import read_waves
from rollouts.plan import Approval, Before, Fleet, NoDataPolicy, OnFailure, Pause, Plan
from rollouts.reader import Reader
from scoring.deals import MODEL_NAME
from scoring.faults import Fault

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}\Z")
POLICY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}/[A-Za-z0-9][A-Za-z0-9.-]{0,63}\Z")
FIELDS = (
    "model", "version", "policy", "waves", "steps", "bake", "approval", "metrics", "onFailure", "noData", "deadline",
)  # fmt: skip


def lint_plan(document: object, fleet: Fleet) -> tuple[Plan | None, list[Fault]]:
    """The plan, its gaps filled in, or None and every fault. Pointers are JSON Pointers into the document."""
    if not isinstance(document, Mapping):
        return None, [Fault("", "A plan is a JSON object.")]
    reader = Reader()
    reader.check_fields("", document, FIELDS)
    model, version, policy = _read_subject(reader, document)
    steps = read_steps(reader, document.get("steps"))
    plan = Plan(
        model=model,
        version=version,
        policy=policy,
        waves=read_waves(reader, document.get("waves"), fleet),
        steps=steps,
        bake_s=reader.duration("/bake", document.get("bake"), defaults.BAKE_S),
        approval=_read_approval(reader, document.get("approval"), fleet.least_approval),
        metrics=read_metrics(reader, document.get("metrics"), steps),
        on_failure=reader.choice("/onFailure", document.get("onFailure"), OnFailure, defaults.ON_FAILURE),
        no_data=reader.choice("/noData", document.get("noData"), NoDataPolicy, defaults.NO_DATA),
        deadline_s=reader.duration("/deadline", document.get("deadline"), defaults.DEADLINE_S),
    )
    _check_deadline(reader, plan)
    return (None, reader.faults) if reader.faults else (plan, [])


def named_by(document: object) -> tuple[str, str | None, str | None]:
    """The model, version and policy that a document names, whatever else is wrong with it; empty or None where it
    names none that could be."""
    return _read_subject(Reader(), document) if isinstance(document, Mapping) else ("", None, None)


def _read_subject(reader: Reader, document: Mapping[str, object]) -> tuple[str, str | None, str | None]:
    """What is rolled out: model, version and policy."""
    if document.get("model") is None:
        reader.fault("/model", "Is required.", None)
    if document.get("version") is None and document.get("policy") is None:
        reader.fault("/version", "A version or a policy is required.", None)
    model = reader.text("/model", document.get("model"), MODEL_NAME, "a model's name")
    version = reader.text("/version", document.get("version"), VERSION, "a version, such as 1.1.0")
    policy = reader.text("/policy", document.get("policy"), POLICY, "a policy's name/version, such as standard/2")
    return model or "", version, policy


def _read_approval(reader: Reader, given: object, least: Before) -> Approval:
    default = Approval(least, defaults.APPROVAL_TIMEOUT_S)
    if given is None:
        return default
    if not isinstance(given, Mapping):
        return reader.fault("/approval", "Must hold before and timeout.", default)
    reader.check_fields("/approval", given, ("before", "timeout"))
    before = reader.choice("/approval/before", given.get("before"), Before, least)
    if before.strictness < least.strictness:
        reader.fault("/approval/before", f"This model needs at least {least}.", None)
    return Approval(before, reader.duration("/approval/timeout", given.get("timeout"), default.timeout_s))


def _check_deadline(reader: Reader, plan: Plan) -> None:
    """The deadline covers what the plan itself waits for, wave after wave."""
    if reader.has_fault_under("/waves", "/steps", "/bake", "/deadline"):
        return
    pauses_s = sum(step.duration_s or 0.0 for step in plan.steps if isinstance(step, Pause))
    least_s = len(plan.waves) * (pauses_s + plan.bake_s)
    if least_s >= plan.deadline_s:
        detail = f"Pauses and bakes of all waves alone take {least_s:g} s, the deadline is {plan.deadline_s:g} s."
        reader.fault("/deadline", detail, None)
