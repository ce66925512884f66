"""Rollouts over HTTP: starting, steering, reading, and what is refused, at a desk whose other regions are scripted."""

from __future__ import annotations

from typing import Any

import pytest

from flows.ports import EngineFailed, RegionAnswer
from scoring.release import Release, Target
from tests.desk import Desk, read

PLAN = {"model": "deal-fraud", "version": "1.1.0"}
GATED = {**PLAN, "approval": {"before": "firstWave", "timeout": "PT1H"}}
PAST = {"phase": "Succeeded", "message": "", "wave": 1, "gate": None, "seq": 9, "seen_at": "2026-11-23T21:00:00.000Z"}
WAITING = PAST | {"phase": "Paused", "gate": "wave-1"}


async def start(desk: Desk, plan: object = PLAN, **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await desk.send("POST", "/api/v1/rollouts", plan, "operator", given)


async def say(desk: Desk, rollout: Any, verb: str, body: object = None, roles: str = "operator") -> Any:
    return await desk.send("POST", f"/api/v1/rollouts/{rollout['id']}:{verb}", body or {"reason": "why"}, roles)


async def show(desk: Desk, rollout: Any, shown: dict[str, Any]) -> None:
    """What the orchestration would have shown."""
    await desk.rows.insert(rollout["id"], "shown-rollout", shown)


async def test_rollout_is_accepted_shown_and_started(desk: Desk) -> None:
    response = await start(desk)
    rollout = read(response)
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/rollouts/{rollout['id']}"
    assert (rollout["phase"], rollout["target"]) == ("Pending", {"version": "1.1.0", "policy": None})
    assert desk.engine.started == [rollout["id"]]
    assert read(await desk.send("GET", f"/api/v1/rollouts/{rollout['id']}", roles="auditor")) == rollout


async def test_second_rollout_of_a_model_is_refused_and_the_first_is_named(desk: Desk) -> None:
    first = read(await start(desk))
    refused = await start(desk)
    assert refused.status_code == 409
    assert first["id"] in read(refused)["detail"]


async def test_same_key_is_one_rollout_and_another_plan_under_it_is_refused(desk: Desk) -> None:
    first, again = await start(desk, idempotency_key="k1"), await start(desk, idempotency_key="k1")
    assert read(first)["id"] == read(again)["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await start(desk, GATED, idempotency_key="k1")).status_code == 422
    assert len(read(await desk.send("GET", "/api/v1/rollouts", roles="operator"))["rollouts"]) == 1


async def test_rollout_stands_though_the_engine_is_away(desk: Desk) -> None:
    desk.engine.failure = EngineFailed("away")
    assert (await start(desk)).status_code == 202


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [({**PLAN, "version": "9.9.9"}, "/version"), ({**PLAN, "policy": "lax/9"}, "/policy"), ({**PLAN, "x": 1}, "/x")],
)
async def test_plan_with_faults_is_refused_and_begins_nothing(desk: Desk, plan: object, pointer: str) -> None:
    refused = await start(desk, plan)
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in read(refused)["errors"]] == [pointer]
    assert not desk.rows.rows


async def test_withdrawn_version_is_not_rolled_out(desk: Desk) -> None:
    await desk.send("GET", "/health/ready", roles=None)
    release = Release("deal-fraud", Target("1.0.0", "standard/1"), generation=7, withdrawn=("1.1.0",))
    desk.service.releases.adopt(release)
    assert (await start(desk)).status_code == 409


async def test_lint_tells_every_fault_and_changes_nothing(desk: Desk) -> None:
    linted = read(await desk.send("POST", "/api/v1/rollouts:lint", {"version": "1.1.0", "bake": "soon"}, "operator"))
    assert [fault["pointer"] for fault in linted["faults"]] == ["/model", "/bake"]
    assert linted["plan"] is None
    assert not desk.rows.rows


async def test_lint_and_start_tell_of_what_is_not_to_be_had_beside_every_other_fault(desk: Desk) -> None:
    plan = {"model": "deal-fraud", "version": "9.9.9", "policy": "lax/9", "bake": "soon"}
    linted = read(await desk.send("POST", "/api/v1/rollouts:lint", plan, "operator"))
    refused = read(await start(desk, plan))
    assert [fault["pointer"] for fault in linted["faults"]] == ["/bake", "/version", "/policy"]
    assert refused["errors"] == linted["faults"]


