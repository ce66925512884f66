"""The reconciler: it heals what is behind, reports what is held, and lets no region stand in the way of another."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from flows.errors import LedgerUnavailable, StorageFailed
from flows.ports import RegionAnswer
from flows.releasing.release_changes import ReleaseChange
from flows.rolling_out.reconcile import Reconcile
from flows.rolling_out.region_steps import RegionSteps
from scoring.release import Target
from tests.unit.flows.fleet import NEW, OLD, REGIONS, ROLLOUT, Fleet, Papers, call_as


@dataclass
class AfterTheLook:
    """Somebody changes a region by hand right after the reconciler has looked at it."""

    fleet: Fleet
    region: str = "eastus2"

    async def __call__(self, region: str, method: str, *rest: Any) -> RegionAnswer:
        answer = await self.fleet(region, method, *rest)
        if (region, method) == (self.region, "GET"):
            await self.fleet.change_by_hand(region, {"stable": OLD, "reason": "looked at"}, "operator")
        return answer


@pytest.fixture
async def papers() -> Papers:
    """Every region serves the old version, and the new one is desired."""
    papers = Papers()
    await papers.desired.desire("deal-fraud", NEW, "r-1", OLD)
    return papers


async def look(papers: Papers) -> dict[str, Any]:
    """What was found of the one model."""
    (found,) = await papers.reconcile()
    return dict(found["regions"])


async def states(papers: Papers) -> list[str]:
    found = await look(papers)
    return [found[region]["state"] for region in REGIONS]


async def test_regions_that_are_behind_are_healed_and_then_in_sync(papers: Papers) -> None:
    assert await states(papers) == ["healed"] * 3
    assert await papers.fleet.served() == dict.fromkeys(REGIONS, "1.1.0")
    assert await states(papers) == ["in sync"] * 3


async def test_fleet_that_is_in_sync_is_asked_but_never_changed(papers: Papers) -> None:
    await look(papers)
    changes = papers.fleet.changes
    for _ in range(3):
        await look(papers)
    assert papers.fleet.changes == changes


async def test_region_that_is_away_is_reported_and_holds_up_no_other(papers: Papers) -> None:
    papers.fleet.away.add("eastus2")
    assert await states(papers) == ["healed", "unreachable", "healed"]
    assert await papers.fleet.served() == {"westeurope": "1.1.0", "eastus2": "1.0.0", "brazilsouth": "1.1.0"}
    papers.fleet.away.clear()
    assert await states(papers) == ["in sync", "healed", "in sync"]


@pytest.mark.parametrize(
    "answer",
    [
        RegionAnswer(200, {}),
        RegionAnswer(200, {"generation": 1, "stable": 5}),
        RegionAnswer(500, {"title": "A fault of ours"}),
        RegionAnswer(401, {}),
    ],
)
async def test_region_that_answers_nonsense_is_reported_and_holds_up_no_other(
    papers: Papers, answer: RegionAnswer
) -> None:
    papers.fleet.instead["eastus2"] = answer
    assert await states(papers) == ["healed", "unreachable", "healed"]


async def test_region_that_is_held_is_reported_with_the_reason_and_never_overridden(papers: Papers) -> None:
    await papers.fleet.change_by_hand("eastus2", {"stable": OLD, "reason": "looked at"}, "operator")
    standing = await papers.fleet.release("eastus2")
    for _ in range(2):
        found = await look(papers)
        assert found["eastus2"] == {"state": "held", "detail": "changed by hand: looked at; it serves 1.0.0"}
    assert await papers.fleet.release("eastus2") == standing
    await papers.fleet.by_hand("eastus2", "unhold", {"reason": "seen"})
    assert await states(papers) == ["in sync", "healed", "in sync"]


async def test_hold_that_comes_between_the_look_and_the_change_stands(papers: Papers) -> None:
    """The region itself refuses: the reconciler's change names the generation that it has seen."""
    steps, fleet = papers.steps, papers.fleet
    papers.reconcile = Reconcile(papers.papers, RegionSteps(AfterTheLook(fleet)), REGIONS, papers.clock)
    assert await states(papers) == ["healed", "unreachable", "healed"]
    release = await fleet.release("eastus2")
    assert (release.stable.version, release.hold) == ("1.0.0", "changed by hand: looked at")
    papers.reconcile = Reconcile(papers.papers, steps, REGIONS, papers.clock)
    assert await states(papers) == ["in sync", "held", "in sync"]


