"""Undo: every region at once, from any region, twice as good as once, and nothing that is away in its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from flows.errors import LedgerUnavailable, NotFound, StorageFailed
from flows.ports import RegionAnswer
from flows.releasing.release_changes import Closing, ReleaseChange
from flows.rolling_out.undo_version import UndoVersion
from scoring.release import Target
from tests.desk import Desk
from tests.fakes import MemoryRows
from tests.unit.flows.fleet import NEW, OLD, REGIONS, ROLLOUT, Fleet, Papers, call_as

PERSON = call_as("operator")


@dataclass
class Country:
    """Every region serves 1.1.0, promoted by a rollout, with 1.0.0 before it."""

    papers: Papers = field(default_factory=Papers)

    async def settle(self) -> Country:
        for desk in self.papers.fleet.desks.values():
            change, control = desk.service.change_release, call_as("control")
            promotion = ReleaseChange(Target(**NEW), rollout_id=ROLLOUT)
            generation = (await desk.service.read_release("deal-fraud")).generation
            await change(control, "deal-fraud", promotion, generation, "promoted")
            await change.close(control, "deal-fraud", Closing(ROLLOUT, None, "done"), "closed")
        await self.papers.desired.desire("deal-fraud", NEW, ROLLOUT, OLD)
        return self

    def undo_from(self, region: str) -> UndoVersion:
        """The use case as that region has it; westeurope is control."""
        service = self.papers.fleet.desks[region].service
        papers = self.papers.papers if region == "westeurope" else None
        return UndoVersion(region, REGIONS, service.read_release, service.change_release, self.papers.fleet, papers)

    async def undo(self, region: str = "westeurope", version: str = "1.1.0", model: str = "deal-fraud") -> Any:
        return (await self.undo_from(region)(PERSON, model, version, "bad"))["regions"]


@pytest.fixture
async def country() -> Country:
    return await Country().settle()


@pytest.mark.parametrize("region", REGIONS)
async def test_undo_from_any_region_takes_every_region_back(country: Country, region: str) -> None:
    said = await country.undo(region)
    assert {name: one["release"]["stable"]["version"] for name, one in said.items()} == dict.fromkeys(REGIONS, "1.0.0")
    fleet = country.papers.fleet
    assert await fleet.served() == dict.fromkeys(REGIONS, "1.0.0")
    assert [(await fleet.release(name)).withdrawn for name in REGIONS] == [("1.1.0",)] * 3


async def test_undo_says_in_every_region_who_asked_for_it_where_and_why(country: Country) -> None:
    await country.undo("eastus2")
    for desk in country.papers.fleet.desks.values():
        data = desk.ledger.events("vouch.release.changed.v1")[-1]["data"]
        assert data["action"] == "withdraw"
        assert data["reason"] == "bad (withdraw of 1.1.0 by someone-operator in eastus2)"


@pytest.mark.parametrize("lifter", REGIONS)
async def test_undo_asked_of_another_region_and_lifted_at_once_promotes_nothing(lifter: str) -> None:
    """Before control's reconciler looked, which goes by what was desired."""
    rows = MemoryRows()
    desks = {region: Desk(rows=rows) if region == "westeurope" else Desk() for region in REGIONS}
    country = await Country(Papers(Fleet(desks), rows=rows)).settle()
    await country.undo("eastus2")
    await country.undo_from(lifter).lift(PERSON, "deal-fraud", "1.1.0", "")
    await country.papers.reconcile()
    assert await country.papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_withdrawal_that_is_lifted_at_once_has_aborted_the_rollout_of_that_version() -> None:
    rows = MemoryRows()
    papers = Papers(Fleet({"westeurope": Desk(rows=rows)}), rows=rows)
    await papers.begin()
    await papers.fleet.by_hand("westeurope", "withdraw", {"version": "1.1.0", "reason": "bad"})
    await papers.fleet.by_hand("westeurope", "unwithdraw", {"version": "1.1.0", "reason": "a mistake"})
    assert (await papers.log.orders(ROLLOUT))["abort"]["reason"] == "undo: a mistake"


@pytest.mark.parametrize("region", REGIONS)
async def test_lifting_what_was_never_withdrawn_leaves_what_is_desired_as_it_is(region: str) -> None:
    rows = MemoryRows()
    desks = {name: Desk(rows=rows) if name == "westeurope" else Desk() for name in REGIONS}
    country = await Country(Papers(Fleet(desks), rows=rows)).settle()
    await country.undo_from(region).lift(PERSON, "deal-fraud", "1.1.0", "")
    desired = await country.papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == NEW


async def test_undo_twice_changes_nothing_more(country: Country) -> None:
    await country.undo()
    fleet = country.papers.fleet
    standing = [await fleet.release(name) for name in REGIONS]
    assert all("release" in one for one in (await country.undo()).values())
    assert [await fleet.release(name) for name in REGIONS] == standing


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "the region did not answer"),
        (RegionAnswer(503, {"title": "The ledger is busy", "detail": "Later."}), "503 The ledger is busy: Later."),
        (RegionAnswer(500, {}), "500 : "),
    ],
)
async def test_region_that_cannot_be_taken_back_is_told_and_holds_up_no_other(
    country: Country, answer: RegionAnswer | None, told: str
) -> None:
    fleet = country.papers.fleet
    if answer is None:
        fleet.away.add("eastus2")
    else:
        fleet.instead["eastus2"] = answer
    said = await country.undo()
    assert said["eastus2"] == {"fault": told}
    assert await fleet.served() == {"westeurope": "1.0.0", "eastus2": "1.1.0", "brazilsouth": "1.0.0"}
    fleet.away.clear()
    fleet.instead.clear()
    assert "release" in (await country.undo())["eastus2"]
    assert await fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_own_region_whose_storage_is_away_is_told_and_the_others_are_taken_back(country: Country) -> None:
    country.papers.fleet.desks["eastus2"].store.failure = StorageFailed("away")
    said = await country.undo("eastus2")
    assert said["eastus2"] == {"fault": "the release could not be read"}
    assert [said[name]["release"]["stable"]["version"] for name in ("westeurope", "brazilsouth")] == ["1.0.0"] * 2


