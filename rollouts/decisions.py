"""What to do after an analysis: values that say why, which the orchestration obeys."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.plan import NoDataPolicy
from rollouts.verdicts import Judgement, Verdict

ERRORS_ALLOWED = 4
"""So many errors in a row are borne: the default of Argo Rollouts' `consecutiveErrorLimit`."""


@dataclass(frozen=True, slots=True)
class Proceed:
    pass


@dataclass(frozen=True, slots=True)
class Hold:
    """Look again later."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunSynthetic:
    """Score the golden set in the region, and judge by that."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    reason: str


Decision = Proceed | Hold | RunSynthetic | AskPerson | RollBack


def decide_after_analysis(
    judgement: Judgement,
    no_data: NoDataPolicy,
    *,
    is_step: bool,
    errors_in_a_row: int,
    synthetic: Judgement | None = None,
) -> Decision:
    """What to do. Where the analysis is no step but runs through a pause or a bake, `Proceed` means to go on waiting
    and too few deals are no obstacle. `errors_in_a_row` counts this one. With `synthetic`, the golden set's judgement,
    it stands in for live deals that are too few."""
    if judgement.verdict is Verdict.NO_DATA:
        if not is_step:
            return Proceed()
        if no_data is NoDataPolicy.SYNTHETIC:
            return RunSynthetic() if synthetic is None else _obey(synthetic, errors_in_a_row, "the golden set: ")
        reason = f"too few deals to judge: {judgement.reason}"
        return RollBack(reason) if no_data is NoDataPolicy.FAIL else Hold(reason)
    return _obey(judgement, errors_in_a_row)


def _obey(judgement: Judgement, errors_in_a_row: int, whose: str = "") -> Decision:
    reason = f"{whose}{judgement.reason}"
    match judgement.verdict:
        case Verdict.FAILED:
            return RollBack(reason)
        case Verdict.ERROR:
            return RollBack(reason) if errors_in_a_row > ERRORS_ALLOWED else Hold(reason)
        case Verdict.INCONCLUSIVE:
            return AskPerson(reason)
        case Verdict.NO_DATA:
            return Hold(reason)
        case Verdict.SUCCESSFUL:
            return Proceed()
