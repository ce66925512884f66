"""A good version reaches every region; a bad one is stopped in the first region that looks at it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.system.conftest import MODEL
from tests.system.rollouts import bundles
from tests.system.rollouts.driving import CANARY_ONLY, FEW, METRICS, NEWER, WAVES, events_of, tell
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import STABLE

SLOWEST_MS = 20


def test_good_version_reaches_every_region_wave_by_wave_each_weight_by_a_verdict(scene: Scene) -> None:
    rollout = scene.start()
    seen = rollout.wait_for_end()
    assert seen["phase"] == "Succeeded", tell(seen)
    assert set(scene.versions().values()) == {NEWER}
    for wave, following in zip(WAVES, [*WAVES[1:], []], strict=True):
        for region in wave:
            events = events_of(seen, region)
            for before, event in pairwise(events):
                if event["what"] == "Exposing" and "100%" not in before["message"]:
                    assert before["what"] in {"Pulling", "Analysed"}
                if before["what"] == "Analysed":
                    assert before["judgement"]["verdict"] == "Successful"
            assert [event["what"] for event in events].count("Analysed") == 3
            assert all(events[-1]["at"] <= events_of(seen, later)[0]["at"] for later in following)
    fleet = scene.fleet.request("westeurope", "GET", f"/api/v1/fleet/{MODEL}", role="operator").json()
    assert fleet["desired"]["target"]["version"] == NEWER
    heard = scene.stream.count()
    assert all(heard[region, version] for region in scene.fleet.plan.regions for version in (STABLE, NEWER)), heard


@pytest.mark.parametrize(
    ("build", "plan", "blamed"),
    [
        (bundles.flipped, {"metrics": None, "steps": None, "bake": None, "deadline": None}, ""),
        (bundles.slow, {"metrics": [*METRICS, {"name": "latency_p95_ms", "max": SLOWEST_MS, "minSamples": FEW}]},
         "latency_p95_ms"),
        (bundles.overflowing, {"steps": CANARY_ONLY}, "error_rate"),
        (bundles.unexplainable, {"steps": CANARY_ONLY}, "error_rate"),
    ],
)  # fmt: skip
def test_bad_version_is_taken_back_by_itself_and_its_faults_reach_no_caller(
    scene: Scene, build: Callable[[str], bundles.Files], plan: dict[str, Any], blamed: str
) -> None:
    version = f"1.1.0-{build.__name__}"
    scene.publish(version, build(version))
    scene.stream.wants_reasons = build is bundles.slow
    rollout = scene.start(version=version, **plan)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
    verdict = seen["regions"]["westeurope"]["judgement"]
    assert verdict["verdict"] == "Failed", tell(seen)
    assert blamed in verdict["reason"]
    assert [region for wave in WAVES[1:] for region in wave if events_of(seen, region)] == []
    if build is bundles.flipped:
        assert version not in {answered for _, answered in scene.stream.count()}