async def test_region_that_refuses_is_not_called_held(papers: Papers) -> None:
    papers.fleet.instead["eastus2"] = RegionAnswer(403, {"title": "The caller's roles don't allow this"})
    found = await look(papers)
    assert found["eastus2"]["state"] == "refused"
    assert found["eastus2"]["detail"].startswith("403 The caller's roles")


async def test_region_without_the_version_is_brought_it_first(papers: Papers) -> None:
    """A region that was away when the version was rolled out."""
    await look(papers)
    pulled = [(region, path) for region, _, path in papers.fleet.asked if path.endswith(":pull")]
    paths = ("/api/v1/policies/standard/versions/1:pull", "/api/v1/models/deal-fraud/versions/1.1.0:pull")
    assert sorted(pulled) == sorted((region, path) for region in REGIONS for path in paths)


async def test_policy_that_no_region_has_is_refused_and_everything_stays(papers: Papers) -> None:
    await papers.desired.desire("deal-fraud", {"version": None, "policy": "lax/9"}, "r-2")
    assert await states(papers) == ["refused"] * 3
    assert await papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_model_under_a_rollout_is_left_alone(papers: Papers) -> None:
    await papers.begin()
    assert await papers.reconcile() == []
    assert papers.fleet.changes == 0
    assert await papers.log.orders(ROLLOUT) == {}
    await papers.log.end("deal-fraud", ROLLOUT)
    assert await states(papers) == ["healed"] * 3


async def test_model_that_nothing_is_desired_of_is_left_alone() -> None:
    papers = Papers()
    assert await papers.reconcile() == []
    assert papers.fleet.asked == []


async def test_rollout_that_was_left_open_in_a_region_is_closed_on_what_is_desired(papers: Papers) -> None:
    await look(papers)
    order = {"region": "eastus2", "model": "deal-fraud", "rollout_id": ROLLOUT, "change_id": "c-1", "reason": "opened",
             "valid_until": "2030-01-01T00:00:00Z"}  # fmt: skip
    await papers.steps.open_rollout(order)
    found = await look(papers)
    assert found["eastus2"] == {"state": "healed", "detail": f"closed rollout {ROLLOUT}"}
    release = await papers.fleet.release("eastus2")
    assert (release.rollout_id, release.ended_rollout, release.stable.version) == ("", ROLLOUT, "1.1.0")
    assert await states(papers) == ["in sync"] * 3


async def test_version_withdrawn_in_one_region_is_withdrawn_in_all_and_what_was_before_is_desired(
    papers: Papers,
) -> None:
    await look(papers)
    await papers.fleet.by_hand("brazilsouth", "withdraw", {"version": "1.1.0", "reason": "bad"})
    assert await states(papers) == ["withdrawn"] * 3
    assert await papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")
    desired = await papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == OLD
    assert await states(papers) == ["in sync"] * 3


async def test_region_that_is_away_during_a_withdrawal_is_brought_back_when_it_returns(papers: Papers) -> None:
    await look(papers)
    await papers.fleet.by_hand("brazilsouth", "withdraw", {"version": "1.1.0", "reason": "bad"})
    papers.fleet.away.add("eastus2")
    assert await states(papers) == ["withdrawn", "unreachable", "withdrawn"]
    papers.fleet.away.clear()
    assert await states(papers) == ["in sync", "healed", "in sync"]
    assert await papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_undo_that_did_not_reach_control_ends_the_rollout_and_is_followed_everywhere(papers: Papers) -> None:
    await look(papers)
    await papers.begin()
    papers.fleet.away.add("eastus2")
    await papers.fleet.by_hand("brazilsouth", "withdraw", {"version": "1.1.0", "reason": "bad"})
    for _ in range(2):
        assert await papers.reconcile() == []
    said = (await papers.log.orders(ROLLOUT))["abort"]
    assert (said["by"], said["reason"]) == ("reconciler", "undo: 1.1.0 is withdrawn in brazilsouth")
    assert await papers.fleet.served() == {"westeurope": "1.0.0", "eastus2": "1.1.0", "brazilsouth": "1.0.0"}
    assert (await papers.fleet.release("westeurope")).withdrawn == ("1.1.0",)
    desired = await papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == OLD


