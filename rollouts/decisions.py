"""What to do after an analysis: values that say why, which the orchestration obeys."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.plan import NoDataPolicy
from rollouts.verdicts import Judgement, Verdict

ERRORS_ALLOWED = 4
"""So many errors in a row are borne, as Argo's `consecutiveErrorLimit`."""


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
    and too few deals are no obstacle. `errors_in_a_row` counts this one."""
    match judgement.verdict:
        case Verdict.FAILED:
            return RollBack(judgement.reason)
        case Verdict.ERROR:
            return RollBack(judgement.reason) if errors_in_a_row > ERRORS_ALLOWED else Hold(judgement.reason)
        case Verdict.INCONCLUSIVE:
            return AskPerson(judgement.reason)
        case Verdict.SUCCESSFUL:
            return Proceed()
        case Verdict.NO_DATA:
            return _decide_without_data(judgement, no_data, synthetic) if is_step else Proceed()


def _decide_without_data(judgement: Judgement, no_data: NoDataPolicy, synthetic: Judgement | None) -> Decision:
    if no_data is NoDataPolicy.FAIL:
        return RollBack(f"too few deals to judge: {judgement.reason}")
    if no_data is NoDataPolicy.HOLD:
        return Hold(f"too few deals to judge: {judgement.reason}")
    if synthetic is None:
        return RunSynthetic()
    if synthetic.verdict is Verdict.SUCCESSFUL:
        return Proceed()
    return RollBack(f"the golden set: {synthetic.reason}")
