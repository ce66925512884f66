"""Rollouts as people ask for them: one at a time, once for a key, and nobody raises a version's weight alone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from flows.calls import Call, Caller
from flows.errors import (
    IdempotencyMismatch,
    InvalidRequest,
    LedgerUnavailable,
    NotCounted,
    NotFound,
    RolloutOver,
    RolloutUnderWay,
    StorageFailed,
    VersionWithdrawn,
    VouchError,
)
from flows.releasing.current_releases import CurrentReleases
from flows.rolling_out.rollouts import Rollouts, RolloutSettings, Started, is_over
from rollouts.plan import Before
from tests.fakes import MemoryModels, MemoryReleases, MemoryRows, OnePolicy, RuleModel
from tests.unit.flows.conftest import STABLE, no_references
from tests.unit.flows.fleet import REGIONS, Papers

PLAN: dict[str, Any] = {"model": "deal-fraud", "version": "1.1.0"}
GATED = {**PLAN, "waves": [["westeurope"], ["eastus2", "brazilsouth"]],
         "approval": {"before": "eachWave", "timeout": "PT1H"}}  # fmt: skip
ORDERED = "vouch.rollout.ordered.v1"
DIGESTS = {"1.0.0": f"sha256:{'0' * 64}", "1.1.0": f"sha256:{'1' * 64}"}


class KnownVersions:
    """Implements `flows.ports.Versions`."""

    async def model_digest(self, name: str, version: str) -> str | None:
        return DIGESTS.get(version) if name == "deal-fraud" else None

    async def policy_digest(self, policy: str) -> str | None:
        return "" if policy == "standard/1" else None


def person(name: str) -> Call:
    return Call(Caller(name, frozenset({"operator", "approver"})), "rollouts", "request-1", "00-1-2-01", 1000.0)


@dataclass
class Office:
    """The control region's rollouts, as Anna the operator and Ben the approver meet them."""

    papers: Papers = field(default_factory=Papers)
    least: Before = Before.NEVER

    def __post_init__(self) -> None:
        papers = self.papers
        models = MemoryModels([RuleModel("1.0.0"), RuleModel("1.1.0")])
        references = no_references(models, papers.clock)
        self.releases = CurrentReleases(MemoryReleases(), papers.clock, {}, models, OnePolicy(), references)
        self.releases.adopt(STABLE)
        settings = RolloutSettings(REGIONS, {}, "westeurope", {"slice_s": 2}, {"*": self.least})
        self.rollouts = Rollouts(
            papers.log, KnownVersions(), self.releases, papers.ledger, papers.idempotency, papers.clock, settings
        )

    async def start(self, plan: object = PLAN, key: str | None = None, who: str = "anna") -> Started:
        return await self.rollouts.start(person(who), plan, key, json.dumps(plan).encode())

    async def wait_at(self, rollout_id: str, gate: str | None, phase: str = "Paused", seq: int = 1) -> None:
        """What the orchestration would show at a gate."""
        shown = {"phase": phase, "message": "", "wave": 1, "gate": gate}
        await self.papers.log.show(rollout_id, "rollout", seq, shown)

    async def counting(self, rollout_id: str) -> dict[str, bool]:
        """What the orchestration is told, by order."""
        return {name: bool(o["counts"]) for name, o in (await self.rollouts.orders_that_count(rollout_id)).items()}


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def gated(office: Office) -> str:
    """A rollout with a gate before each wave, begun by Anna."""
    return str((await office.start(GATED)).order["id"])


async def test_start_writes_the_whole_order_down(office: Office) -> None:
    started = await office.start()
    order = started.order
    assert not started.replayed
    assert await office.papers.log.read_order(order["id"]) == order
    assert (order["starter"], order["digest"], order["target"]) == (
        "anna", DIGESTS["1.1.0"], {"version": "1.1.0", "policy": None},
    )  # fmt: skip
    assert await office.papers.log.active() == {"deal-fraud": order["id"]}


async def test_second_start_is_refused_naming_the_first_and_leaves_it_alone(office: Office) -> None:
    first = await office.start()
    with pytest.raises(RolloutUnderWay) as caught:
        await office.start(who="ben")
    assert caught.value.rollout_id == first.order["id"]
    assert len(await office.rollouts.list()) == 1


