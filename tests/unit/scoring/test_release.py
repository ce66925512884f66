from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scoring.release import BUCKETS, Release, Target, Variant, bucket_of, choose_target

NOW = datetime(2026, 11, 23, 21, tzinfo=UTC)
STABLE, CANDIDATE = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
ROLLOUT = Release("deal-fraud", STABLE, candidate=CANDIDATE, weight=25, shadow_share=0.5, rollout_id="rollout-1")
DEALS = [f"deal-{number}" for number in range(4000)]


def _share(release: Release, variant: Variant) -> float:
    return sum(choose_target(release, deal, NOW).variant is variant for deal in DEALS) / len(DEALS)


@pytest.mark.parametrize("weight", [0, 1, 25, 50, 99, 100])
def test_candidate_gets_its_weight_of_the_deals(weight: int) -> None:
    assert _share(replace(ROLLOUT, weight=weight), Variant.CANDIDATE) == pytest.approx(weight / 100, abs=0.025)


def test_weight_0_and_100_are_exact() -> None:
    assert _share(replace(ROLLOUT, weight=0), Variant.CANDIDATE) == 0
    assert _share(replace(ROLLOUT, weight=100), Variant.CANDIDATE) == 1


def test_deal_keeps_the_candidate_while_the_weight_rises() -> None:
    chosen: set[str] = set()
    for weight in (5, 20, 60, 100):
        release = replace(ROLLOUT, weight=weight)
        now = {deal for deal in DEALS if choose_target(release, deal, NOW).variant is Variant.CANDIDATE}
        assert chosen <= now
        chosen = now


def test_another_rollout_chooses_other_deals() -> None:
    one = {deal for deal in DEALS if bucket_of("rollout-1", deal) < BUCKETS // 4}
    other = {deal for deal in DEALS if bucket_of("rollout-2", deal) < BUCKETS // 4}
    assert len(one & other) / len(one) == pytest.approx(0.25, abs=0.06)


def test_shadow_looks_on_at_its_share_of_stables_deals_only() -> None:
    choices = [choose_target(ROLLOUT, deal, NOW) for deal in DEALS]
    stable = [choice for choice in choices if choice.variant is Variant.STABLE]
    assert sum(choice.shadow == CANDIDATE for choice in stable) / len(stable) == pytest.approx(0.5, abs=0.03)
    assert all(choice.shadow is None for choice in choices if choice.variant is Variant.CANDIDATE)
    assert {choice.target for choice in stable} == {STABLE}


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        ({}, True),
        ({"candidate": None}, False),
        ({"withdrawn": ("1.1.0",)}, False),
        ({"withdrawn": ("1.0.0",)}, True),
        ({"valid_until": NOW + timedelta(seconds=1)}, True),
        ({"valid_until": NOW}, False),
        ({"valid_until": NOW - timedelta(seconds=1)}, False),
    ],
)
def test_candidate_serves_only_while_its_lease_runs_and_it_is_not_withdrawn(
    change: dict[str, object], serves: bool
) -> None:
    release = replace(ROLLOUT, weight=100, **change)  # type: ignore[arg-type]
    choice = choose_target(release, "deal-1", NOW)
    assert (choice.variant is Variant.CANDIDATE) == serves
    assert choice.target == (CANDIDATE if serves else STABLE)


def test_bucket_is_the_same_on_every_machine() -> None:
    assert [bucket_of("rollout-1", deal) for deal in ("deal-1", "deal-2", "Ä")] == [2296, 5125, 9723]