async def test_lint_tells_of_a_model_that_there_is_none_of(desk: Desk) -> None:
    linted = read(await desk.send("POST", "/api/v1/rollouts:lint", PLAN | {"model": "unheard-of"}, "operator"))
    assert [fault["pointer"] for fault in linted["faults"]] == ["/model", "/version"]
    assert linted["plan"] is None


async def test_lint_tells_of_a_version_that_was_withdrawn(desk: Desk) -> None:
    withdrawal = {"version": "1.1.0", "reason": "bad"}
    await desk.send("POST", "/api/v1/releases/deal-fraud:withdraw", withdrawal, "operator")
    linted = read(await desk.send("POST", "/api/v1/rollouts:lint", PLAN, "operator"))
    assert [(fault["pointer"], "withdrawn" in fault["detail"]) for fault in linted["faults"]] == [("/version", True)]


async def test_approval_counts_at_its_gate_and_from_another_person_than_the_starter(desk: Desk) -> None:
    rollout = read(await start(desk, GATED))
    early = await say(desk, rollout, "approve", {"gate": "wave-1"}, "approver")
    assert (early.status_code, read(early)["type"]) == (409, "urn:vouch:problem:not-counted")
    await show(desk, rollout, WAITING)
    approved = read(await say(desk, rollout, "approve", {"gate": "wave-1"}, "approver"))
    assert approved["orders"]["approve-wave-1"]["by"] == "test-approver"
    assert desk.engine.nudged == [rollout["id"]]
    assert (await say(desk, rollout, "approve", {"gate": "wave-2"}, "approver")).status_code == 409


async def test_starter_can_neither_approve_nor_promote_in_full(desk: Desk) -> None:
    response = await desk.send("POST", "/api/v1/rollouts", GATED, "operator,approver")
    rollout = read(response)
    await show(desk, rollout, WAITING)
    assert (await say(desk, rollout, "approve", {"gate": "wave-1"}, "operator,approver")).status_code == 409
    assert (await say(desk, rollout, "promoteFull", roles="operator,approver")).status_code == 409
    assert (await say(desk, rollout, "promoteFull", roles="approver")).status_code == 200


async def test_orchestration_is_told_what_counts_but_not_who_said_it(desk: Desk) -> None:
    rollout = read(await start(desk, GATED))
    await show(desk, rollout, WAITING)
    await say(desk, rollout, "approve", {"gate": "wave-1"}, "approver")
    await say(desk, rollout, "pause", {"reason": "lunch"})
    room = desk.service.control
    assert room is not None
    told = await room.read_orders({"rollout_id": rollout["id"]})
    assert {name: order["counts"] for name, order in told["orders"].items()} == {"approve-wave-1": True, "pause": True}
    assert "test-" not in str(told)


async def test_resume_takes_the_pause_back(desk: Desk) -> None:
    rollout = read(await start(desk))
    await say(desk, rollout, "pause")
    assert set(read(await say(desk, rollout, "resume"))["orders"]) == {"resume"}


@pytest.mark.parametrize("verb", ["abort", "pause", "resume", "reject", "promoteFull"])
async def test_rollout_that_has_ended_takes_no_orders(desk: Desk, verb: str) -> None:
    rollout = read(await start(desk))
    await show(desk, rollout, PAST)
    refused = await say(desk, rollout, verb, roles="operator,approver")
    assert (refused.status_code, read(refused)["type"]) == (409, "urn:vouch:problem:rollout-over")


