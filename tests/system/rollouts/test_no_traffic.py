"""Nobody asks for a decision: what the plan says for want of data is done."""

from __future__ import annotations

import pytest

from tests.system.rollouts.driving import NEWER, tell
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import STABLE


@pytest.mark.parametrize(
    ("no_data", "deadline", "phase", "version", "reason"),
    [
        ("hold", "PT4S", "RolledBack", STABLE, "deadline has passed"),
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
