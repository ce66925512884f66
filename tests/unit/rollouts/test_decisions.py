"""Decisions, phases and gates: one table each."""

from __future__ import annotations

import pytest

from rollouts.decisions import (
    ERRORS_ALLOWED,
    AskPerson,
    Decision,
    Hold,
    Proceed,
    RollBack,
    RunSynthetic,
    decide_after_analysis,
)
from rollouts.gates import Refusal, gate_before, refuse_approval, refuse_promotion
from rollouts.lint import lint_plan
from rollouts.outcome import judge_rollback
from rollouts.phases import TRANSITIONS, Event, ImpossibleTransition, Phase, next_phase
from rollouts.plan import NoDataPolicy
from rollouts.verdicts import Judgement, Verdict
from tests.unit.rollouts.test_lint import ENOUGH, FLEET


def judged(verdict: Verdict) -> Judgement:
    return Judgement(verdict, ())


@pytest.mark.parametrize(
    ("verdict", "no_data", "is_step", "errors", "expected"),
    [
        (Verdict.SUCCESSFUL, NoDataPolicy.HOLD, True, 0, Proceed),
        (Verdict.FAILED, NoDataPolicy.HOLD, True, 0, RollBack),
        (Verdict.FAILED, NoDataPolicy.HOLD, False, 0, RollBack),
        (Verdict.INCONCLUSIVE, NoDataPolicy.HOLD, True, 0, AskPerson),
        (Verdict.INCONCLUSIVE, NoDataPolicy.HOLD, False, 0, AskPerson),
        (Verdict.ERROR, NoDataPolicy.HOLD, True, ERRORS_ALLOWED, Hold),
        (Verdict.ERROR, NoDataPolicy.HOLD, True, ERRORS_ALLOWED + 1, RollBack),
        (Verdict.NO_DATA, NoDataPolicy.HOLD, True, 0, Hold),
        (Verdict.NO_DATA, NoDataPolicy.FAIL, True, 0, RollBack),
        (Verdict.NO_DATA, NoDataPolicy.SYNTHETIC, True, 0, RunSynthetic),
        (Verdict.NO_DATA, NoDataPolicy.FAIL, False, 0, Proceed),
    ],
)
def test_verdict_leads_to_its_decision(
    verdict: Verdict, no_data: NoDataPolicy, is_step: bool, errors: int, expected: type[Decision]
) -> None:
    decision = decide_after_analysis(judged(verdict), no_data, is_step=is_step, errors_in_a_row=errors)
    assert type(decision) is expected


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("no_data", list(NoDataPolicy))
@pytest.mark.parametrize("synthetic", [None, *Verdict])
def test_step_proceeds_only_on_success_of_live_or_where_asked_for_synthetic_deals(
    verdict: Verdict, no_data: NoDataPolicy, synthetic: Verdict | None
) -> None:
    decision = decide_after_analysis(
        judged(verdict), no_data, is_step=True, errors_in_a_row=0, synthetic=judged(synthetic) if synthetic else None
    )
    by_synthetic = (verdict, no_data, synthetic) == (Verdict.NO_DATA, NoDataPolicy.SYNTHETIC, Verdict.SUCCESSFUL)
    assert isinstance(decision, Proceed) == (verdict is Verdict.SUCCESSFUL or by_synthetic)


def test_final_phases_lead_nowhere_and_every_other_one_can_end() -> None:
    for phase, following in TRANSITIONS.items():
        assert phase.is_final == (not following)
    assert set(TRANSITIONS) == set(Phase)


def test_rollback_leads_nowhere_but_to_its_end() -> None:
    assert set(TRANSITIONS[Phase.ROLLING_BACK].values()) == {Phase.ROLLED_BACK, Phase.FAILED}
    with pytest.raises(ImpossibleTransition):
        next_phase(Phase.ROLLING_BACK, Event.COMPLETED)


@pytest.mark.parametrize(
    ("before", "gates"),
    [("never", [None, None]), ("firstWave", ["wave-1", None]), ("eachWave", ["wave-1", "wave-2"])],
)
def test_gates_stand_where_the_plan_says(before: str, gates: list[str | None]) -> None:
    plan, _ = lint_plan(ENOUGH | {"approval": {"before": before}}, FLEET)
    assert plan is not None
    assert [gate_before(plan, wave) for wave in (1, 2)] == gates


@pytest.mark.parametrize(
    ("waiting_at", "by", "refusal"),
    [
        ("wave-1", "bea", None),
        ("wave-1", "ann", Refusal.OWN),
        ("wave-2", "bea", Refusal.NOT_WAITING),
        (None, "bea", Refusal.NOT_WAITING),
    ],
)
def test_approval_counts_at_its_gate_and_from_another_person(
    waiting_at: str | None, by: str, refusal: Refusal | None
) -> None:
    assert refuse_approval(waiting_at, starter="ann", gate="wave-1", by=by) == refusal


def test_promotion_in_full_needs_another_person() -> None:
    assert refuse_promotion("ann", "ann") is Refusal.OWN
    assert refuse_promotion("ann", "bea") is None


def test_rollback_that_left_a_region_behind_has_not_succeeded() -> None:
    assert judge_rollback({"a": None, "b": None})[0] is Event.TAKEN_BACK
    event, told = judge_rollback({"a": None, "b": "no answer"})
    assert (event, "b: no answer" in told) == (Event.NOT_TAKEN_BACK, True)
