"""Decisions: what every verdict leads to."""

from __future__ import annotations

from itertools import product

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
from rollouts.plan import MetricRule, NoDataPolicy
from rollouts.verdicts import Judgement, Measurement, Verdict

HOLD, SYNTHETIC, FAIL = NoDataPolicy.HOLD, NoDataPolicy.SYNTHETIC, NoDataPolicy.FAIL


def judged(verdict: Verdict, why: str = "why") -> Judgement:
    return Judgement(verdict, (Measurement(MetricRule("error_rate"), verdict, detail=why),))


@pytest.mark.parametrize(
    ("verdict", "no_data", "is_step", "errors", "expected"),
    [
        (Verdict.SUCCESSFUL, HOLD, True, 0, Proceed()),
        (Verdict.SUCCESSFUL, FAIL, False, 0, Proceed()),
        (Verdict.FAILED, HOLD, True, 0, RollBack("why")),
        (Verdict.FAILED, HOLD, False, 0, RollBack("why")),
        (Verdict.INCONCLUSIVE, HOLD, True, 0, AskPerson("why")),
        (Verdict.INCONCLUSIVE, HOLD, False, 0, AskPerson("why")),
        (Verdict.ERROR, HOLD, True, 1, Hold("why")),
        (Verdict.ERROR, HOLD, True, ERRORS_ALLOWED, Hold("why")),
        (Verdict.ERROR, HOLD, True, ERRORS_ALLOWED + 1, RollBack("why")),
        (Verdict.ERROR, FAIL, False, ERRORS_ALLOWED, Hold("why")),
        (Verdict.ERROR, FAIL, False, ERRORS_ALLOWED + 1, RollBack("why")),
        (Verdict.NO_DATA, HOLD, True, 0, Hold("too few deals to judge: why")),
        (Verdict.NO_DATA, FAIL, True, 0, RollBack("too few deals to judge: why")),
        (Verdict.NO_DATA, SYNTHETIC, True, 0, RunSynthetic()),
        (Verdict.NO_DATA, HOLD, False, 0, Proceed()),
        (Verdict.NO_DATA, FAIL, False, 0, Proceed()),
        (Verdict.NO_DATA, SYNTHETIC, False, 0, Proceed()),
    ],
)
def test_verdict_leads_to_its_decision(
    verdict: Verdict, no_data: NoDataPolicy, is_step: bool, errors: int, expected: Decision
) -> None:
    decision = decide_after_analysis(judged(verdict), no_data, is_step=is_step, errors_in_a_row=errors)
    assert decision == expected


@pytest.mark.parametrize(
    ("synthetic", "errors", "expected"),
    [
        (Verdict.SUCCESSFUL, 0, Proceed()),
        (Verdict.FAILED, 0, RollBack("the golden set: wrong")),
        (Verdict.ERROR, 0, Hold("the golden set: wrong")),
        (Verdict.ERROR, ERRORS_ALLOWED + 1, RollBack("the golden set: wrong")),
        (Verdict.INCONCLUSIVE, 0, AskPerson("the golden set: wrong")),
        (Verdict.NO_DATA, 0, Hold("the golden set: wrong")),
    ],
)
def test_golden_set_stands_in_for_too_few_deals(synthetic: Verdict, errors: int, expected: Decision) -> None:
    decision = decide_after_analysis(
        judged(Verdict.NO_DATA),
        SYNTHETIC,
        is_step=True,
        errors_in_a_row=errors,
        synthetic=judged(synthetic, "wrong"),
    )
    assert decision == expected


def test_errors_allowed_in_a_row_are_argos() -> None:
    assert ERRORS_ALLOWED == 4


def decide_step(verdict: Verdict, no_data: NoDataPolicy, synthetic: Verdict | None, errors: int) -> Decision:
    golden = judged(synthetic) if synthetic else None
    return decide_after_analysis(judged(verdict), no_data, is_step=True, errors_in_a_row=errors, synthetic=golden)


EVERY_CASE = list(product(Verdict, NoDataPolicy, [None, *Verdict], [0, ERRORS_ALLOWED + 1]))


@pytest.mark.parametrize(("verdict", "no_data", "synthetic", "errors"), EVERY_CASE)
def test_step_proceeds_only_on_success_of_live_or_where_asked_for_synthetic_deals(
    verdict: Verdict, no_data: NoDataPolicy, synthetic: Verdict | None, errors: int
) -> None:
    decision = decide_step(verdict, no_data, synthetic, errors)
    by_synthetic = (verdict, no_data, synthetic) == (Verdict.NO_DATA, SYNTHETIC, Verdict.SUCCESSFUL)
    assert isinstance(decision, Proceed) == (verdict is Verdict.SUCCESSFUL or by_synthetic)


@pytest.mark.parametrize(("verdict", "no_data", "synthetic", "errors"), EVERY_CASE)
def test_golden_set_is_asked_for_once(
    verdict: Verdict, no_data: NoDataPolicy, synthetic: Verdict | None, errors: int
) -> None:
    decision = decide_step(verdict, no_data, synthetic, errors)
    if synthetic is not None:
        assert not isinstance(decision, RunSynthetic)