async def test_transition_that_is_noted_twice_or_late_changes_nothing_more(desk: Desk) -> None:
    rollout, room = read(await start(desk)), desk.service.control
    assert room is not None
    shown = {name: PAST[name] for name in ("message", "wave", "gate")}
    first, second = (
        {"rollout_id": rollout["id"], "source": "rollout", "seq": seq, "at": f"2026-11-23T21:00:0{seq}Z",
         "what": "advanced", "message": "", "shown": shown | {"phase": phase}, "notice": "finished"}
        for seq, phase in ((1, "Progressing"), (2, "Succeeded"))
    )  # fmt: skip
    for transition in (first, second, first, second):
        await room.note_transition(transition)
    seen = read(await desk.send("GET", f"/api/v1/rollouts/{rollout['id']}", roles="operator"))
    transitions = [event["seq"] for event in seen["timeline"] if event["source"] == "rollout"]
    assert (seen["phase"], transitions) == ("Succeeded", [1, 2])
    assert len(desk.ledger.events("vouch.rollout.changed.v1")) == 2
    assert len(await room.papers.notices.pending()) == 2


async def test_success_is_the_desired_state_once_and_lets_the_next_rollout_begin(desk: Desk) -> None:
    rollout, room = read(await start(desk)), desk.service.control
    assert room is not None
    before = {"version": "1.0.0", "policy": "standard/1"}
    order = {"rollout_id": rollout["id"], "model": "deal-fraud", "phase": "Succeeded", "target": rollout["target"],
             "before": before}  # fmt: skip
    for _ in range(2):
        await room.finish_rollout(order)
    desired = read(await desk.send("GET", "/api/v1/fleet/deal-fraud", roles="operator"))["desired"]
    assert (desired["generation"], desired["previous"]) == (1, before)
    assert desired["target"] == {"version": "1.1.0", "policy": "standard/1"}
    assert (await start(desk)).status_code == 202


@pytest.mark.parametrize(
    ("phase", "before", "desired"),
    [
        ("Failed", {"version": "1.0.0", "policy": "standard/1"}, {"version": "1.0.0", "policy": "standard/1"}),
        ("Failed", None, None),
        ("RolledBack", {"version": "1.0.0", "policy": "standard/1"}, None),
    ],
)
async def test_rollback_that_could_not_finish_leaves_the_way_back_to_the_reconciler(
    desk: Desk, phase: str, before: object, desired: object
) -> None:
    rollout, room = read(await start(desk)), desk.service.control
    assert room is not None
    order = {"rollout_id": rollout["id"], "model": "deal-fraud", "phase": phase, "target": None, "before": before}
    for _ in range(2):
        await room.finish_rollout(order)
    found = await room.papers.desired.read("deal-fraud")
    assert (found["target"] if found else None) == desired
    assert found is None or found["generation"] == 1


async def test_rollback_that_could_not_finish_changes_nothing_that_was_desired_before(desk: Desk) -> None:
    room = desk.service.control
    assert room is not None
    standing = {"version": "0.9.0", "policy": "standard/1"}
    await room.papers.desired.desire("deal-fraud", standing, "r-1")
    rollout = read(await start(desk))
    before = {"version": "1.0.0", "policy": "standard/1"}
    order = {"rollout_id": rollout["id"], "model": "deal-fraud", "phase": "Failed", "target": None, "before": before}
    await room.finish_rollout(order)
    found = await room.papers.desired.read("deal-fraud")
    assert found is not None
    assert (found["target"], found["generation"]) == (standing, 1)


async def test_undo_asks_every_region_aborts_the_rollout_and_says_who_could_not_be_reached(desk: Desk) -> None:
    rollout = read(await start(desk))
    body = {"leave": "1.1.0", "reason": "bad"}
    undone = read(await desk.send("POST", "/api/v1/models/deal-fraud:undo", body, "operator"))
    assert undone["regions"]["westeurope"]["release"]["withdrawn"] == ["1.1.0"]
    assert undone["regions"]["eastus2"]["fault"] == "the region did not answer"
    seen = read(await desk.send("GET", f"/api/v1/rollouts/{rollout['id']}", roles="operator"))
    assert seen["orders"]["abort"]["reason"] == "undo: bad"
    again = await desk.send("POST", "/api/v1/models/deal-fraud:undo", body, "operator")
    assert again.status_code == 200