async def test_undo_while_the_rollouts_papers_are_away_takes_every_region_back_and_says_so(country: Country) -> None:
    country.papers.rows.failure = StorageFailed("away")
    with pytest.raises(LedgerUnavailable):
        await country.undo()
    assert await country.papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_undo_of_the_only_version_there_is_is_refused_by_every_region(country: Country) -> None:
    await country.undo()
    said = await country.undo(version="1.0.0")
    assert all("can serve" in one["fault"] for one in said.values())
    assert await country.papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_undo_of_a_model_that_is_not_here_is_not_found_and_asks_nobody(country: Country) -> None:
    with pytest.raises(NotFound):
        await country.undo(model="unheard-of")
    assert country.papers.fleet.asked == []


async def test_undo_in_the_control_region_aborts_the_rollout_of_that_version(country: Country) -> None:
    await country.papers.begin()
    await country.undo()
    orders = await country.papers.log.orders(ROLLOUT)
    assert (orders["abort"]["by"], orders["abort"]["reason"]) == ("someone-operator", "undo: bad")


async def test_undo_of_another_version_leaves_the_rollout_alone(country: Country) -> None:
    await country.papers.begin()
    await country.undo(version="1.0.0")
    assert await country.papers.log.orders(ROLLOUT) == {}


async def test_undone_version_is_no_longer_desired_and_the_reconciler_leaves_the_regions_as_they_are(
    country: Country,
) -> None:
    await country.undo()
    desired = await country.papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == OLD
    (found,) = await country.papers.reconcile()
    assert {state["state"] for state in found["regions"].values()} == {"in sync"}


async def test_undo_of_a_version_that_was_rolled_out_twice_desires_what_was_before_the_first_time(
    country: Country,
) -> None:
    await country.papers.desired.desire("deal-fraud", NEW, "again", NEW)
    await country.undo()
    await country.undo_from("westeurope").lift(PERSON, "deal-fraud", "1.1.0", "mended")
    assert await served_after_looks(country.papers) == dict.fromkeys(REGIONS, "1.0.0")


async def test_lifting_of_a_version_that_nothing_was_desired_before_promotes_nothing(country: Country) -> None:
    country.papers.rows.rows.clear()
    await country.papers.desired.desire_first("deal-fraud", NEW, ROLLOUT)
    country.papers.fleet.away.add("eastus2")
    await country.undo()
    country.papers.fleet.away.clear()
    assert await served_after_looks(country.papers) == dict.fromkeys(REGIONS, "1.0.0"), "who was away follows"
    await country.undo_from("westeurope").lift(PERSON, "deal-fraud", "1.1.0", "mended")
    assert await served_after_looks(country.papers) == dict.fromkeys(REGIONS, "1.0.0")
    (found,) = await country.papers.reconcile()
    assert {state["state"] for state in found["regions"].values()} == {"left alone"}


async def test_undo_that_every_region_refuses_leads_back_to_no_version_that_was_undone_before(country: Country) -> None:
    """One person alone would raise its weight so."""
    await country.undo()
    await country.undo_from("westeurope").lift(PERSON, "deal-fraud", "1.1.0", "mended")
    await country.undo(version="1.0.0")
    assert await served_after_looks(country.papers) == dict.fromkeys(REGIONS, "1.0.0")
    desired = await country.papers.desired.read("deal-fraud")
    assert desired is not None
    assert (desired["target"], desired["previous"]) == (OLD, None)


async def test_next_rollout_is_desired_again_after_an_undo_that_left_nothing(country: Country) -> None:
    country.papers.rows.rows.clear()
    await country.papers.desired.desire_first("deal-fraud", NEW, ROLLOUT)
    await country.undo()
    await country.papers.desired.desire("deal-fraud", {"version": "1.2.0", "policy": None}, "next", OLD)
    desired = await country.papers.desired.read("deal-fraud")
    assert desired is not None
    assert (desired["target"], desired["previous"]) == ({**OLD, "version": "1.2.0"}, OLD)
    assert "forsaken" not in desired


async def served_after_looks(papers: Papers) -> dict[str, str]:
    """What the regions serve once the reconciler has looked at them for a while."""
    for _ in range(3):
        await papers.reconcile()
    return await papers.fleet.served()


async def test_undo_from_elsewhere_is_followed_by_the_reconciler(country: Country) -> None:
    """Control was away: it learns of the undo from the regions themselves."""
    country.papers.fleet.away.add("westeurope")
    await country.undo("brazilsouth")
    country.papers.fleet.away.clear()
    for _ in range(2):
        (found,) = await country.papers.reconcile()
    assert {state["state"] for state in found["regions"].values()} == {"in sync"}
    assert await country.papers.fleet.served() == dict.fromkeys(REGIONS, "1.0.0")


async def test_lifting_lets_every_region_serve_the_version_again_and_changes_nothing_served(country: Country) -> None:
    await country.undo()
    lifted = await country.undo_from("eastus2").lift(PERSON, "deal-fraud", "1.1.0", "mended")
    assert {one["release"]["stable"]["version"] for one in lifted["regions"].values()} == {"1.0.0"}
    assert [(await country.papers.fleet.release(name)).withdrawn for name in REGIONS] == [()] * 3
