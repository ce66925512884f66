"""What people say while a rollout is under way: two at once, nobody in time, and a stop in every phase."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.issuer import open_issuer, write_secret
from tests.system.conftest import CONTROL, Answer
from tests.system.rollouts.driving import (
    CANARY_ONLY,
    EACH_WAVE,
    ENDED,
    NEWER,
    PAUSED_CANARY,
    PLAN,
    SHADOW,
    Rollout,
    events_of,
    tell,
)
from tests.system.rollouts.fleet import Fleet
from tests.system.rollouts.listener import kind_of
from tests.system.rollouts.scene import Scene

ENDLESS = [{"name": "error_rate", "max": 0.05, "minSamples": 1_000_000}]
FROZEN = "brazilsouth"


def test_approval_that_nobody_gives_in_time_ends_the_rollout(scene: Scene) -> None:
    rollout = scene.start(approval={"before": "firstWave", "timeout": "PT1S"})
    assert rollout.wait_for_phase("Paused", *ENDED)["gate"] in {"wave-1", None}
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack"
    assert "nobody approved wave-1 in time" in seen["message"]
    assert events_of(seen, CONTROL) == []
    kinds = ["approval", "finished", "rollback"]
    notices = scene.fleet.listener.wait_for(rollout.id, *kinds)
    assert sorted(map(kind_of, notices)) == kinds, "each is told, signed, and once"


def test_two_operators_who_start_and_abort_at_once_have_one_rollout_and_one_end(scene: Scene) -> None:
    second = second_operator(scene.fleet)
    scene.fleet.freeze(FROZEN)  # so that the first to abort has not taken everything back before the second

    def start(role: str) -> Answer:
        return scene.fleet.request(CONTROL, "POST", "/api/v1/rollouts", role=role, body=PLAN)

    answers = sorted(at_once(start, "operator", second), key=lambda answer: answer.status)
    assert [answer.status for answer in answers] == [202, 409], [answer.body for answer in answers]
    rollout = scene.adopt(answers[0].json()["id"], PLAN)
    assert rollout.id in answers[1].body.decode()
    aborts = at_once(lambda role: rollout.say("abort", role), "operator", second)
    assert [answer.status for answer in aborts] == [200, 200], [answer.body for answer in aborts]
    scene.fleet.thaw(FROZEN)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
    assert [event["what"] for event in events_of(seen, "rollout")].count("taken back") == 1
    assert rollout.say("abort").status == 409


def second_operator(fleet: Fleet) -> str:
    """The name of another operator's token."""
    token = open_issuer(fleet.plan).mint(int(time.time()), "operator", "auditor")
    write_secret(fleet.plan.token_file("second-operator"), token.encode())
    return "second-operator"


def at_once(ask: Callable[[str], Answer], *roles: str) -> list[Answer]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(ask, roles))


def held_at_opening(scene: Scene) -> Rollout:
    """One region doesn't answer, so that the rollout can't begin; what it was asked it does when it comes to."""
    scene.fleet.freeze(FROZEN)
    rollout = scene.start()
    rollout.wait_until(lambda seen: seen["phase"] == "Progressing" and seen["wave"] == 0, "it opens")
    return rollout


def held_at_gate(scene: Scene) -> Rollout:
    rollout = scene.start(approval=EACH_WAVE)
    rollout.wait_until(lambda seen: seen["gate"] == "wave-1", "it waits for approval")
    return rollout


def held_in_shadow(scene: Scene) -> Rollout:
    rollout = scene.start(metrics=ENDLESS)
    rollout.wait_for_stage(CONTROL, "Analysing", "too few")
    return rollout


def held_in_canary(scene: Scene) -> Rollout:
    rollout = scene.start(steps=CANARY_ONLY, metrics=ENDLESS)
    scene.stream.wait_for(CONTROL, NEWER)
    return rollout


def held_in_pause(scene: Scene) -> Rollout:
    rollout = scene.start(steps=PAUSED_CANARY)
    rollout.wait_for_stage(CONTROL, "Paused", "until somebody resumes")
    return rollout


def held_by_a_person(scene: Scene) -> Rollout:
    rollout = scene.start(steps=[*SHADOW, *SHADOW, *CANARY_ONLY])
    assert rollout.say("pause").status == 200
    rollout.wait_until(lambda seen: "somebody paused" in str(seen["timeline"]), "it is paused")
    return rollout


def held_in_bake(scene: Scene) -> Rollout:
    rollout = scene.start(steps=CANARY_ONLY, bake="PT30S", deadline="PT5M")
    rollout.wait_for_stage(CONTROL, "Baking")
    return rollout


def held_after_a_promotion(scene: Scene) -> Rollout:
    rollout = scene.start(steps=CANARY_ONLY, approval=EACH_WAVE)
    rollout.approve("wave-1")
    rollout.wait_until(lambda seen: seen["gate"] == "wave-2", "it waits for the second approval")
    assert scene.versions()[CONTROL] == NEWER
    return rollout


def held_in_rolling_back(scene: Scene) -> Rollout:
    rollout = held_at_opening(scene)
    assert rollout.say("abort").status == 200
    rollout.wait_for_phase("RollingBack")
    return rollout


@pytest.mark.parametrize(
    "hold",
    [
        held_at_opening, held_at_gate, held_in_shadow, held_in_canary, held_in_pause, held_by_a_person, held_in_bake,
        held_after_a_promotion, held_in_rolling_back,
    ],
)  # fmt: skip
def test_abort_in_any_phase_takes_every_region_back(scene: Scene, hold: Callable[[Scene], Rollout]) -> None:
    rollout = hold(scene)
    assert rollout.say("abort").status == 200
    rollout.wait_for_phase("RollingBack", "RolledBack")
    scene.fleet.thaw(FROZEN)
    seen = rollout.wait_for_end()
    scene.expect_back(rollout)
    assert seen["phase"] == "RolledBack", tell(seen)
    assert seen["message"].startswith("aborted; every region was taken back")
