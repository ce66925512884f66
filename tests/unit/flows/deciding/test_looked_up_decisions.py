"""Decisions of versions that look features up: what is answered, recorded and explained, whoever of them judges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from flows.deciding.decide_deals import Asked, Decided, IdempotencyKey
from flows.errors import InvalidDeal, StorageFailed
from scoring.release import Release, Target
from tests.fakes import LookupModel
from tests.snapshots import DATASET, digest_of, put, snapshot_of
from tests.unit.flows.conftest import CALL, STABLE, Stage

SERVED = replace(STABLE, stable=Target("1.2.0", "standard/1"))
CANARY = replace(
    STABLE, stable=Target("1.2.0", "standard/1"), candidate=Target("1.3.0", "standard/1"), weight=100, rollout_id="r1"
)
SHADOW = replace(CANARY, weight=0, shadow_share=1.0)
USED = [{"dataset": DATASET, "snapshot": "s1", "digest": digest_of(snapshot_of())}]


@pytest.fixture
async def stage() -> Stage:
    """A region that serves 1.2.0, with a snapshot active."""
    stage = Stage()
    serve(stage, SERVED)
    stage.models.hold(LookupModel("1.2.0"))
    stage.models.hold(LookupModel("1.3.0", shift=0.1))
    await stage.activate(CALL, DATASET, "s1", put(stage.lake, snapshot_of()))
    return stage


def serve(stage: Stage, release: Release) -> None:
    stage.store.rows["deal-fraud"] = release


def deal(agent: object = 7, amount: float = 100, **more: object) -> dict[str, object]:
    return {"deal_id": "D-1", "features": {"amount": amount, "age": 40, "agent": agent, **more}}


async def decide(stage: Stage, payload: object, **asked: Any) -> tuple[Any, Any]:
    """The answer and its record."""
    (answer,) = await stage.decide(CALL, Asked([payload], **asked))
    assert isinstance(answer, Decided), answer
    return answer.decision, await stage.ledger.find(UUID(str(answer.decision["decision_id"])))


async def test_looked_up_value_counts_in_the_score_and_the_snapshot_is_named(stage: Stage) -> None:
    answer, event = await decide(stage, deal())
    assert answer["score"] == pytest.approx(0.1 + 20 / 100)
    assert answer["references"] == event["data"]["references"] == USED
    assert (answer["unmatched"], answer["imputed"]) == ((), ())


async def test_record_keeps_what_was_sent_and_what_was_looked_up_apart_and_personal(stage: Stage) -> None:
    _, event = await decide(stage, deal())
    personal = event["data"]["personal"]
    assert personal["features"] == {"amount": 100, "age": 40, "agent": 7}
    assert personal["referenced"] == {"claims": 20}
    rest = {name: value for name, value in event["data"].items() if name != "personal"}
    assert "claims" not in str(rest)


async def test_unknown_key_is_a_missing_value_that_is_listed(stage: Stage) -> None:
    answer, event = await decide(stage, deal(agent="nobody"))
    assert answer["score"] == pytest.approx(0.1)
    assert (answer["unmatched"], answer["imputed"]) == (("claims",), ("claims",))
    assert event["data"]["personal"]["referenced"] == {"claims": None}
    assert answer["references"] == USED


async def test_without_any_snapshot_deals_are_decided_and_the_record_says_so(stage: Stage) -> None:
    bare = Stage()
    serve(bare, SERVED)
    bare.models.hold(LookupModel("1.2.0"))
    bare.lake.steps.failure = bare.reference_rows.failure = StorageFailed("down")
    answer, event = await decide(bare, deal())
    assert answer["unmatched"] == ("claims",)
    assert event["data"]["references"] == [{"dataset": DATASET, "snapshot": None, "digest": None}]


async def test_caller_who_sends_a_looked_up_feature_is_told(stage: Stage) -> None:
    (answer,) = await stage.decide(CALL, Asked([deal(claims=3)]))
    assert isinstance(answer, InvalidDeal)
    assert [fault.pointer for fault in answer.faults] == ["/features/claims"]


async def test_reason_shows_the_value_that_was_looked_up(stage: Stage) -> None:
    answer, _ = await decide(stage, deal(amount=5), explain=3)
    reason = next(reason for reason in answer["reasons"] if reason["feature"] == "claims")
    assert reason["value"] == 20


async def test_batch_is_decided_under_one_snapshot(stage: Stage) -> None:
    answers = await stage.decide(CALL, Asked([deal(7), deal(8), deal("x")]))
    scores = [answer.decision["score"] for answer in answers if isinstance(answer, Decided)]
    assert scores == [pytest.approx(0.3), pytest.approx(0.5), pytest.approx(0.1)]


async def test_candidate_that_answers_looks_up_for_itself(stage: Stage) -> None:
    serve(stage, CANARY)
    answer, event = await decide(stage, deal())
    assert (answer["model"]["version"], event["data"]["variant"]) == ("1.3.0", "candidate")
    assert answer["score"] == pytest.approx(0.1 + 20 / 100 + 0.1)
    assert event["data"]["references"] == USED


async def test_shadow_that_looks_on_names_its_snapshot_and_its_values(stage: Stage) -> None:
    serve(stage, SHADOW)
    _, event = await decide(stage, deal())
    assert event["data"]["shadow"]["references"] == USED
    assert event["data"]["personal"]["shadow_referenced"] == {"claims": 20}


async def test_pinned_and_synthetic_deals_go_the_same_way(stage: Stage) -> None:
    serve(stage, STABLE)
    answer, event = await decide(stage, deal(), pinned_version="1.2.0", synthetic=True)
    assert (event["data"]["traffic"], answer["references"]) == ("synthetic", USED)


async def test_key_that_only_a_later_version_takes_is_accepted_and_listed_as_unused(stage: Stage) -> None:
    serve(stage, STABLE)
    answer, event = await decide(stage, deal())
    assert (answer["score"], answer["unused"]) == (pytest.approx(0.1), ("agent",))
    assert event["data"]["personal"]["features"]["agent"] == 7
    assert event["data"]["personal"]["unused"] == ("agent",)


@pytest.mark.parametrize("agent", [[], {}, 2**53, float("inf"), "x" * 257, "\ud800"])
async def test_unused_value_that_no_record_could_hold_is_refused(stage: Stage, agent: object) -> None:
    serve(stage, STABLE)
    (answer,) = await stage.decide(CALL, Asked([deal(agent)]))
    assert isinstance(answer, InvalidDeal)
    assert [fault.pointer for fault in answer.faults] == ["/features/agent"]


async def test_shadow_that_looks_up_sees_the_key_that_stable_has_no_use_for(stage: Stage) -> None:
    serve(stage, replace(SHADOW, stable=Target("1.0.0", "standard/1"), candidate=Target("1.2.0", "standard/1")))
    answer, event = await decide(stage, deal())
    assert (answer["model"]["version"], answer["unused"]) == ("1.0.0", ("agent",))
    assert event["data"]["shadow"]["score"] == pytest.approx(0.1 + 20 / 100)
    assert event["data"]["personal"]["shadow_referenced"] == {"claims": 20}


async def test_what_no_version_takes_is_still_a_fault_and_the_only_one(stage: Stage) -> None:
    serve(stage, STABLE)
    (answer,) = await stage.decide(CALL, Asked([deal(size=2)]))
    assert isinstance(answer, InvalidDeal)
    assert [fault.pointer for fault in answer.faults] == ["/features/size"]


async def test_version_that_looks_nothing_up_says_nothing_of_it(stage: Stage) -> None:
    serve(stage, STABLE)
    (answer,) = await stage.decide(CALL, Asked([{"deal_id": "D-1", "features": {"amount": 1, "age": 2}}]))
    assert isinstance(answer, Decided)
    (event,) = stage.ledger.events("vouch.decision.scored.v1")
    assert not {"references", "unmatched"} & set(answer.decision)
    assert not {"references", "referenced", "unmatched"} & {*event["data"], *event["data"]["personal"]}


async def test_replayed_answer_is_the_first_one_whatever_was_activated_since(stage: Stage) -> None:
    key = IdempotencyKey("k", b"body")
    first, _ = await decide(stage, deal(), idempotency=key)
    await stage.activate(CALL, DATASET, "s2", put(stage.lake, snapshot_of("s2", []), "s2"), allow_empty=True)
    again, _ = await decide(stage, deal(), idempotency=key)
    assert again == first