@pytest.mark.parametrize("said", [({"X-Request-Id": "a-deployment"}, {}), ({}, {"change_id": "a-deployment"})])
async def test_another_change_under_the_request_or_change_id_of_the_one_before_is_made_too(
    desk: Desk, said: tuple[dict[str, str], dict[str, str]]
) -> None:
    headers, body = said
    path, generation = "/api/v1/releases/deal-fraud", 1
    candidate = {"version": "1.1.0", "policy": "standard/1"}
    stable = read(await desk.send("GET", path, roles="operator"))["stable"]
    for share in (0.5, 0.25):
        change = {"stable": stable, "candidate": candidate, "shadow_share": share, **body}
        given = {**headers, "If-Match": f'"{generation}"'}
        changed = read(await desk.send("PUT", path, change, "operator", {k.lower(): v for k, v in given.items()}))
        generation += 1
        assert (changed["shadow_share"], changed["generation"]) == (share, generation)


async def test_undo_and_its_lifting_need_a_version_and_no_more(desk: Desk) -> None:
    rollout = read(await start(desk))
    undone = await desk.send("POST", "/api/v1/models/deal-fraud:undo", {"leave": "1.1.0"}, "operator")
    assert (undone.status_code, read(undone)["regions"]["westeurope"]["release"]["withdrawn"]) == (200, ["1.1.0"])
    seen = read(await desk.send("GET", f"/api/v1/rollouts/{rollout['id']}", roles="operator"))
    assert seen["orders"]["abort"]["reason"] == "undo"
    lifted = await desk.send("POST", "/api/v1/models/deal-fraud:unwithdraw", {"version": "1.1.0"}, "operator")
    assert (lifted.status_code, read(lifted)["regions"]["westeurope"]["release"]["withdrawn"]) == (200, [])


async def test_reconciler_reports_who_is_held_or_away_and_heals_who_is_behind(desk: Desk) -> None:
    room = desk.service.control
    assert room is not None
    target = {"version": "1.1.0", "policy": "standard/1"}
    await room.papers.desired.desire("deal-fraud", target, "r-1", {"version": "1.0.0", "policy": "standard/1"})
    path = "/api/v1/releases/deal-fraud"
    standing = {"generation": 3, "stable": {**target, "version": "1.0.0"}, "candidate": None, "rollout_id": "",
                "withdrawn": [], "hold": None}  # fmt: skip
    desk.others.answers[("GET", path)] = RegionAnswer(200, standing)
    desk.others.answers[("PUT", path)] = RegionAnswer(200, standing)
    for held in ("models/deal-fraud/versions/1.1.0", "policies/standard/versions/1"):
        desk.others.answers[("POST", f"/api/v1/{held}:pull")] = RegionAnswer(200, {})
    (found,) = await room.reconcile()
    assert {region["state"] for region in found["regions"].values()} == {"healed"}
    desk.others.answers[("GET", path)] = RegionAnswer(200, standing | {"hold": "by hand"})
    (found,) = await room.reconcile()
    assert {region["state"] for region in found["regions"].values()} == {"held"}
    desk.others.answers.clear()
    (found,) = await room.reconcile()
    assert {region["state"] for region in found["regions"].values()} == {"unreachable"}


async def test_version_withdrawn_in_one_region_is_withdrawn_in_all_and_no_longer_desired(desk: Desk) -> None:
    room = desk.service.control
    assert room is not None
    before = {"version": "1.0.0", "policy": "standard/1"}
    await room.papers.desired.desire("deal-fraud", {"version": "1.1.0", "policy": "standard/1"}, "r-1", before)
    path = "/api/v1/releases/deal-fraud"
    withdrawn = {"generation": 3, "stable": before, "candidate": None, "rollout_id": "", "withdrawn": ["1.1.0"],
                 "hold": None}  # fmt: skip
    desk.others.answers[("GET", path)] = RegionAnswer(200, withdrawn)
    desk.others.answers[("POST", f"{path}:withdraw")] = RegionAnswer(200, withdrawn)
    (found,) = await room.reconcile()
    assert {region["state"] for region in found["regions"].values()} == {"withdrawn"}
    desired = await room.papers.desired.read("deal-fraud")
    assert desired is not None
    assert desired["target"] == before


async def test_rollout_that_was_never_started_is_started_by_the_control_timer(desk: Desk) -> None:
    desk.engine.failure = EngineFailed("away")
    rollout = read(await start(desk))
    desk.engine.failure = None
    room = desk.service.control
    assert room is not None
    await room.tick("client")
    assert desk.engine.started == [rollout["id"]]