async def test_rollout_of_another_version_than_the_withdrawn_one_goes_on(papers: Papers) -> None:
    await papers.begin()
    await papers.fleet.by_hand("brazilsouth", "withdraw", {"version": "0.9.0", "reason": "bad"})
    changes = papers.fleet.changes
    await papers.reconcile()
    assert await papers.log.orders(ROLLOUT) == {}
    assert papers.fleet.changes == changes


async def test_what_was_found_is_shown_and_whatever_is_not_in_sync_is_logged(
    papers: Papers, caplog: pytest.LogCaptureFixture
) -> None:
    papers.fleet.away.add("eastus2")
    with caplog.at_level(logging.WARNING, "vouch.reconciler"):
        await look(papers)
    shown = await papers.desired.read_fleet("deal-fraud")
    assert shown is not None
    assert shown["regions"]["eastus2"] == {"state": "unreachable", "detail": "the region did not answer"}
    assert shown["target"] == NEW
    assert "deal-fraud in eastus2 is unreachable: the region did not answer" in caplog.text
    caplog.clear()
    papers.fleet.away.clear()
    await look(papers)
    await look(papers)
    assert caplog.text.count("is healed") == 1


async def test_one_models_trouble_does_not_keep_another_from_being_healed(papers: Papers) -> None:
    await papers.desired.desire("another", NEW, "r-2", OLD)
    found = {one["model"]: {state["state"] for state in one["regions"].values()} for one in await papers.reconcile()}
    assert found == {"another": {"refused"}, "deal-fraud": {"healed"}}


async def test_papers_that_cannot_be_read_change_no_region(papers: Papers) -> None:
    papers.rows.failure = StorageFailed("away")
    with pytest.raises(LedgerUnavailable):
        await papers.reconcile()
    assert papers.fleet.asked == []


@pytest.fixture
async def behind() -> Papers:
    """A rollout that could not be closed in eastus2, and whose model nobody ever desired anything of."""
    papers = Papers()
    change = ReleaseChange(Target(**OLD), Target(**NEW), 10, 0.0, ROLLOUT)
    await papers.fleet.desks["eastus2"].service.change_release(call_as("control"), "deal-fraud", change, 1, "c-1")
    await papers.desired.leave({"rollout_id": ROLLOUT, "model": "deal-fraud"}, {"eastus2": OLD})
    return papers


async def test_region_that_a_rollout_left_behind_is_closed_when_it_is_back_and_then_left_alone(behind: Papers) -> None:
    behind.fleet.away = {"eastus2"}
    await behind.reconcile()
    assert [one["left"] for one in await behind.desired.left()] == [{"eastus2": OLD}]
    behind.fleet.away = set()
    await behind.reconcile()
    release = await behind.fleet.release("eastus2")
    assert (release.candidate, release.rollout_id, release.ended_rollout) == (None, "", ROLLOUT)
    assert await behind.desired.left() == []
    asked = len(behind.fleet.asked)
    await behind.reconcile()
    assert len(behind.fleet.asked) == asked


async def test_region_that_a_rollout_left_behind_waits_while_another_rollout_is_under_way(behind: Papers) -> None:
    await behind.begin("another")
    await behind.reconcile()
    assert (await behind.fleet.release("eastus2")).rollout_id == ROLLOUT


async def test_region_that_refuses_to_be_closed_is_told_of_and_asked_no_more(
    behind: Papers, caplog: pytest.LogCaptureFixture
) -> None:
    behind.fleet.instead["eastus2"] = RegionAnswer(409, {"title": "No", "detail": "1.0.0 was withdrawn."})
    await behind.reconcile()
    assert "in eastus2: not closed: 409 No: 1.0.0 was withdrawn." in caplog.text
    assert await behind.desired.left() == []
