"""The watchdog: rollouts that were never started, broke, or make no progress; and histories that are done with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.errors import LedgerUnavailable, StorageFailed
from flows.ports import EngineFailed
from flows.rolling_out.rollout_log import ROLLOUTS
from flows.rolling_out.watch_rollouts import BROKEN, START_GRACE_S, WatchRollouts
from tests.unit.flows.fleet import ROLLOUT, Papers

STUCK_AFTER_S, KEEP_S = 600.0, 86_400.0


@pytest.fixture
def papers() -> Papers:
    return Papers()


async def look(papers: Papers) -> None:
    await WatchRollouts(papers.papers, papers.engine, papers.clock, STUCK_AFTER_S, KEEP_S)("client")


async def notices(papers: Papers) -> list[str]:
    return [row.document["notice"] for row in await papers.notices.pending()]


async def test_rollout_that_was_never_started_is_started_once(papers: Papers) -> None:
    await papers.begin()
    await look(papers)
    await look(papers)
    assert papers.engine.started == [ROLLOUT]
    assert papers.engine.rescued == []


@pytest.mark.parametrize("status", ["Running", "Pending", "ContinuedAsNew", "Completed"])
async def test_rollout_that_the_engine_looks_after_is_left_alone(papers: Papers, status: str) -> None:
    await papers.begin()
    papers.engine.statuses[ROLLOUT] = status
    await look(papers)
    assert (papers.engine.started, papers.engine.rescued) == ([], [])


@pytest.mark.parametrize("status", sorted(BROKEN))
async def test_rollout_whose_orchestration_broke_is_rescued_with_the_reason(papers: Papers, status: str) -> None:
    await papers.begin()
    papers.engine.statuses[ROLLOUT] = status
    await look(papers)
    assert papers.engine.rescued == [(ROLLOUT, f"its orchestration was {status}")]
    assert papers.engine.started == []


async def test_rollout_under_way_whose_history_is_gone_is_rescued_and_not_begun_anew(papers: Papers) -> None:
    await papers.begin()
    await papers.show()
    await look(papers)
    assert [rollout_id for rollout_id, _ in papers.engine.rescued] == [ROLLOUT]
    assert papers.engine.started == []


async def test_rollout_that_has_ended_is_neither_started_nor_rescued(papers: Papers) -> None:
    await papers.begin()
    await papers.log.end("deal-fraud", ROLLOUT)
    await look(papers)
    assert (papers.engine.started, papers.engine.rescued) == ([], [])


async def test_rollout_without_a_sign_of_life_is_reported_once(papers: Papers) -> None:
    await papers.begin()
    papers.engine.statuses[ROLLOUT] = "Running"
    await papers.show()
    papers.clock.advance(STUCK_AFTER_S)
    await look(papers)
    assert await notices(papers) == []
    papers.clock.advance(1)
    await look(papers)
    await look(papers)
    assert await notices(papers) == ["stuck"]


async def live_on(papers: Papers, phase: str = "Progressing", **regions: dict[str, str]) -> None:
    """The rollout shows itself alive for long, and nothing more happens."""
    await papers.begin()
    papers.engine.statuses[ROLLOUT] = "Running"
    await papers.show(phase=phase)
    papers.clock.advance(STUCK_AFTER_S + 1)
    await papers.log.touch(ROLLOUT)
    for region, shown in regions.items():
        await papers.log.show(ROLLOUT, region, 10_001, shown)


@pytest.mark.parametrize("phase", ["Paused", "RollingBack"])
async def test_rollout_that_waits_for_a_person_or_goes_back_is_not_stuck(papers: Papers, phase: str) -> None:
    await live_on(papers, phase)
    await look(papers)
    assert await notices(papers) == []


@pytest.mark.parametrize("stage", ["Paused", "Baking"])
async def test_rollout_whose_plan_has_it_wait_is_not_stuck(papers: Papers, stage: str) -> None:
    await live_on(papers, westeurope={"stage": stage, "message": "for 3600 s"})
    await look(papers)
    assert await notices(papers) == []


async def test_rollout_that_lives_but_comes_no_further_is_reported_once_with_what_it_waits_for(papers: Papers) -> None:
    promoted = {"stage": "Promoted", "message": "serves it, and is watched until the rollout ends"}
    await live_on(papers, eastus2={"stage": "Analysing", "message": "too few deals to judge"}, westeurope=promoted)
    await look(papers)
    await look(papers)
    (told,) = [row.document for row in await papers.notices.pending()]
    assert told["notice"] == "stuck"
    assert told["message"].startswith("no progress since 2026-11-23T21:00:00")
    assert told["message"].endswith(": eastus2: too few deals to judge")


async def test_rollout_that_waits_for_a_region_to_begin_with_is_reported_with_what_that_lacks(papers: Papers) -> None:
    await live_on(papers)
    await papers.log.show_trouble(ROLLOUT, "brazilsouth", "the region can't be connected to")
    await look(papers)
    (told,) = [row.document for row in await papers.notices.pending()]
    assert told["message"].endswith(": brazilsouth: the region can't be connected to")


async def test_rollout_that_came_further_lately_is_not_stuck(papers: Papers) -> None:
    await live_on(papers)
    shown = {"phase": "Progressing", "message": "", "wave": 1, "gate": None}
    at = papers.clock.now().isoformat()
    await papers.log.note({"rollout_id": ROLLOUT, "source": "rollout", "seq": 2, "at": at, "what": "advanced",
                           "message": "wave 2", "shown": shown})  # fmt: skip
    await look(papers)
    assert await notices(papers) == []


async def test_rollout_that_never_showed_anything_is_stuck_too(papers: Papers) -> None:
    await papers.begin()
    papers.engine.statuses[ROLLOUT] = "Pending"
    papers.clock.advance(STUCK_AFTER_S + 1)
    await look(papers)
    assert await notices(papers) == ["stuck"]


async def test_rollout_is_reported_as_stuck_though_the_engine_is_away(papers: Papers) -> None:
    await papers.begin()
    await papers.show()
    papers.engine.failing.add(ROLLOUT)
    papers.clock.advance(STUCK_AFTER_S + 1)
    with pytest.raises(EngineFailed, match="no status"):
        await look(papers)
    assert await notices(papers) == ["stuck"]


async def test_rollout_that_cannot_be_looked_at_does_not_keep_the_others_from_it(papers: Papers) -> None:
    await papers.begin("r-1", "aaa")
    await papers.begin("r-2", "bbb")
    papers.engine.failing.add("r-1")
    with pytest.raises(EngineFailed, match="no status of r-1"):
        await look(papers)
    assert papers.engine.started == ["r-2"]
    assert len(papers.engine.purged_until) == 1


async def test_model_whose_order_was_never_written_is_free_again_after_a_grace(papers: Papers) -> None:
    papers.rows._put(ROLLOUTS, "!active-deal-fraud", {"rollout_id": ROLLOUT, "taken_at": "2026-11-23T21:00:00.000Z"})
    papers.clock.advance(START_GRACE_S)
    await look(papers)
    assert await papers.log.active() == {"deal-fraud": ROLLOUT}
    papers.clock.advance(1)
    await look(papers)
    assert await papers.log.active() == {}
    assert papers.engine.started == []


async def test_histories_are_purged_only_once_they_are_old_enough(papers: Papers) -> None:
    await look(papers)
    assert papers.engine.purged_until == [papers.clock.now() - timedelta(seconds=KEEP_S)]


async def test_purge_that_fails_is_logged_and_tried_again(papers: Papers, caplog: pytest.LogCaptureFixture) -> None:
    papers.engine.purge_fails = True
    await look(papers)
    assert "Old histories were not deleted: no purge" in caplog.text
    papers.engine.purge_fails = False
    await look(papers)
    assert len(papers.engine.purged_until) == 1


async def test_look_at_rollouts_that_cannot_be_read_is_told_and_purges_nothing(papers: Papers) -> None:
    papers.rows.failure = StorageFailed("away")
    with pytest.raises(LedgerUnavailable):
        await look(papers)
    assert papers.engine.purged_until == []


@pytest.mark.parametrize(("status", "told"), [("Terminated", "Terminated"), ("Failed", "Failed"), ("", "lost")])
async def test_rollout_whose_orchestration_broke_after_its_end_is_told_as_ended(
    papers: Papers, status: str, told: str
) -> None:
    await papers.begin()
    await papers.show(phase="RollingBack")
    await papers.log.end("deal-fraud", ROLLOUT, "RolledBack")
    papers.engine.statuses[ROLLOUT] = status
    for _ in range(2):
        await look(papers)
    assert await papers.log.read_phase(ROLLOUT) == "RolledBack"
    (event,) = [one for one in (await papers.log.read_story(ROLLOUT)).timeline if one["source"] == "rollout"]
    assert event["message"] == f"ended; its orchestration was {told} then"
    assert papers.engine.rescued == []


@pytest.mark.parametrize("status", ["Running", "Pending", "Completed"])
async def test_rollout_whose_orchestration_is_about_to_tell_its_end_is_left_to_it(papers: Papers, status: str) -> None:
    await papers.begin()
    await papers.show(phase="RollingBack")
    await papers.log.end("deal-fraud", ROLLOUT, "RolledBack")
    papers.engine.statuses[ROLLOUT] = status
    await look(papers)
    assert await papers.log.read_phase(ROLLOUT) == "RollingBack"
