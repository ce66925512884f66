"""The control region dies: a rollout goes on where it was, and what is exposed without it ends by its lease."""

from __future__ import annotations

import time
from datetime import datetime

from tests.system.conftest import CONTROL, MODEL, wait_until
from tests.system.rollouts.driving import CANARY_ONLY, EACH_WAVE, NEWER, SHADOW, tell
from tests.system.rollouts.fleet import ROLLBACK_S
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import STABLE

WAVES = [["eastus2", "brazilsouth"], ["westeurope"], ["northeurope"]]
STEPS = [*SHADOW, {"setWeight": 50}, {"pause": None}, {"analysis": True}, {"setWeight": 100}]


def test_control_killed_in_every_phase_goes_on_to_the_end(scene: Scene) -> None:
    def kill_control() -> None:
        scene.fleet.kill(CONTROL)
        scene.fleet.bring_back(CONTROL)

    approval = {"before": "firstWave", "timeout": "PT2M"}
    scene.stream.halt()
    rollout = scene.start(waves=WAVES, steps=STEPS, approval=approval, bake="PT2S", deadline="PT10M")
    kill_control()  # Pending, or while it opens
    rollout.wait_until(lambda seen: seen["gate"] == "wave-1", "it waits for approval")
    kill_control()  # Paused at the gate
    scene.fleet.freeze("brazilsouth")
    rollout.approve("wave-1")
    rollout.wait_for_stage("brazilsouth", "Pulling")
    kill_control()  # while a region pulls
    scene.fleet.thaw("brazilsouth")
    rollout.wait_for_stage("brazilsouth", "Analysing")
    kill_control()  # in the shadow
    scene.stream.flow()
    rollout.wait_for_stage("eastus2", "Paused", "until somebody resumes")
    rollout.wait_for_stage("brazilsouth", "Paused", "until somebody resumes")
    kill_control()  # in the canary
    assert rollout.say("resume").status == 200
    rollout.wait_for_stage("eastus2", "Baking")
    kill_control()  # in the bake
    rollout.wait_for_stage("eastus2", "Promoted")
    assert rollout.say("promoteFull", "approver").status == 200
    seen = rollout.wait_for_end()
    assert seen["phase"] == "Succeeded", tell(seen)
    assert set(scene.versions().values()) == {NEWER}


def test_control_away_for_longer_than_a_rollback_may_take_still_takes_regions_back(scene: Scene) -> None:
    rollout = scene.start(waves=WAVES, steps=STEPS[2:])
    scene.stream.wait_for("eastus2", NEWER)
    scene.fleet.freeze("northeurope")
    assert rollout.say("abort").status == 200
    rollout.wait_for_phase("RollingBack")
    scene.fleet.kill(CONTROL)
    killed_at = time.time()
    scene.fleet.thaw("northeurope")
    wait_until(lambda: time.time() > killed_at + ROLLBACK_S, 2 * ROLLBACK_S, "a rollback's time is over")
    scene.fleet.bring_back(CONTROL)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)


def test_without_control_a_canary_ends_by_its_lease_and_any_region_can_undo(scene: Scene) -> None:
    rollout = scene.start(waves=WAVES, steps=STEPS[2:])
    scene.stream.wait_for("eastus2", NEWER)
    scene.stream.wait_for("brazilsouth", NEWER)
    scene.fleet.kill(CONTROL)
    lease_ends = max(datetime.fromisoformat(scene.release(r)["valid_until"]).timestamp() for r in WAVES[0])
    wait_until(lambda: time.time() > lease_ends, 30, "the lease ends")
    for region in WAVES[0]:
        rollout.back_at[region] = lease_ends
        scene.stream.wait_for(region, STABLE, 10)
    body = {"leave": NEWER, "reason": "control is away"}
    undone = scene.fleet.request("brazilsouth", "POST", f"/api/v1/models/{MODEL}:undo", role="operator", body=body)
    assert undone.status == 200, undone.body
    told = undone.json()["regions"]
    assert [region for region, said in told.items() if "fault" in said] == [CONTROL], told
    scene.fleet.bring_back(CONTROL)
    seen = rollout.wait_for_end()
    assert seen["phase"] == "RolledBack", tell(seen)
    scene.expect_back(rollout, [CONTROL])
    assert all(NEWER in scene.release(region)["withdrawn"] for region in WAVES[0])


def test_control_that_lost_its_orchestrations_takes_back_what_was_promoted(scene: Scene) -> None:
    rollout = scene.start(waves=WAVES, steps=CANARY_ONLY, approval=EACH_WAVE)
    rollout.approve("wave-1")
    rollout.wait_until(lambda seen: seen["gate"] == "wave-2", "it waits for the second approval")
    scene.fleet.kill(CONTROL)
    scene.fleet.lose_orchestrations(CONTROL)
    scene.fleet.bring_back(CONTROL)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
    assert seen["message"].startswith("its orchestration was lost; every region was taken back")


def test_undo_while_control_is_away_reaches_it_too_though_its_rollout_waits_for_an_approval(scene: Scene) -> None:
    rollout = scene.start(steps=CANARY_ONLY, approval=EACH_WAVE)
    rollout.approve("wave-1")
    rollout.wait_until(lambda seen: seen["gate"] == "wave-2", "it waits for the second approval")
    scene.fleet.kill(CONTROL)
    body = {"leave": NEWER, "reason": "control is away"}
    undone = scene.fleet.request("eastus2", "POST", f"/api/v1/models/{MODEL}:undo", role="operator", body=body)
    assert undone.status == 200, undone.body
    scene.fleet.bring_back(CONTROL)
    scene.stream.wait_for(CONTROL, STABLE)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