async def test_of_two_operators_who_start_at_once_one_is_told_of_the_other(office: Office) -> None:
    ended = await asyncio.gather(office.start(), office.start(who="ben"), return_exceptions=True)
    (won,) = [one for one in ended if isinstance(one, Started)]
    (lost,) = [one for one in ended if isinstance(one, RolloutUnderWay)]
    assert lost.rollout_id == won.order["id"]


async def test_next_rollout_begins_once_the_first_has_ended(office: Office) -> None:
    first = await office.start()
    await office.papers.log.end("deal-fraud", first.order["id"])
    assert (await office.start()).order["id"] != first.order["id"]


async def test_end_of_an_old_rollout_that_is_told_late_does_not_end_the_next(office: Office) -> None:
    first = await office.start()
    await office.papers.log.end("deal-fraud", first.order["id"])
    second = await office.start()
    await office.papers.log.end("deal-fraud", first.order["id"])
    assert await office.papers.log.active() == {"deal-fraud": second.order["id"]}


async def test_same_key_is_the_same_rollout_also_after_its_end(office: Office) -> None:
    first = await office.start(key="k-1")
    await office.papers.log.end("deal-fraud", first.order["id"])
    again = await office.start(key="k-1")
    assert (again.order["id"], again.replayed) == (first.order["id"], True)
    assert await office.papers.log.active() == {}


async def test_key_belongs_to_its_caller(office: Office) -> None:
    await office.start(key="k-1")
    with pytest.raises(RolloutUnderWay):
        await office.start(key="k-1", who="ben")


async def test_another_plan_under_the_same_key_is_refused(office: Office) -> None:
    await office.start(key="k-1")
    with pytest.raises(IdempotencyMismatch):
        await office.start(GATED, key="k-1")


async def test_another_plan_under_the_same_key_at_the_same_moment_is_refused_too(office: Office) -> None:
    """Neither sees the other's order when it looks; one of the two is written."""
    office.papers.rows = slow = SlowRows(office.papers.rows.rows)
    office.papers.log._rows = slow
    ended = await asyncio.gather(office.start(key="k-1"), office.start(GATED, key="k-1"), return_exceptions=True)
    (won,) = [one for one in ended if isinstance(one, Started)]
    assert sum(isinstance(one, IdempotencyMismatch) for one in ended) == 1
    assert await office.papers.log.read_order(won.order["id"]) == won.order


