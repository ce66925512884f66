"""Nobody asks for a decision: what the plan says for want of data is done."""

from __future__ import annotations

import pytest

from tests.system.rollouts.driving import NEWER, tell
from tests.system.rollouts.listener import kind_of
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import STABLE


@pytest.mark.parametrize(
    ("no_data", "deadline", "phase", "version", "reason"),
    [
        ("hold", "PT4S", "RolledBack", STABLE, "deadline has passed (westeurope: too few deals to judge: "),
        ("fail", "PT1M", "RolledBack", STABLE, "too few deals to judge"),
        ("synthetic", "PT1M", "Succeeded", NEWER, "every region serves it"),
    ],
)
def test_rollout_without_traffic_ends_as_its_plan_says(
    scene: Scene, no_data: str, deadline: str, phase: str, version: str, reason: str
) -> None:
    scene.stream.halt()
    rollout = scene.start(noData=no_data, deadline=deadline)
    seen = rollout.wait_for_end()
    assert seen["phase"] == phase, tell(seen)
    assert reason in seen["message"]
    assert set(scene.versions().values()) == {version}


def test_rollout_that_comes_no_further_is_told_of_with_what_it_waits_for_until_that_is_taken(scene: Scene) -> None:
    scene.stream.halt()
    rollout, listener, kinds = scene.start(deadline="PT8S"), scene.fleet.listener, ["finished", "rollback", "stuck"]
    listener.refuse_first(rollout.id)
    notices = listener.wait_for(rollout.id, *kinds)
    assert sorted(map(kind_of, notices)) == kinds, "each is told, signed, and once"
    (stuck,) = [event["data"]["message"] for event in notices if kind_of(event) == "stuck"]
    assert "no progress since " in stuck
    assert "westeurope: too few deals to judge: error_rate: 0 of " in stuck
