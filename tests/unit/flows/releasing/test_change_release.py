"""Changing a release: audited first, conditional, idempotent; rollouts and people each by their own rules."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.calls import Call, Caller
from flows.errors import (
    InvalidRequest,
    LedgerUnavailable,
    NotAllowed,
    NotFound,
    NothingToReturnTo,
    RolloutEnded,
    RolloutUnderWay,
    Superseded,
    VersionWithdrawn,
    VouchError,
)
from flows.releasing.release_changes import Closing, ReleaseChange, Renewal
from scoring.release import Release, Target
from tests.unit.flows.conftest import STABLE, Stage

OLD, NEW = Target("1.0.0", "standard/1"), Target("1.1.0", "standard/1")
ROLLOUT = "01a20b88-7c4e-7995-b00e-1b51e55f7352"
CANARY = ReleaseChange(stable=OLD, candidate=NEW, weight=10, rollout_id=ROLLOUT, reason="step 3")
SHADOW = ReleaseChange(stable=OLD, candidate=NEW, shadow_share=1.0, reason="a look")


def call_as(*roles: str) -> Call:
    return Call(Caller(f"someone-{'-'.join(roles)}", frozenset(roles)), "releases", "request-1", "00-1-2-01", 1000.0)


CONTROL = call_as("control")


async def change(
    stage: Stage, wanted: ReleaseChange, generation: int = 1, change_id: str = "c1", call: Call = CONTROL
) -> Release:
    return await stage.change_release(call, "deal-fraud", wanted, generation, change_id)


async def test_change_is_stored_recorded_and_served_at_once(stage: Stage) -> None:
    changed = await change(stage, CANARY)
    assert (changed.generation, changed.weight, changed.candidate, changed.hold) == (2, 10, NEW, None)
    assert stage.store.rows["deal-fraud"] == changed
    assert stage.releases.known("deal-fraud") == changed
    (event,) = stage.ledger.events("vouch.release.changed.v1")
    assert (event["data"]["action"], event["data"]["after"]["weight"]) == ("change", 10)


async def test_change_with_a_stale_generation_is_superseded_and_changes_nothing(stage: Stage) -> None:
    with pytest.raises(Superseded):
        await change(stage, CANARY, generation=7)
    assert stage.store.rows["deal-fraud"] == STABLE


async def test_same_change_id_again_is_the_same_change(stage: Stage) -> None:
    first = await change(stage, CANARY)
    assert await change(stage, CANARY) == first
    assert len(stage.ledger.events("vouch.release.changed.v1")) == 1


async def test_change_that_cannot_be_audited_is_not_made(stage: Stage) -> None:
    stage.ledger.failures = [LedgerUnavailable()]
    with pytest.raises(LedgerUnavailable):
        await change(stage, CANARY)
    assert stage.store.rows["deal-fraud"] == STABLE


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        (ReleaseChange(stable=Target("9", "standard/1")), ["/stable/version"]),
        (ReleaseChange(stable=Target("1.0.0", "lenient/1")), ["/stable/policy"]),
        (ReleaseChange(stable=OLD, candidate=Target("9", "x/1")), ["/candidate/version", "/candidate/policy"]),
        (ReleaseChange(stable=OLD, candidate=NEW, weight=101), ["/weight"]),
        (ReleaseChange(stable=OLD, candidate=NEW, shadow_share=1.5), ["/shadow_share"]),
        (ReleaseChange(stable=OLD, weight=5), ["/candidate"]),
    ],
)
async def test_change_with_faults_lists_them(stage: Stage, wanted: ReleaseChange, pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await change(stage, wanted)
    assert [fault.pointer for fault in caught.value.faults] == pointers


@pytest.mark.parametrize(
    ("standing", "error"),
    [
        (replace(STABLE, withdrawn=("1.1.0",)), VersionWithdrawn),
        (replace(STABLE, hold="looked at by hand"), VersionWithdrawn),
        (replace(STABLE, ended_rollout=ROLLOUT), RolloutEnded),
        (replace(STABLE, rollout_id="another"), RolloutEnded),
    ],
)
async def test_rollout_meets_what_stands_against_it_and_changes_nothing(
    stage: Stage, standing: Release, error: type[VouchError]
) -> None:
    stage.store.rows["deal-fraud"] = standing
    with pytest.raises(error):
        await change(stage, CANARY)
    assert stage.store.rows["deal-fraud"] == standing


async def test_rollout_takes_over_where_another_ones_lease_has_run_out(stage: Stage) -> None:
    past = stage.clock.now() - timedelta(seconds=1)
    stage.store.rows["deal-fraud"] = replace(STABLE, rollout_id="another", candidate=NEW, weight=5, valid_until=past)
    assert (await change(stage, CANARY)).rollout_id == ROLLOUT


async def test_change_of_a_model_without_release_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await stage.change_release(CONTROL, "other", CANARY, 1, "c1")


async def test_promotion_by_a_rollout_remembers_what_was_stable_before(stage: Stage) -> None:
    promoted = await change(stage, ReleaseChange(stable=NEW, rollout_id=ROLLOUT))
    assert (promoted.stable, promoted.previous) == (NEW, OLD)


async def test_person_who_changes_the_release_puts_a_hold_on_it(stage: Stage) -> None:
    changed = await change(stage, SHADOW, call=call_as("operator"))
    assert (changed.shadow_share, changed.hold) == (1.0, "changed by hand: a look")
    lifted = await stage.change_release.unhold(call_as("operator"), "deal-fraud", "seen", "c2")
    assert (lifted.hold, lifted.generation) == (None, 3)


@pytest.mark.parametrize(
    "wanted", [replace(CANARY, rollout_id=""), ReleaseChange(stable=NEW, reason="now")], ids=["weight", "stable"]
)
async def test_operator_may_not_promote_by_hand(stage: Stage, wanted: ReleaseChange) -> None:
    with pytest.raises(NotAllowed) as caught:
        await change(stage, wanted, call=call_as("operator"))
    assert caught.value.roles == ("breakglass",)
    assert stage.store.rows["deal-fraud"] == STABLE


async def test_break_glass_promotes_with_a_reason_an_alarm_and_a_hold(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "vouch.alarms"):
        changed = await change(stage, ReleaseChange(stable=NEW, reason="fire"), call=call_as("breakglass"))
    assert (changed.stable, changed.hold) == (NEW, "changed by hand: fire")
    assert "Break-glass: deal-fraud now serves 1.1.0" in caplog.text
    assert stage.ledger.events("vouch.release.changed.v1")[0]["data"]["action"] == "break-glass"


async def test_break_glass_without_a_reason_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidRequest):
        await change(stage, ReleaseChange(stable=NEW, reason="  "), call=call_as("breakglass"))


async def test_break_glass_during_a_rollout_is_refused(stage: Stage) -> None:
    stage.store.rows["deal-fraud"] = replace(STABLE, rollout_id=ROLLOUT)
    with pytest.raises(RolloutUnderWay) as caught:
        await change(stage, ReleaseChange(stable=NEW, reason="fire"), call=call_as("breakglass"))
    assert caught.value.rollout_id == ROLLOUT


async def test_operator_may_take_a_candidate_away_during_a_rollout(stage: Stage) -> None:
    await change(stage, CANARY)
    changed = await change(stage, ReleaseChange(stable=OLD), 2, "c2", call_as("operator"))
    assert (changed.candidate, changed.weight) == (None, 0)


async def test_renewal_lengthens_the_lease_without_a_new_generation(stage: Stage) -> None:
    soon, later = (stage.clock.now() + timedelta(seconds=seconds) for seconds in (30, 60))
    await change(stage, replace(CANARY, valid_until=soon))
    renewed = await stage.change_release.renew(CONTROL, "deal-fraud", Renewal(ROLLOUT, 2, later))
    assert (renewed.valid_until, renewed.generation) == (later, 2)
    again = await stage.change_release.renew(CONTROL, "deal-fraud", Renewal(ROLLOUT, 2, soon))
    assert again.valid_until == later


@pytest.mark.parametrize(("rollout_id", "generation"), [("another", 2), (ROLLOUT, 1)])
async def test_renewal_by_who_no_longer_drives_is_superseded(stage: Stage, rollout_id: str, generation: int) -> None:
    await change(stage, CANARY)
    with pytest.raises(Superseded):
        await stage.change_release.renew(
            CONTROL, "deal-fraud", Renewal(rollout_id, generation, stage.clock.now() + timedelta(hours=1))
        )


async def test_closing_goes_back_and_keeps_the_rollout_out(stage: Stage) -> None:
    await change(stage, ReleaseChange(stable=NEW, rollout_id=ROLLOUT))
    closed = await stage.change_release.close(CONTROL, "deal-fraud", Closing(ROLLOUT, OLD, "breach"), "c2")
    assert (closed.stable, closed.rollout_id, closed.ended_rollout) == (OLD, "", ROLLOUT)
    with pytest.raises(RolloutEnded):
        await change(stage, CANARY, closed.generation, "late")
    assert await stage.change_release.close(CONTROL, "deal-fraud", Closing(ROLLOUT, OLD, "breach"), "c3") == closed


async def test_closing_before_the_first_step_makes_that_step_late(stage: Stage) -> None:
    await stage.change_release.close(CONTROL, "deal-fraud", Closing(ROLLOUT, OLD, "abort"), "c1")
    with pytest.raises(Superseded):
        await change(stage, CANARY, generation=1, change_id="late")


async def test_closing_leaves_what_a_person_changed_since(stage: Stage) -> None:
    await change(stage, CANARY)
    by_hand = await change(stage, SHADOW, 2, "c2", call_as("operator"))
    closed = await stage.change_release.close(CONTROL, "deal-fraud", Closing(ROLLOUT, OLD, "abort"), "c3")
    assert (closed.candidate, closed.hold) == (by_hand.candidate, by_hand.hold)


async def test_closing_a_success_keeps_what_was_promoted(stage: Stage) -> None:
    await change(stage, ReleaseChange(stable=NEW, rollout_id=ROLLOUT))
    closed = await stage.change_release.close(CONTROL, "deal-fraud", Closing(ROLLOUT, None, "done"), "c2")
    assert (closed.stable, closed.previous, closed.rollout_id) == (NEW, OLD, "")


async def test_withdrawn_candidate_is_dropped_and_stays_out(stage: Stage) -> None:
    await change(stage, CANARY)
    withdrawn = await stage.change_release.withdraw(CONTROL, "deal-fraud", "1.1.0", "bad", "u1")
    assert (withdrawn.candidate, withdrawn.weight, withdrawn.withdrawn) == (None, 0, ("1.1.0",))
    assert await stage.change_release.withdraw(CONTROL, "deal-fraud", "1.1.0", "bad", "u2") == withdrawn
    lifted = await stage.change_release.unwithdraw(CONTROL, "deal-fraud", "1.1.0", "mended", "u3")
    assert lifted.withdrawn == ()


async def test_withdrawn_stable_gives_way_to_what_was_before(stage: Stage) -> None:
    await change(stage, ReleaseChange(stable=NEW, rollout_id=ROLLOUT))
    withdrawn = await stage.change_release.withdraw(CONTROL, "deal-fraud", "1.1.0", "bad", "u1")
    assert (withdrawn.stable, withdrawn.previous) == (OLD, None)


async def test_only_version_there_is_cannot_be_withdrawn(stage: Stage) -> None:
    with pytest.raises(NothingToReturnTo):
        await stage.change_release.withdraw(CONTROL, "deal-fraud", "1.0.0", "bad", "u1")
    assert stage.store.rows["deal-fraud"] == STABLE


async def test_unconditional_change_looks_again_where_another_came_between(stage: Stage) -> None:
    await change(stage, CANARY)
    replace_row = stage.store.replace

    async def after_another(release: Release, expected_generation: int) -> None:
        stage.store.replace = replace_row  # type: ignore[method-assign]
        standing = stage.store.rows["deal-fraud"]
        stage.store.rows["deal-fraud"] = replace(standing, generation=standing.generation + 1, weight=20)
        await replace_row(release, expected_generation)

    stage.store.replace = after_another  # type: ignore[method-assign]
    withdrawn = await stage.change_release.withdraw(CONTROL, "deal-fraud", "1.1.0", "bad", "u1")
    assert (withdrawn.generation, withdrawn.withdrawn) == (4, ("1.1.0",))
    assert len(stage.ledger.events("vouch.release.superseded.v1")) == 1