class SlowRows(MemoryRows):
    """Every call lets the others go first."""

    async def read(self, partition: str, key: str) -> Any:
        found = await super().read(partition, key)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize(
    ("plan", "pointers"),
    [
        ({**PLAN, "version": "9.9.9"}, ["/version"]),
        ({**PLAN, "policy": "lax/9"}, ["/policy"]),
        ({**PLAN, "version": "9.9.9", "policy": "lax/9"}, ["/version", "/policy"]),
        ({"model": "unheard-of", "policy": "standard/1"}, ["/model"]),
        ({"version": "1.1.0", "bake": "soon"}, ["/model", "/bake"]),
        ([], [""]),
        (None, [""]),
        ("deal-fraud", [""]),
    ],
)
async def test_plan_with_faults_lists_them_and_begins_nothing(
    office: Office, plan: object, pointers: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await office.start(plan)
    assert [fault.pointer for fault in caught.value.faults] == pointers
    assert office.papers.rows.rows == {}


async def test_plan_that_asks_for_less_approval_than_the_model_needs_is_refused() -> None:
    office = Office(least=Before.EACH_WAVE)
    with pytest.raises(InvalidRequest) as caught:
        await office.start({**PLAN, "approval": {"before": "firstWave", "timeout": "PT1H"}})
    assert [fault.pointer for fault in caught.value.faults] == ["/approval/before"]
    started = await office.start()
    assert started.order["plan"]["approval"]["before"] == "eachWave"


async def test_withdrawn_version_is_not_rolled_out(office: Office) -> None:
    office.releases.adopt(replace(STABLE, generation=2, withdrawn=("1.1.0",)))
    with pytest.raises(VersionWithdrawn):
        await office.start()
    assert office.papers.rows.rows == {}


async def test_order_that_could_not_be_written_is_told_and_no_rollout(office: Office) -> None:
    office.papers.rows.failure = StorageFailed("away")
    with pytest.raises(LedgerUnavailable):
        await office.start()
    office.papers.rows.failure = None
    assert await office.rollouts.list() == []


async def test_approval_at_its_gate_by_another_person_counts(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    read = await office.rollouts.approve(person("ben"), gated, "wave-1")
    assert read["orders"]["approve-wave-1"]["by"] == "ben"
    assert await office.counting(gated) == {"approve-wave-1": True}


@pytest.mark.parametrize(
    ("waiting_at", "gate"), [(None, "wave-1"), ("wave-1", "wave-2"), ("wave-2", "wave-1"), ("wave-1", "Wave-1")]
)
async def test_approval_of_a_gate_that_is_not_waited_at_does_not_count(
    office: Office, gated: str, waiting_at: str | None, gate: str
) -> None:
    await office.wait_at(gated, waiting_at)
    with pytest.raises(NotCounted, match="does not wait at that gate"):
        await office.rollouts.approve(person("ben"), gated, gate)
    assert await office.counting(gated) == {}


async def test_approval_before_anything_began_does_not_count_later_either(office: Office, gated: str) -> None:
    with pytest.raises(NotCounted):
        await office.rollouts.approve(person("ben"), gated, "wave-1")
    await office.wait_at(gated, "wave-1")
    assert await office.counting(gated) == {}


async def test_second_approval_of_a_gate_leaves_the_first_as_it_stands(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    await office.rollouts.approve(person("ben"), gated, "wave-1")
    read = await office.rollouts.approve(person("carla"), gated, "wave-1")
    assert read["orders"]["approve-wave-1"]["by"] == "ben"


async def test_approval_of_one_gate_is_none_of_the_next(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    await office.rollouts.approve(person("ben"), gated, "wave-1")
    await office.wait_at(gated, "wave-2", seq=2)
    assert await office.counting(gated) == {"approve-wave-1": True}
    with pytest.raises(NotCounted):
        await office.rollouts.approve(person("ben"), gated, "wave-1")


async def test_starters_own_approval_and_promotion_do_not_count(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    with pytest.raises(NotCounted, match="whoever started"):
        await office.rollouts.approve(person("anna"), gated, "wave-1")
    with pytest.raises(NotCounted, match="whoever started"):
        await office.rollouts.promote_in_full(person("anna"), gated, "I want it")
    assert await office.counting(gated) == {}


async def test_word_of_the_starter_that_got_into_the_papers_is_not_counted_when_it_is_read(
    office: Office, gated: str
) -> None:
    said = {"by": "anna", "at": "2026-11-23T21:00:00.000Z", "reason": ""}
    for name in ("approve-wave-1", "promoteFull", "abort"):
        await office.papers.log.give_order(gated, name, said)
    assert await office.counting(gated) == {"approve-wave-1": False, "promoteFull": False, "abort": True}


async def test_another_person_may_promote_in_full(office: Office, gated: str) -> None:
    await office.rollouts.promote_in_full(person("ben"), gated, "hurry")
    assert await office.counting(gated) == {"promoteFull": True}


async def test_starter_may_stop_pause_and_resume(office: Office, gated: str) -> None:
    await office.rollouts.pause(person("anna"), gated, "lunch")
    assert await office.counting(gated) == {"pause": True}
    await office.rollouts.resume(person("anna"), gated, "back")
    assert await office.counting(gated) == {"resume": True}
    await office.rollouts.pause(person("anna"), gated, "tea")
    assert (await office.counting(gated))["pause"]
    await office.rollouts.stop(person("anna"), gated, "abort", "enough")
    assert (await office.counting(gated))["abort"]


async def test_resume_is_newer_each_time_so_that_each_counts(office: Office, gated: str) -> None:
    times = []
    for _ in range(2):
        office.papers.clock.advance(1)
        read = await office.rollouts.resume(person("anna"), gated, "")
        times.append(read["orders"]["resume"]["at"])
    assert times[0] < times[1]


async def test_first_word_of_an_abort_stands(office: Office, gated: str) -> None:
    await office.rollouts.stop(person("anna"), gated, "abort", "first")
    read = await office.rollouts.stop(person("ben"), gated, "abort", "second")
    assert (read["orders"]["abort"]["by"], read["orders"]["abort"]["reason"]) == ("anna", "first")


@pytest.mark.parametrize("phase", ["Succeeded", "RolledBack", "Failed"])
async def test_rollout_that_is_over_takes_no_word(office: Office, gated: str, phase: str) -> None:
    await office.wait_at(gated, "wave-1", phase)
    asked = office.rollouts
    for word in (
        asked.approve(person("ben"), gated, "wave-1"),
        asked.promote_in_full(person("ben"), gated, ""),
        asked.stop(person("ben"), gated, "abort", ""),
        asked.pause(person("ben"), gated, ""),
        asked.resume(person("ben"), gated, ""),
    ):
        with pytest.raises(RolloutOver, match=phase):
            await word
    assert await office.counting(gated) == {}
    assert is_over((await office.papers.log.read_story(gated)).shown)


@pytest.mark.parametrize("rollout_id", ["unheard-of", "!active-deal-fraud", "", "x" * 5000])
async def test_rollout_that_never_was_is_not_found_whatever_is_asked(
    office: Office, gated: str, rollout_id: str
) -> None:
    standing = dict(office.papers.rows.rows)
    asked = office.rollouts
    for word in (
        asked.read(rollout_id),
        asked.approve(person("ben"), rollout_id, "wave-1"),
        asked.promote_in_full(person("ben"), rollout_id, ""),
        asked.stop(person("ben"), rollout_id, "abort", ""),
        asked.resume(person("ben"), rollout_id, ""),
        asked.orders_that_count(rollout_id),
    ):
        with pytest.raises(NotFound):
            await word
    assert office.papers.rows.rows == standing


async def test_orchestration_is_never_told_who_said_something(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    await office.rollouts.approve(person("ben"), gated, "wave-1")
    await office.rollouts.pause(person("carla"), gated, "carla says so")
    told = json.dumps(await office.rollouts.orders_that_count(gated))
    assert not any(name in told for name in ("anna", "ben", "carla"))


async def test_whatever_somebody_says_is_an_audit_record_and_in_the_timeline(office: Office, gated: str) -> None:
    await office.wait_at(gated, "wave-1")
    await office.rollouts.approve(person("ben"), gated, "wave-1")
    await office.rollouts.pause(person("cleo"), gated, "lunch")
    await office.rollouts.resume(person("anna"), gated, "back")
    rollout = await office.rollouts.promote_in_full(person("ben"), gated, "all is well")
    said = [("start", "anna", ""), ("approve-wave-1", "ben", ""), ("pause", "cleo", "lunch"),
            ("resume", "anna", "back"), ("promoteFull", "ben", "all is well")]  # fmt: skip
    recorded = [event["data"] for event in office.papers.ledger.events(ORDERED)]
    assert [(one["order"], one["caller"], one["reason"]) for one in recorded] == said
    assert {one["rollout_id"] for one in recorded} == {gated}
    assert [one["plan"] is not None for one in recorded] == [True, False, False, False, False]
    told = [(event["what"], event["message"]) for event in rollout["timeline"] if event["source"] == "people"]
    assert sorted(told) == sorted((what, f"by {who}{reason and f': {reason}'}") for what, who, reason in said)


async def test_undo_is_recorded_as_the_abort_that_it_orders(office: Office) -> None:
    rollout_id = (await office.start()).order["id"]
    await office.papers.log.abort_rollout_of("deal-fraud", "1.1.0", "dora", "bad")
    order = office.papers.ledger.events(ORDERED)[-1]["data"]
    assert (order["rollout_id"], order["order"], order["caller"]) == (rollout_id, "abort", "dora")


async def test_what_does_not_count_or_was_said_before_is_not_recorded(office: Office, gated: str) -> None:
    with pytest.raises(NotCounted):
        await office.rollouts.approve(person("ben"), gated, "wave-1")
    await office.rollouts.stop(person("ben"), gated, "abort", "first")
    await office.rollouts.stop(person("anna"), gated, "abort", "second")
    with pytest.raises(RolloutUnderWay):
        await office.start(PLAN)
    assert [event["data"]["order"] for event in office.papers.ledger.events(ORDERED)] == ["start", "abort"]


async def test_order_that_cannot_be_recorded_does_not_count(office: Office, gated: str) -> None:
    office.papers.ledger.failures.append(LedgerUnavailable("away"))
    with pytest.raises(LedgerUnavailable):
        await office.rollouts.stop(person("anna"), gated, "abort", "bad")
    assert await office.counting(gated) == {}


async def test_start_asked_for_twice_under_one_key_is_one_record(office: Office) -> None:
    await asyncio.gather(office.start(key="k-1"), office.start(key="k-1"))
    assert len(office.papers.ledger.events(ORDERED)) == 1


async def test_list_shows_the_newest_first_and_where_each_stands(office: Office) -> None:
    first = (await office.start()).order["id"]
    await office.wait_at(first, None, "Succeeded")
    await office.papers.log.end("deal-fraud", first)
    office.papers.clock.advance(1)
    second = (await office.start()).order["id"]
    assert [(one["id"], one["phase"]) for one in await office.rollouts.list()] == [
        (second, "Pending"), (first, "Succeeded"),
    ]  # fmt: skip


@pytest.mark.parametrize("failing", ["read", "list"])
async def test_papers_that_cannot_be_read_are_told(office: Office, gated: str, failing: str) -> None:
    office.papers.rows.failure = StorageFailed("away")
    with pytest.raises(VouchError) as caught:
        await (office.rollouts.read(gated) if failing == "read" else office.rollouts.list())
    assert isinstance(caught.value, LedgerUnavailable)


@pytest.mark.parametrize("verb", ["abort", "reject"])
async def test_stop_that_was_taken_before_the_end_keeps_it_from_being_a_success(office: Office, verb: str) -> None:
    rollout_id = str((await office.start()).order["id"])
    await office.rollouts.stop(person("ben"), rollout_id, verb, "it misbehaves")
    assert await office.papers.log.finish(rollout_id) == verb
    assert await office.papers.log.finish(rollout_id) == verb


@pytest.mark.parametrize("verb", ["abort", "reject"])
async def test_stop_after_the_end_was_decided_is_told_that_it_is_over(office: Office, verb: str) -> None:
    rollout_id = str((await office.start()).order["id"])
    assert [await office.papers.log.finish(rollout_id) for _ in range(2)] == ["", ""]
    with pytest.raises(RolloutOver, match="promoted everywhere; undo its version instead"):
        await office.rollouts.stop(person("ben"), rollout_id, verb, "too late")
    assert await office.counting(rollout_id) == {"finish": True}


async def test_of_a_stop_and_the_end_at_the_same_moment_one_is_told_of_the_other(office: Office) -> None:
    rollout_id = str((await office.start()).order["id"])
    office.papers.log._rows = SlowRows(office.papers.rows.rows)
    stopping = office.rollouts.stop(person("ben"), rollout_id, "abort", "it misbehaves")
    stopped, finished = await asyncio.gather(stopping, office.papers.log.finish(rollout_id), return_exceptions=True)
    assert isinstance(stopped, RolloutOver) == (finished == "")
    assert ("abort" in await office.papers.log.orders(rollout_id)) == (finished == "abort")


async def test_start_that_is_asked_for_at_once_by_many_calls_is_shown_once(office: Office) -> None:
    """Each looks before the first has written anything, and has a time of its own."""
    order = (await office.start(key="k-1")).order
    later = {**order, "started_at": "2026-11-23T21:00:00.004Z"}
    assert await office.papers.log.create(later) == order
    timeline = (await office.rollouts.read(order["id"]))["timeline"]
    assert [event["what"] for event in timeline] == ["start"]


async def test_list_has_every_rollout_the_newest_first_however_many_there_are(office: Office) -> None:
    for number in range(100):
        started = await office.start(key=f"k-{number}")
        await office.wait_at(started.order["id"], None, phase="Succeeded")
        await office.papers.log.end("deal-fraud", started.order["id"])
        office.papers.clock.advance(0.05)
    listed = await office.rollouts.list()
    assert len(listed) == 100
    assert {one["phase"] for one in listed} == {"Succeeded"}
    times = [one["started_at"] for one in listed]
    assert times == sorted(times, reverse=True)
