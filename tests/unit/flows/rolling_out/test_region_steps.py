"""The steps of a rollout in a region: done once however often they are asked for, and every fault an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from flows.ports import RegionAnswer
from flows.rolling_out.region_steps import FAILED, REFUSED, SUPERSEDED, UNREACHABLE, RegionSteps
from tests.unit.flows.fleet import NEW, OLD, PATH, ROLLOUT, Fleet

REGION = "eastus2"
Step = Callable[[RegionSteps, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
STEPS: Mapping[str, Step] = {
    "open": RegionSteps.open_rollout,
    "pull": RegionSteps.pull_version,
    "set": RegionSteps.set_release,
    "watch": RegionSteps.watch_region,
    "synthetic": RegionSteps.run_synthetic,
    "close": RegionSteps.close_rollout,
}
ORDER = {
    "region": REGION,
    "model": "deal-fraud",
    "rollout_id": ROLLOUT,
    "target": NEW,
    "stable": OLD,
    "candidate": NEW,
    "weight": 10,
    "shadow_share": 0.0,
    "generation": 2,
    "digest": "",
    "policy_digest": "",
    "valid_until": "2030-01-01T00:00:00Z",
    "since": "2026-01-01T00:00:00Z",
    "first_generation": 1,
    "step_generation": 1,
    "reason": "a step",
    "change_id": "c-1",
}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


async def ask(fleet: Fleet, name: str, **changes: object) -> Any:
    return await STEPS[name](RegionSteps(fleet), {**ORDER, **changes})


async def open_here(fleet: Fleet) -> int:
    opened = await ask(fleet, "open", change_id="opened")
    return int(opened["generation"])


@pytest.mark.parametrize("name", STEPS)
async def test_region_that_does_not_answer_is_unreachable(fleet: Fleet, name: str) -> None:
    fleet.away.add(REGION)
    assert await ask(fleet, name) == {"fault": {"kind": UNREACHABLE, "detail": "the region did not answer"}}


PROBLEM = {"type": "urn:vouch:problem:some", "title": "No", "detail": "Not now."}
ENDED = {**PROBLEM, "type": "urn:vouch:problem:rollout-ended"}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, PROBLEM, FAILED),
        (503, PROBLEM, FAILED),
        (401, PROBLEM, FAILED),
        (408, PROBLEM, FAILED),
        (429, PROBLEM, FAILED),
        (409, ENDED, SUPERSEDED),
        (409, PROBLEM, REFUSED),
        (403, PROBLEM, REFUSED),
        (404, PROBLEM, REFUSED),
        (422, PROBLEM, REFUSED),
        (302, {}, REFUSED),
    ],
)
async def test_refusal_is_an_answer_of_its_kind_with_the_regions_own_words(
    fleet: Fleet, name: str, status: int, body: dict[str, str], kind: str
) -> None:
    fleet.instead[REGION] = RegionAnswer(status, body)
    fault = (await ask(fleet, name))["fault"]
    assert fault["kind"] == kind
    assert fault["detail"] == f"{status} {body.get('title', '')}: {body.get('detail', '')}"


@pytest.mark.parametrize("name", STEPS)
async def test_change_by_somebody_else_is_told_without_the_advice_to_try_again(fleet: Fleet, name: str) -> None:
    fleet.instead[REGION] = RegionAnswer(412, {**PROBLEM, "detail": "Read it again and decide anew."})
    fault = (await ask(fleet, name))["fault"]
    assert fault == {"kind": SUPERSEDED, "detail": "somebody else has changed its release since"}


@pytest.mark.parametrize("name", ["open", "pull", "set", "close"])  # a bad reading is told by the rules
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"generation": "2", "stable": None, "digest": 7},
        {"generation": 3, "stable": {"version": "1.0.0"}, "candidate": None, "rollout_id": ROLLOUT},
        {"generation": 3, "stable": "1.0.0", "rollout_id": None, "withdrawn": "", "hold": 1, "digest": None},
    ],
)
async def test_answer_that_is_none_is_a_failure_of_the_region(fleet: Fleet, name: str, body: dict[str, object]) -> None:
    fleet.instead[REGION] = RegionAnswer(200, body)
    fault = (await ask(fleet, name))["fault"]
    assert (fault["kind"], "answered with no" in fault["detail"]) == (FAILED, True)


@pytest.mark.parametrize("errors", [5, [7, None], [{"pointer": "/x"}], {"a": 1}, "text"])
async def test_refusal_with_odd_faults_is_told_all_the_same(fleet: Fleet, errors: object) -> None:
    fleet.instead[REGION] = RegionAnswer(422, {"title": "No", "detail": "Mend it.", "errors": errors})
    fault = (await ask(fleet, "set"))["fault"]
    assert fault["kind"] == REFUSED
    assert fault["detail"].startswith("422 No")


async def test_refusal_lists_the_faults_that_the_region_found(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    fault = (await ask(fleet, "set", generation=generation, candidate={**NEW, "version": "9"}))["fault"]
    assert fault["kind"] == REFUSED
    assert "/candidate/version: No such version: 9." in fault["detail"]


async def test_fault_is_never_longer_than_an_orchestration_may_carry(fleet: Fleet) -> None:
    fleet.instead[REGION] = RegionAnswer(409, {"title": "No", "detail": "x" * 10_000})
    assert len((await ask(fleet, "set"))["fault"]["detail"]) == 400


async def test_opening_marks_the_release_and_says_what_to_go_back_to(fleet: Fleet) -> None:
    opened = await ask(fleet, "open")
    release = await fleet.release(REGION)
    assert opened == {"generation": release.generation, "stable": OLD}
    assert (release.rollout_id, release.stable.version, release.candidate) == (ROLLOUT, "1.0.0", None)


async def test_opening_twice_is_opening_once(fleet: Fleet) -> None:
    first, second = await ask(fleet, "open"), await ask(fleet, "open")
    assert first == second
    assert fleet.changes == 1


async def test_step_whose_answer_was_lost_is_the_same_when_it_is_asked_again(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    first = await ask(fleet, "set", generation=generation)
    again = await ask(fleet, "set", generation=generation)
    assert first == again == {"generation": generation + 1}


async def test_step_of_another_generation_is_superseded(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    await ask(fleet, "set", generation=generation)
    late = await ask(fleet, "set", generation=generation, change_id="another", weight=90)
    assert late["fault"]["kind"] == SUPERSEDED
    assert (await fleet.release(REGION)).weight == 10


async def test_step_that_meets_a_hold_is_refused_and_repeats_nothing_that_somebody_wrote(fleet: Fleet) -> None:
    await open_here(fleet)
    change = {"stable": OLD, "candidate": NEW, "shadow_share": 0.5, "reason": "a look"}
    await fleet.change_by_hand(REGION, change, "operator")
    standing = await fleet.release(REGION)
    fault = (await ask(fleet, "set", generation=standing.generation))["fault"]
    assert fault["kind"] == REFUSED
    assert "the release is held" in fault["detail"]
    assert "a look" not in fault["detail"]
    assert await fleet.release(REGION) == standing


async def test_step_with_a_withdrawn_version_is_refused(fleet: Fleet) -> None:
    await open_here(fleet)
    await fleet.by_hand(REGION, "withdraw", {"version": "1.1.0", "reason": "bad"})
    generation = (await fleet.release(REGION)).generation
    fault = (await ask(fleet, "set", generation=generation))["fault"]
    assert fault["kind"] == REFUSED
    assert "1.1.0 was withdrawn" in fault["detail"]


async def test_step_after_the_rollout_was_closed_is_superseded_and_changes_nothing(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    closed = await ask(fleet, "close", change_id="closed")
    for late in (generation, closed["generation"]):
        assert (await ask(fleet, "set", generation=late))["fault"]["kind"] == SUPERSEDED
    release = await fleet.release(REGION)
    assert (release.candidate, release.rollout_id, release.ended_rollout) == (None, "", ROLLOUT)


async def test_closing_twice_is_closing_once(fleet: Fleet) -> None:
    await open_here(fleet)
    first, second = await ask(fleet, "close"), await ask(fleet, "close", change_id="c-2")
    assert first == second


async def test_closing_that_cannot_go_back_is_refused_and_says_what_is_served(fleet: Fleet) -> None:
    await open_here(fleet)
    change = {"stable": OLD, "candidate": NEW, "shadow_share": 0.5, "reason": "a look"}
    await fleet.change_by_hand(REGION, change, "operator")
    fault = (await ask(fleet, "close", stable=NEW))["fault"]
    assert fault["kind"] == REFUSED
    assert fault["detail"].startswith("serves 1.0.0: ")


async def test_watching_lengthens_the_lease_and_reads_the_metrics(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    answer = await ask(fleet, "watch", generation=generation, valid_until="2031-01-01T00:00:00Z")
    assert answer["reading"]["stable"]["decisions"] == 0
    valid_until = (await fleet.release(REGION)).valid_until
    assert valid_until is not None
    assert valid_until.year == 2031


async def test_watching_by_who_no_longer_drives_is_superseded_and_reads_nothing(fleet: Fleet) -> None:
    generation = await open_here(fleet)
    answer = await ask(fleet, "watch", generation=generation + 1)
    assert answer["fault"]["kind"] == SUPERSEDED
    assert not any("metrics" in path for _, _, path in fleet.asked)


async def test_pull_of_a_version_that_is_not_the_one_meant_is_refused(fleet: Fleet) -> None:
    fault = (await ask(fleet, "pull", digest=f"sha256:{'0' * 64}"))["fault"]
    assert fault["kind"] == REFUSED
    assert fault["detail"].startswith("409 The version is another one")


async def test_pull_answers_the_digest_of_what_is_held_now(fleet: Fleet) -> None:
    model = fleet.desks[REGION].service.models.find("deal-fraud", "1.1.0")
    assert model is not None
    assert await ask(fleet, "pull", digest=model.digest) == {"digest": model.digest}


async def test_synthetic_run_reads_the_golden_set_of_the_target(fleet: Fleet) -> None:
    answer = await ask(fleet, "synthetic")
    assert answer["reading"]["candidate"]["decisions"] > 0


async def test_names_with_odd_characters_stay_in_their_place_of_the_path(fleet: Fleet) -> None:
    fleet.instead[REGION] = RegionAnswer(404, PROBLEM)
    await ask(fleet, "open", model="a/b?c#d:withdraw")
    assert fleet.asked == [(REGION, "GET", f"{PATH.rpartition('/')[0]}/a%2Fb%3Fc%23d%3Awithdraw")]
