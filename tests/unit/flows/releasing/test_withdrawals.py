"""Withdrawals: of a version or of a policy, what stands afterwards, and what can't be withdrawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.errors import NothingToReturnTo, VersionWithdrawn
from flows.releasing.release_changes import (
    Closing,
    ReleaseChange,
    apply_closing,
    apply_withdrawal,
    check_not_withdrawn,
    lift_withdrawal,
)
from scoring.release import Release, Target

OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
OTHER = Target("1.0.0", "standard/2")


def release(stable: Target, previous: Target | None = None, candidate: Target | None = None, *gone: str) -> Release:
    weight = 10 if candidate else 0
    return Release("deal-fraud", stable, 7, candidate, weight, 0.0, "r-1", withdrawn=gone, previous=previous)


@pytest.mark.parametrize(
    ("present", "name", "stable", "candidate"),
    [
        (release(NEW, OLD), "1.1.0", OLD, None),
        (release(OTHER, OLD), "standard/2", OLD, None),
        (release(OLD, None, NEW), "1.1.0", OLD, None),
        (release(OLD, None, OTHER), "standard/2", OLD, None),
        (release(OLD, None, NEW), "standard/2", OLD, NEW),
        (release(OLD, None, OTHER), "1.1.0", OLD, OTHER),
        (release(NEW, OLD), "standard/9", NEW, None),
    ],
)
def test_withdrawal_leaves_what_was_named_and_nothing_else(
    present: Release, name: str, stable: Target, candidate: Target | None
) -> None:
    after = apply_withdrawal(present, name, "c-1")
    assert after is not None
    assert (after.stable, after.candidate, after.withdrawn) == (stable, candidate, (name,))
    assert after.weight == (10 if candidate else 0)
    assert apply_withdrawal(after, name, "c-2") is None


@pytest.mark.parametrize(
    ("present", "name"),
    [
        (release(NEW), "1.1.0"),
        (release(OTHER), "standard/2"),
        (release(NEW, OLD), "standard/1"),
        (release(OLD, OTHER), "1.0.0"),
        (release(OTHER, OLD, None, "standard/1"), "standard/2"),
        (release(OTHER, NEW, None, "1.1.0"), "standard/2"),
    ],
)
def test_withdrawal_of_all_there_is_to_serve_is_refused(present: Release, name: str) -> None:
    with pytest.raises(NothingToReturnTo, match=f"{name} is all that this region can serve"):
        apply_withdrawal(present, name, "c-1")


@pytest.mark.parametrize("name", ["1.1.0", "standard/2"])
def test_lifting_lets_what_was_named_be_served_and_changes_nothing_served(name: str) -> None:
    present = release(OLD, None, None, "1.1.0", "standard/2")
    after = lift_withdrawal(present, name, "c-1")
    assert after is not None
    assert (after.stable, after.withdrawn) == (OLD, tuple({"1.1.0", "standard/2"} - {name}))
    assert lift_withdrawal(after, name, "c-2") is None


@pytest.mark.parametrize("change", [ReleaseChange(OTHER), ReleaseChange(OLD, OTHER, 10)])
def test_change_to_a_withdrawn_policy_is_refused(change: ReleaseChange) -> None:
    with pytest.raises(VersionWithdrawn, match="standard/2 was withdrawn"):
        check_not_withdrawn(release(OLD, None, None, "standard/2"), change)


def test_closing_that_would_go_back_to_a_withdrawn_policy_ends_the_rollout_and_keeps_what_is_stable() -> None:
    """Left open, it would keep the next rollout out until its lease has run out."""
    present = replace(release(OLD, None, NEW, "standard/2"), rollout_id="r-1", weight=10)
    closed = apply_closing(present, Closing("r-1", OTHER, "back"), "c-1")
    assert closed is not None
    assert (closed.stable, closed.candidate, closed.weight) == (OLD, None, 0)
    assert (closed.rollout_id, closed.ended_rollout) == ("", "r-1")
