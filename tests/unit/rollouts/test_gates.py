"""Gates: nobody raises a version's weight alone."""

from __future__ import annotations

import pytest

from rollouts.gates import Refusal, gate_before, refuse_approval, refuse_promotion
from tests.unit.rollouts.test_lint import ENOUGH, sound

WAVES = [["westeurope"], ["northeurope", "eastus2"], ["brazilsouth"]]


@pytest.mark.parametrize(
    ("before", "gates"),
    [
        ("never", [None, None, None]),
        ("firstWave", ["wave-1", None, None]),
        ("eachWave", ["wave-1", "wave-2", "wave-3"]),
    ],
)
def test_gates_stand_where_the_plan_says(before: str, gates: list[str | None]) -> None:
    plan = sound(ENOUGH | {"waves": WAVES, "approval": {"before": before}})
    assert [gate_before(plan, wave) for wave in (1, 2, 3)] == gates


@pytest.mark.parametrize(
    ("waiting_at", "gate", "by", "refusal"),
    [
        ("wave-1", "wave-1", "bea", None),
        ("wave-1", "wave-1", "ann", Refusal.OWN),
        ("wave-1", "wave-2", "bea", Refusal.NOT_WAITING),
        ("wave-2", "wave-1", "bea", Refusal.NOT_WAITING),
        ("wave-1", "", "bea", Refusal.NOT_WAITING),
        (None, "wave-1", "bea", Refusal.NOT_WAITING),
        (None, "", "bea", Refusal.NOT_WAITING),
        (None, "wave-1", "ann", Refusal.OWN),
    ],
)
def test_approval_counts_at_its_gate_while_it_is_waited_at_and_from_another_person(
    waiting_at: str | None, gate: str, by: str, refusal: Refusal | None
) -> None:
    assert refuse_approval(waiting_at, starter="ann", gate=gate, by=by) == refusal


def test_approval_counts_once_because_the_gate_is_passed_then() -> None:
    assert refuse_approval("wave-1", "ann", "wave-1", "bea") is None
    assert refuse_approval(None, "ann", "wave-1", "bea") is Refusal.NOT_WAITING
    assert refuse_approval("wave-2", "ann", "wave-1", "bea") is Refusal.NOT_WAITING


def test_promotion_in_full_needs_another_person() -> None:
    assert refuse_promotion("ann", "ann") is Refusal.OWN
    assert refuse_promotion("ann", "bea") is None
