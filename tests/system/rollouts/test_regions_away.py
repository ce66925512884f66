"""Regions that are down, die, freeze, or come back without what they had."""

from __future__ import annotations

from tests.system.conftest import MODEL, wait_until
from tests.system.rollouts.driving import CANARY_ONLY, EACH_WAVE, NEWER, PAUSED_CANARY, tell
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import STABLE
from tests.unit.scoring.bundles import read_demo, reseal

EASTUS2_FIRST = [["eastus2"], ["westeurope", "brazilsouth"], ["northeurope"]]


def test_region_that_stays_down_fails_the_rollout_and_one_that_comes_up_lets_it_go_on(scene: Scene) -> None:
    scene.fleet.kill("northeurope")
    seen = scene.start(deadline="PT4S").wait_for_end()
    assert seen["phase"] == "Failed", tell(seen)
    assert seen["message"].startswith("northeurope: the region can't be connected to: ")
    assert "not taken back, the reconciler goes on: northeurope: " in seen["message"]
    for region in ("westeurope", "eastus2", "brazilsouth"):
        release = scene.release(region)
        assert (release["stable"]["version"], release["rollout_id"]) == (STABLE, None)
    rollout = scene.start()
    rollout.wait_until(lambda seen: "northeurope" in seen["troubles"], "it says whom it asks again")
    scene.fleet.bring_back("northeurope")
    scene.stream.wait_for("westeurope", NEWER)
    scene.abort(rollout)


def test_region_killed_in_its_canary_is_missed_and_goes_on_when_it_is_back(scene: Scene) -> None:
    rollout = scene.start(steps=PAUSED_CANARY, waves=EASTUS2_FIRST)
    scene.stream.wait_for("eastus2", NEWER)
    rollout.wait_for_stage("eastus2", "Paused", "until somebody resumes")
    scene.fleet.kill("eastus2")
    rollout.wait_until(
        lambda seen: "can't be connected to" in str(seen["regions"]["eastus2"]["judgement"]), "it is missed"
    )
    scene.fleet.bring_back("eastus2")
    assert rollout.say("resume").status == 200
    rollout.wait_for_stage("eastus2", "Promoted")
    scene.abort(rollout)


def test_region_lost_after_its_promotion_is_reported_and_taken_back_when_it_is_there_again(scene: Scene) -> None:
    rollout = scene.start(steps=CANARY_ONLY, waves=EASTUS2_FIRST, approval=EACH_WAVE)
    rollout.approve("wave-1")
    rollout.wait_until(lambda seen: seen["gate"] == "wave-2", "it waits for the second approval")
    scene.fleet.kill("eastus2")
    assert rollout.say("abort").status == 200
    seen = rollout.wait_for_end()
    assert seen["phase"] == "Failed", tell(seen)
    assert seen["message"].startswith("aborted; not taken back, the reconciler goes on: eastus2: ")
    scene.expect_back(rollout, ["westeurope", "brazilsouth", "northeurope"])
    scene.fleet.bring_back("eastus2")
    wait_until(lambda: scene.release("eastus2")["rollout_id"] is None, 30, "the reconciler takes it back")
    scene.expect_back(rollout, ["eastus2"])


def test_region_frozen_until_the_rollout_is_over_does_late_what_it_was_asked_and_ends_where_it_was(
    scene: Scene,
) -> None:
    rollout = scene.start(steps=PAUSED_CANARY, waves=EASTUS2_FIRST)
    scene.stream.wait_for("eastus2", NEWER)
    scene.fleet.freeze("eastus2")
    assert rollout.say("promoteFull", "approver").status == 200
    assert rollout.say("abort").status == 200
    seen = rollout.wait_for_end()
    assert seen["phase"] == "Failed", tell(seen)
    assert "eastus2: closing the rollout there took longer than 2 s" in seen["message"]
    scene.fleet.thaw("eastus2")
    wait_until(lambda: scene.release("eastus2")["rollout_id"] is None, 30, "it was taken back")
    scene.expect_back(rollout)


def test_region_that_comes_back_with_a_damaged_copy_serves_stable_and_the_rollout_is_taken_back(scene: Scene) -> None:
    version = "1.1.0-copy"
    scene.publish(version, reseal(read_demo(NEWER), lambda document: document.update(version=version)))
    rollout = scene.start(version=version, steps=PAUSED_CANARY, waves=EASTUS2_FIRST)
    scene.stream.wait_for("eastus2", version)
    scene.fleet.kill("eastus2")
    scene.fleet.damage("eastus2", MODEL, version)
    scene.fleet.bring_back("eastus2")
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
    assert seen["message"].startswith("eastus2: error_rate (candidate) is ")
