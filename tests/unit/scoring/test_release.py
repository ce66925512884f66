from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.releasing.release_changes import Closing, ReleaseChange, apply_change, apply_closing, apply_withdrawal
from scoring.release import BUCKETS, Release, Target, Variant, bucket_of, choose_target, is_promotion

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
        ({"withdrawn": ("standard/1",)}, False),
        ({"withdrawn": ("standard/2", "1")}, True),
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


PAST, SOON = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
OTHER_POLICY = Target("1.0.0", "strict/1")


@pytest.mark.parametrize(
    ("change", "target", "weight"),
    [
        ({}, STABLE, 75),
        ({}, CANDIDATE, 25),
        ({}, Target("9", "standard/1"), 0),
        ({"weight": 0}, STABLE, 100),
        ({"weight": 0}, CANDIDATE, 0),
        ({"weight": 100}, STABLE, 0),
        ({"valid_until": PAST}, STABLE, 100),
        ({"valid_until": PAST}, CANDIDATE, 0),
        ({"valid_until": SOON}, CANDIDATE, 25),
        ({"withdrawn": ("1.1.0",)}, STABLE, 100),
        ({"withdrawn": ("1.1.0",)}, CANDIDATE, 0),
        ({"candidate": None, "weight": 0}, STABLE, 100),
        ({"candidate": STABLE}, STABLE, 100),
        ({"candidate": OTHER_POLICY}, OTHER_POLICY, 25),
        ({"shadow_share": 1.0}, CANDIDATE, 25),
    ],
)
def test_live_weight_is_what_a_target_answers_of_live_deals(
    change: dict[str, object], target: Target, weight: int
) -> None:
    assert replace(ROLLOUT, **change).live_weight(target, NOW) == weight  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "promotes"),
    [
        ({}, {}, False),
        ({}, {"weight": 26}, True),
        ({}, {"weight": 24}, False),
        ({}, {"weight": 0}, False),
        ({}, {"candidate": None, "weight": 0}, False),
        ({}, {"stable": CANDIDATE, "candidate": None, "weight": 0}, True),
        ({"weight": 100}, {"stable": CANDIDATE, "candidate": None, "weight": 0}, False),
        ({"weight": 0}, {"weight": 0, "shadow_share": 1.0}, False),
        ({"weight": 0}, {"candidate": OTHER_POLICY, "weight": 1}, True),
        ({}, {"candidate": OTHER_POLICY, "weight": 25}, True),
        ({}, {"candidate": OTHER_POLICY, "weight": 0}, False),
        ({}, {"stable": OTHER_POLICY, "candidate": None, "weight": 0}, True),
        ({"valid_until": PAST}, {"valid_until": SOON}, True),
        ({"valid_until": SOON}, {"valid_until": PAST}, False),
        ({"withdrawn": ("1.1.0",)}, {}, True),
        ({}, {"candidate": STABLE, "weight": 100}, False),
    ],
)
def test_promotion_is_whatever_lets_another_version_or_policy_answer_more_deals(
    before: dict[str, object], after: dict[str, object], promotes: bool
) -> None:
    standing, next_ = replace(ROLLOUT, **before), replace(ROLLOUT, **after)  # type: ignore[arg-type]
    assert is_promotion(standing, next_, NOW) == promotes


targets = st.builds(Target, st.sampled_from(["1.0.0", "1.1.0", "1.2.0"]), st.sampled_from(["standard/1", "strict/1"]))


@st.composite
def releases(draw: st.DrawFn) -> Release:
    candidate = draw(st.none() | targets)
    return Release(
        "deal-fraud",
        draw(targets),
        generation=draw(st.integers(1, 9)),
        candidate=candidate,
        weight=draw(st.integers(0, 100)) if candidate else 0,
        rollout_id=draw(st.sampled_from(["", "rollout-1", "rollout-2"])),
        valid_until=draw(st.sampled_from([None, PAST, SOON])),
        withdrawn=tuple(draw(st.sets(st.sampled_from(["1.1.0", "1.2.0"])))),
        previous=draw(st.none() | targets),
    )


@given(releases())
def test_live_weights_of_all_targets_add_up_to_every_deal(release: Release) -> None:
    named = {release.stable, *([release.candidate] if release.candidate else [])}
    assert sum(release.live_weight(target, NOW) for target in named) == 100


@given(releases(), st.integers(0, 300))
def test_deal_is_answered_only_by_a_target_that_has_a_weight(release: Release, number: int) -> None:
    assert release.live_weight(choose_target(release, f"deal-{number}", NOW).target, NOW) > 0


@given(releases())
def test_release_that_stays_as_it_is_promotes_nothing(release: Release) -> None:
    assert not is_promotion(release, release, NOW)


@given(releases(), releases())
def test_change_that_promotes_nothing_brings_no_deal_to_a_target_that_had_fewer(
    before: Release, after: Release
) -> None:
    """Whatever answers more deals than before was stable before."""
    if not is_promotion(before, after, NOW):
        named = {after.stable, *([after.candidate] if after.candidate else [])}
        raised = {target for target in named if after.live_weight(target, NOW) > before.live_weight(target, NOW)}
        assert raised <= {before.stable}


@given(releases())
def test_letting_the_candidate_go_never_promotes(release: Release) -> None:
    assert not is_promotion(release, replace(release, candidate=None, weight=0), NOW)


@given(releases(), targets)
def test_previous_is_what_was_stable_before_and_outlives_changes_that_leave_stable_alone(
    release: Release, stable: Target
) -> None:
    changed = apply_change(release, ReleaseChange(stable=stable), "c-1")
    assert changed.previous == (release.previous if stable == release.stable else release.stable)
    assert changed.generation == release.generation + 1


@given(releases(), st.none() | targets)
def test_closed_rollout_is_the_ended_one_with_no_candidate_of_its_left(release: Release, stable: Target | None) -> None:
    closing = Closing("rollout-1", stable if stable and stable.version not in release.withdrawn else None, "over")
    closed = apply_closing(release, closing, "c-1")
    assert closed is not None
    assert (closed.ended_rollout, closed.generation) == ("rollout-1", release.generation + 1)
    if release.rollout_id == "rollout-1":
        assert (closed.rollout_id, closed.candidate, closed.weight) == ("", None, 0)
        assert closed.stable == (closing.stable or release.stable)
    else:
        assert (closed.stable, closed.candidate, closed.rollout_id) == (
            release.stable, release.candidate, release.rollout_id,
        )  # fmt: skip
    assert apply_closing(closed, closing, "c-2") is None


@given(releases().filter(lambda release: release.previous is not None and release.stable.version == "1.0.0"))
def test_withdrawn_version_answers_no_deal_and_is_none_to_go_back_to(release: Release) -> None:
    withdrawn = apply_withdrawal(release, "1.1.0", "c-1")
    if withdrawn is None:
        assert "1.1.0" in release.withdrawn
        return
    for kept in (withdrawn.stable, withdrawn.candidate, withdrawn.previous):
        assert kept is None or kept.version != "1.1.0"
