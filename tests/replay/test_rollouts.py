"""Whole rollouts, in virtual time: the way to the end, and every way to end otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.ports import RegionAnswer
from orchestrations.names import ACTIVITIES, OPEN_ROLLOUT, ORCHESTRATORS, SEAL_WINDOW
from tests.replay.rehearsal import BAD, DOUBTFUL, FEW, GOOD, NEW, OLD, PACE, REGIONS, Rehearsal
from tests.replay.virtual_hub import Fate

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads"),  # advice of the library, once a process
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion for TaskId. nudge"),
]

FIRST, SECOND, THIRD = REGIONS
GATED = {"before": "eachWave", "timeout": "PT2M"}
WEIGHTS = [{"shadow": 1.0}, {"analysis": True}, {"setWeight": 10}, {"analysis": True}, {"setWeight": 100}]
BROKEN = RegionAnswer(503, {"title": "Not well"})


async def test_good_rollout_promotes_every_region_wave_by_wave_and_becomes_the_desired_state(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.start()
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert (rollout["phase"], rollout["message"]) == ("Succeeded", "every region serves it")
    assert await rehearsal.served() == dict.fromkeys(REGIONS, NEW)
    promotions = [seen.region for seen in rehearsal.changes() if seen.body["stable"]["version"] == NEW]
    assert promotions == [FIRST, THIRD, SECOND]
    desired = await rehearsal.room.papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == {"version": NEW, "policy": "standard/1"}
    assert await rehearsal.room.papers.log.active() == {}


async def test_every_transition_of_a_rollout_is_an_audit_record(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run()
    recorded = [event["data"] for event in rehearsal.desk.ledger.events("vouch.rollout.changed.v1")]
    timeline = (await rehearsal.read())["timeline"]
    noted = [(event["source"], event["seq"], event["what"]) for event in timeline if event["source"] != "people"]
    assert sorted((one["source"], one["seq"], one["what"]) for one in recorded) == sorted(noted)


async def test_promoted_region_shows_that_it_has_taken_every_step(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_promotion(SECOND)
    shown = (await rehearsal.read())["regions"][FIRST]
    assert (shown["stage"], shown["step"]) == ("Promoted", len(shown["steps"]) - 1)
    assert shown["message"] == "serves it, and is watched until the rollout ends"


async def test_every_orchestration_of_a_rollout_comes_to_its_end(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run()
    assert {rehearsal.hub.status(instance) for instance in rehearsal.hub.instances} == {"Completed"}
    assert rehearsal.hub.output(rehearsal.id) == {"phase": "Succeeded", "reason": "every region serves it"}


async def test_every_name_that_a_rollout_uses_is_registered_and_every_registered_one_is_used(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.regions.moods = {FIRST: FEW}
    await rehearsal.start(noData="synthetic")
    await rehearsal.run()
    named = {turn.name for turn in rehearsal.hub.turns}
    assert named == set(rehearsal.hub.orchestrators) == set(ORCHESTRATORS) - {SEAL_WINDOW}
    assert set(rehearsal.hub.performed) == set(rehearsal.hub.activities) == set(ACTIVITIES)


@pytest.mark.parametrize("region", REGIONS)
async def test_breach_in_any_region_takes_every_region_back(rehearsal: Rehearsal, region: str) -> None:
    rehearsal.regions.moods = {region: BAD}
    await rehearsal.start()
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert f"{region}: error_rate (candidate) is 0.1667, allowed is at most 0.01" in rollout["message"]
    assert await rehearsal.is_as_before()


async def test_breach_is_told_with_its_region_and_what_was_bad_beside_the_rollback_and_the_end(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start()
    await rehearsal.run()
    notices = [row.document for row in await rehearsal.room.papers.notices.pending()]
    assert sorted((one["notice"], one["source"]) for one in notices) == [
        ("breach", SECOND), ("finished", "rollout"), ("rollback", "rollout"),
    ]  # fmt: skip
    assert [one["message"] for one in notices if one["notice"] == "breach"] == [
        "error_rate (candidate) is 0.1667, allowed is at most 0.01"
    ]


async def test_breach_in_a_promoted_region_stops_the_rollout_while_it_goes_on_elsewhere(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {SECOND: FEW}
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    rehearsal.regions.moods[FIRST] = BAD
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert rollout["message"].startswith(f"{FIRST}: error_rate")
    assert await rehearsal.is_as_before()


async def test_breach_in_a_promoted_region_wins_against_the_wait_at_a_gate(rehearsal: Rehearsal) -> None:
    await rehearsal.start(approval=GATED)
    await rehearsal.run_to("Paused")
    await rehearsal.say("approve", gate="wave-1")
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to("Paused")
    rehearsal.regions.moods = {FIRST: BAD}
    await rehearsal.run()
    assert (await rehearsal.read())["message"].startswith(f"{FIRST}: error_rate")
    assert await rehearsal.is_as_before()


async def test_promoted_region_whose_release_somebody_changes_ends_the_rollout(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {SECOND: FEW}
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    withdrawal = {"version": NEW, "reason": "it misbehaves"}
    await rehearsal.desk.send("POST", "/api/v1/releases/deal-fraud:withdraw", withdrawal, "operator")
    await rehearsal.run()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.served() == dict.fromkeys(REGIONS, OLD)


async def test_doubt_about_a_promoted_region_holds_up_the_next_wave_until_it_is_over(rehearsal: Rehearsal) -> None:
    await rehearsal.start(deadline="PT8M")
    await rehearsal.run_to_promotion(FIRST)
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.run_to("Paused")
    assert f"somebody has to look at {FIRST}" in (await rehearsal.read())["message"]
    await rehearsal.steps(100)
    assert (await rehearsal.release(SECOND)).candidate is None
    await rehearsal.say("resume")
    await rehearsal.steps(100)
    assert await rehearsal.phase() == "Paused"
    rehearsal.regions.moods = {}
    await rehearsal.say("resume")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


async def test_doubt_in_a_region_waits_for_a_person_and_goes_on_only_with_a_verdict(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.start()
    await rehearsal.run_to("Paused")
    await rehearsal.say("resume")
    await rehearsal.steps(60)
    assert (await rehearsal.release(FIRST)).weight == 0
    rehearsal.regions.moods = {FIRST: GOOD}
    await rehearsal.say("resume")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


async def test_doubt_that_becomes_a_breach_is_not_waited_with(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.start()
    await rehearsal.run_to("Paused")
    rehearsal.regions.moods = {FIRST: BAD}
    await rehearsal.run()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


@pytest.mark.parametrize("verb", ["abort", "reject"])
async def test_doubt_is_ended_by_whoever_stops_the_rollout(rehearsal: Rehearsal, verb: str) -> None:
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.start()
    await rehearsal.run_to("Paused")
    await rehearsal.say(verb)
    await rehearsal.run()
    assert (await rehearsal.read())["message"].startswith(f"{verb}ed; ")
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_gates_are_passed_one_by_one_with_an_approval_each(rehearsal: Rehearsal) -> None:
    await rehearsal.start(approval=GATED)
    for wave in (1, 2):
        await rehearsal.run_to("Paused")
        assert (await rehearsal.read())["gate"] == f"wave-{wave}"
        assert not rehearsal.asked(":pull", since=0 if wave == 1 else len(rehearsal.regions.seen))
        assert await rehearsal.say("approve", gate=f"wave-{wave}") == 200
        await rehearsal.run_to("Progressing")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


async def test_gate_that_nobody_approves_in_time_takes_every_region_back(rehearsal: Rehearsal) -> None:
    await rehearsal.start(approval=GATED)
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert "nobody approved wave-1 in time" in rollout["message"]
    assert not rehearsal.asked(":pull")
    assert await rehearsal.is_as_before()


async def test_promoting_in_full_skips_gates_and_pauses_but_no_verdict(rehearsal: Rehearsal) -> None:
    await rehearsal.start(approval=GATED, steps=[*WEIGHTS[:2], {"pause": None}, *WEIGHTS[2:]])
    await rehearsal.run_to("Paused")
    assert await rehearsal.say("promoteFull") == 200
    await rehearsal.run_to_exposure(FIRST)
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.run()
    assert [seen.body["weight"] for seen in rehearsal.changes() if seen.region == FIRST] == [0, 0, 100, 0]
    assert {event["what"] for event in (await rehearsal.read())["timeline"]} >= {"gate reached", "Promoted", "Failed"}
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_promoting_in_full_does_not_outvote_a_doubt(rehearsal: Rehearsal) -> None:
    await rehearsal.start(bake="PT1M")
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.steps(20)  # in the bake
    rehearsal.regions.moods = {FIRST: DOUBTFUL}
    await rehearsal.run_to("Paused")
    assert await rehearsal.say("promoteFull") == 200
    assert await rehearsal.say("resume") == 200
    await rehearsal.run()
    assert not [seen for seen in rehearsal.changes() if seen.body["stable"]["version"] == NEW]
    assert await rehearsal.is_as_before()


async def test_promoting_in_full_waits_for_metrics_that_cannot_be_read(rehearsal: Rehearsal) -> None:
    await rehearsal.start(bake="PT1M")
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.steps(20)  # in the bake
    rehearsal.regions.instead[FIRST, "metrics"] = BROKEN
    assert await rehearsal.say("promoteFull") == 200
    await rehearsal.run()
    assert (await rehearsal.read())["message"].startswith(f"{FIRST}: error_rate: 503")
    assert not [seen for seen in rehearsal.changes() if seen.body["stable"]["version"] == NEW]


async def test_pause_goes_no_further_between_waves_and_in_a_region(rehearsal: Rehearsal) -> None:
    await rehearsal.start(deadline="PT8M")
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.say("pause")
    await rehearsal.run_to("Paused")
    await rehearsal.steps(60)
    assert await rehearsal.phase() == "Paused"
    assert {seen.region for seen in rehearsal.asked(":pull")} == {FIRST}
    await rehearsal.say("resume")
    await rehearsal.run_to_exposure(SECOND)
    await rehearsal.say("pause")
    await rehearsal.run_to("Paused")
    await rehearsal.steps(60)
    assert (await rehearsal.release(SECOND)).weight == 0
    await rehearsal.say("resume")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


@pytest.mark.parametrize("nudges", [1, 2, 3, 10])
async def test_nudges_that_come_while_nobody_waits_for_them_cost_a_look_and_no_more(
    rehearsal: Rehearsal, nudges: int
) -> None:
    """The library keeps an event that comes early, and would let it end every wait there is from then on."""
    await rehearsal.start()
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.say("pause")
    await rehearsal.run_to("Paused")
    for _ in range(nudges):
        await rehearsal.engine.nudge("client", rehearsal.id)
    began = rehearsal.clock.now()
    await rehearsal.steps(200)
    assert (rehearsal.clock.now() - began).total_seconds() > 120


async def test_lease_is_renewed_while_a_rollout_is_paused(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.say("pause")
    for _ in range(150):
        await rehearsal.hub.step()
        assert (await rehearsal.release(FIRST)).candidate_at(rehearsal.clock.now()) is not None


async def test_pause_without_a_length_lasts_until_somebody_resumes(rehearsal: Rehearsal) -> None:
    await rehearsal.start(steps=[{"shadow": 1.0}, {"pause": None}, {"analysis": True}, {"setWeight": 100}])
    await rehearsal.run_to_exposure(FIRST)
    await rehearsal.steps(40)
    assert (await rehearsal.release(FIRST)).weight == 0
    for region in REGIONS:
        await rehearsal.run_to_exposure(region)
        await rehearsal.steps(20)
        await rehearsal.say("resume")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


@pytest.mark.parametrize(
    ("no_data", "reason"),
    [("hold", "the rollout's deadline has passed"), ("fail", f"{FIRST}: too few deals to judge")],
)
async def test_too_few_deals_end_in_a_rollback(rehearsal: Rehearsal, no_data: str, reason: str) -> None:
    rehearsal.regions.moods = {FIRST: FEW}
    await rehearsal.start(noData=no_data)
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert reason in rollout["message"]
    assert await rehearsal.is_as_before()


async def test_too_few_deals_that_pause_on_failure_wait_for_a_person_before_the_deadline_and_not_after(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.regions.moods = {FIRST: FEW}
    await rehearsal.start(noData="fail", onFailure="pause")
    await rehearsal.run_to("Paused")
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert "the rollout's deadline has passed" in rollout["message"]
    assert await rehearsal.is_as_before()


async def test_full_weight_that_too_few_deals_have_seen_is_not_promoted(rehearsal: Rehearsal) -> None:
    """The plan names no analysis after its last weight; the promotion needs one all the same."""
    await rehearsal.start()
    await rehearsal.run_to_exposure(FIRST)

    async def is_full() -> bool:
        return (await rehearsal.release(FIRST)).weight == 100

    await rehearsal.run(is_full)
    rehearsal.regions.moods = {FIRST: FEW}
    await rehearsal.run()
    assert not [seen for seen in rehearsal.changes() if seen.body["stable"]["version"] == NEW]
    assert await rehearsal.is_as_before()


async def test_golden_deals_stand_in_for_live_ones_once_a_step(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = dict.fromkeys(REGIONS, FEW)
    await rehearsal.start(noData="synthetic")
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "Succeeded"
    assert len(rehearsal.asked(":synthetic")) == 2 * len(REGIONS)
    analysed = [event for event in rollout["timeline"] if event["what"] == "Analysed"]
    assert {event["judgement"]["verdict"] for event in analysed} == {"Successful"}
    assert all(event["message"].startswith("the golden set: Successful: ") for event in analysed)


async def test_golden_deals_that_cannot_be_scored_are_tried_five_times(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {FIRST: FEW}
    rehearsal.regions.instead[FIRST, "synthetic"] = BROKEN
    await rehearsal.start(noData="synthetic")
    await rehearsal.run()
    assert len(rehearsal.asked(":synthetic")) == 5
    assert (await rehearsal.read())["message"].startswith(f"{FIRST}: the golden set: error_rate: 503")
    assert await rehearsal.is_as_before()


async def test_metrics_that_cannot_be_read_fail_after_five_tries(rehearsal: Rehearsal) -> None:
    rehearsal.regions.instead[FIRST, "metrics"] = BROKEN
    await rehearsal.start()
    await rehearsal.run()
    assert len(rehearsal.asked("/metrics")) == 5
    assert (await rehearsal.read())["message"].startswith(f"{FIRST}: error_rate: 503")
    assert await rehearsal.is_as_before()


async def test_metrics_that_make_no_sense_are_no_verdict(rehearsal: Rehearsal) -> None:
    rehearsal.regions.instead[FIRST, "metrics"] = RegionAnswer(200, {"candidate": {"decisions": -1}})
    await rehearsal.start()
    await rehearsal.run()
    assert "the region's answer is no reading" in (await rehearsal.read())["message"]
    assert await rehearsal.is_as_before()


@pytest.mark.parametrize("region", REGIONS)
async def test_region_that_is_away_at_the_start_fails_the_rollout_at_its_deadline(
    rehearsal: Rehearsal, region: str
) -> None:
    rehearsal.regions.away = {region}
    await rehearsal.start()
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "Failed"
    assert f"not taken back, the reconciler goes on: {region}: the region did not answer" in rollout["message"]
    assert await rehearsal.is_as_before()


async def test_region_that_comes_back_within_the_deadline_is_gone_on_with(rehearsal: Rehearsal) -> None:
    rehearsal.regions.away = {SECOND}
    await rehearsal.start()
    await rehearsal.steps(60)
    rehearsal.regions.away = set()
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


async def test_region_that_is_away_is_shown_with_what_it_lacks_for_as_long_as_it_is_away(rehearsal: Rehearsal) -> None:
    rehearsal.regions.away = {SECOND}
    await rehearsal.start()
    await rehearsal.steps(30)
    first = (await rehearsal.read())["troubles"]
    assert first[SECOND]["message"] == "the region did not answer"
    await rehearsal.steps(30)
    assert (await rehearsal.read())["troubles"] == first, "since when it has been so"
    rehearsal.regions.away = set()
    await rehearsal.run_to_exposure(FIRST)
    assert (await rehearsal.read())["troubles"] == {}


async def test_deadline_that_passes_says_what_was_waited_for(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = dict.fromkeys(REGIONS, FEW)
    await rehearsal.start()
    await rehearsal.run()
    message = (await rehearsal.read())["message"]
    assert (
        "the rollout's deadline has passed (westeurope: too few deals to judge: error_rate: 5 of 100 deals)" in message
    )


async def test_region_that_goes_away_holds_up_no_other_region_on_the_way_back(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    rehearsal.regions.away = {SECOND}
    await rehearsal.say("abort")
    began = rehearsal.clock.now()

    async def others_are_back() -> bool:
        return await rehearsal.is_as_before([FIRST, THIRD])

    await rehearsal.run(others_are_back)
    assert (rehearsal.clock.now() - began).total_seconds() < 1
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "Failed"
    assert f"not taken back, the reconciler goes on: {SECOND}: the region did not answer" in rollout["message"]
    assert (rehearsal.clock.now() - began).total_seconds() < 300


async def test_gate_that_cannot_be_shown_for_long_can_be_approved_all_the_same(rehearsal: Rehearsal) -> None:
    await rehearsal.start(approval={"before": "firstWave", "timeout": "PT2H"}, deadline="PT4H")

    async def is_open() -> bool:
        return all([(await rehearsal.release(region)).rollout_id for region in REGIONS])

    await rehearsal.run(is_open)
    await rehearsal.be_without_rows(timedelta(seconds=600))
    await rehearsal.run_to("Paused")
    assert await rehearsal.say("approve", gate="wave-1") == 200
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"


@pytest.mark.parametrize(("mood", "phase"), [(GOOD, "Succeeded"), (BAD, "RolledBack")])
async def test_end_that_cannot_be_written_down_for_long_is_written_down_all_the_same(
    rehearsal: Rehearsal, mood: str, phase: str
) -> None:
    """An orchestration that has ended is purged: by then the audit trail has to have its end."""
    rehearsal.regions.moods = dict.fromkeys(REGIONS, mood)
    await rehearsal.start()

    async def is_free() -> bool:
        return not await rehearsal.room.papers.log.active()

    await rehearsal.run(is_free)
    await rehearsal.be_without_rows(timedelta(seconds=600))
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == phase
    assert rollout["timeline"][-1]["message"] == rollout["message"]


async def test_region_that_is_back_before_the_time_of_a_rollback_is_up_is_taken_back(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_exposure(FIRST)
    rehearsal.regions.away = {FIRST}
    await rehearsal.say("abort")
    up_at = rehearsal.clock.now() + timedelta(seconds=PACE["rollback_s"] - 5)

    async def is_nearly_up() -> bool:
        return rehearsal.clock.now() >= up_at or await rehearsal.phase() != "RollingBack"

    await rehearsal.run_to("RollingBack")
    await rehearsal.run(is_nearly_up)
    rehearsal.regions.away = set()
    await rehearsal.run()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_region_that_was_away_while_it_was_taken_back_is_not_gone_on_with_when_it_returns(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.start(steps=WEIGHTS)
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    rehearsal.regions.away = {SECOND}
    await rehearsal.say("abort")
    await rehearsal.run_to("Failed")
    rehearsal.regions.away = set()
    since = len(rehearsal.regions.seen)
    await rehearsal.run()
    assert rehearsal.changes(since) == []
    assert not rehearsal.asked(":renew", since)
    await rehearsal.room.reconcile()
    assert await rehearsal.is_as_before()


async def test_promoted_region_that_was_away_while_it_was_taken_back_is_healed_by_the_reconciler(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    rehearsal.regions.away, rehearsal.regions.moods = {FIRST}, {SECOND: BAD}
    await rehearsal.run()
    assert await rehearsal.phase() == "Failed"
    rehearsal.regions.away = set()
    await rehearsal.room.reconcile()
    assert await rehearsal.is_as_before()


async def test_region_that_was_opened_and_away_while_it_was_taken_back_is_closed_by_the_reconciler(
    rehearsal: Rehearsal,
) -> None:
    """Another region was never opened, so that nobody can say what all of them are to go back to."""
    rehearsal.regions.away = {SECOND}
    await rehearsal.start()
    await rehearsal.steps(12)
    rehearsal.regions.away = {SECOND, THIRD}
    await rehearsal.say("abort")
    await rehearsal.run()
    assert await rehearsal.phase() == "Failed"
    assert (await rehearsal.release(THIRD)).rollout_id == rehearsal.id
    rehearsal.regions.away = set()
    await rehearsal.room.reconcile()
    assert await rehearsal.is_as_before()


async def test_candidate_whose_control_is_gone_serves_no_longer_than_its_lease(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_exposure(FIRST)
    release = await rehearsal.release(FIRST)
    rehearsal.clock.advance(60)
    assert release.candidate_at(rehearsal.clock.now()) is None


async def test_failure_that_pauses_is_tried_again_where_it_failed_and_leaves_the_others_alone(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start(onFailure="pause")
    await rehearsal.run_to("Paused")
    await rehearsal.run_to_promotion(THIRD)
    await rehearsal.steps(20)
    rehearsal.regions.moods = {}
    since = len(rehearsal.regions.seen)
    await rehearsal.say("resume")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"
    assert {seen.region for seen in rehearsal.changes(since)} == {SECOND}


@pytest.mark.parametrize("verb", ["abort", "reject"])
async def test_failure_that_pauses_is_taken_back_when_somebody_says_so(rehearsal: Rehearsal, verb: str) -> None:
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start(onFailure="pause")
    await rehearsal.run_to("Paused")
    await rehearsal.say(verb)
    await rehearsal.run()
    assert (await rehearsal.read())["message"].startswith(f"{verb}ed; ")
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_failure_that_pauses_is_taken_back_at_the_deadline(rehearsal: Rehearsal) -> None:
    rehearsal.regions.moods = {SECOND: BAD}
    await rehearsal.start(onFailure="pause")
    await rehearsal.run()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_undo_from_any_region_stops_the_rollout_and_takes_every_region_back(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    await rehearsal.undo(THIRD, NEW)
    assert await rehearsal.served() == dict.fromkeys(REGIONS, OLD)
    await rehearsal.run()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


@pytest.mark.parametrize("region", REGIONS)
async def test_policy_alone_is_rolled_out_and_undone_from_any_region_while_that_is_under_way(
    rehearsal: Rehearsal, region: str
) -> None:
    await rehearsal.publish_policy("2")
    await rehearsal.start(version=None, policy="standard/2")
    await rehearsal.run_to_exposure(SECOND)
    release = await rehearsal.release(FIRST)
    assert (release.stable.version, release.stable.policy) == (OLD, "standard/2")
    await rehearsal.undo(region, "standard/2")
    policies = {name: (await rehearsal.release(name)).stable.policy for name in REGIONS}
    assert policies == dict.fromkeys(REGIONS, "standard/1")
    for _ in range(2):
        await rehearsal.run()
        await rehearsal.room.reconcile()
    assert await rehearsal.phase() == "RolledBack"
    assert await rehearsal.is_as_before()


async def test_policy_that_was_undone_is_desired_nowhere_until_somebody_lifts_that(rehearsal: Rehearsal) -> None:
    await rehearsal.publish_policy("2")
    await rehearsal.start(version=None, policy="standard/2")
    await rehearsal.run()
    assert await rehearsal.phase() == "Succeeded"
    rehearsal.regions.away = {SECOND}
    await rehearsal.undo(THIRD, "standard/2")
    rehearsal.regions.away = set()
    for _ in range(2):
        await rehearsal.room.reconcile()
    assert await rehearsal.is_as_before()
    assert {(await rehearsal.release(name)).withdrawn for name in REGIONS} == {("standard/2",)}
    plan = {"model": "deal-fraud", "policy": "standard/2"}
    refused = await rehearsal.desk.send("POST", "/api/v1/rollouts", plan, "operator")
    assert (refused.status_code, "standard/2 was withdrawn" in str(refused.get_body())) == (409, True)
    lift = {"version": "standard/2", "reason": "mended"}
    await rehearsal.desk.send("POST", "/api/v1/models/deal-fraud:unwithdraw", lift, "operator")
    assert {(await rehearsal.release(name)).withdrawn for name in REGIONS} == {()}


async def test_orchestration_that_is_lost_is_taken_back_to_what_each_region_served(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run_to_promotion(FIRST)
    await rehearsal.run_to_exposure(SECOND)
    rehearsal.hub.terminate(rehearsal.id)

    async def is_gone() -> bool:
        return rehearsal.hub.status(rehearsal.id) == "Terminated"

    await rehearsal.run(is_gone)
    await rehearsal.room.tick("client")
    await rehearsal.run()
    rollout = await rehearsal.read()
    assert rollout["phase"] == "RolledBack"
    assert "its orchestration was Terminated" in rollout["message"]
    assert await rehearsal.is_as_before()


async def test_ended_rollout_that_is_started_again_does_nothing(rehearsal: Rehearsal) -> None:
    await rehearsal.start()
    await rehearsal.run()
    since = len(rehearsal.regions.seen)
    order = await rehearsal.room.papers.log.read_order(rehearsal.id)
    del rehearsal.hub.instances[rehearsal.id]  # as after a purge
    await rehearsal.engine.start("client", order or {})
    await rehearsal.run()
    assert rehearsal.hub.output(rehearsal.id) == {"phase": "", "reason": "it was over before"}
    assert rehearsal.regions.seen[since:] == []


async def test_step_of_an_ended_rollout_that_comes_back_during_the_next_opens_nothing(rehearsal: Rehearsal) -> None:
    lost = [OPEN_ROLLOUT]
    rehearsal.hub.fates = lambda task: Fate.LOST if task.name in lost and lost.remove(task.name) is None else Fate.DONE
    for _ in range(2):
        await rehearsal.start()
        await rehearsal.steps(8)
        await rehearsal.say("abort")
        await rehearsal.run_to("RolledBack")
    await rehearsal.run()
    assert await rehearsal.is_as_before()
