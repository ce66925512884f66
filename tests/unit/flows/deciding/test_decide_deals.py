"""Deciding deals: what is answered, what is recorded, and what never reaches a caller."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from audit.records import digest_of_event, without_personal
from flows.deciding.decide_deals import Asked, Decided, IdempotencyKey
from flows.errors import (
    Erased,
    ForeignDeal,
    IdempotencyMismatch,
    IdempotencyRunning,
    InvalidDeal,
    LaneClosed,
    LedgerBusy,
    LedgerUnavailable,
    NotFound,
    NotReady,
    RecordTooLarge,
    StorageFailed,
    VersionWithdrawn,
)
from scoring.release import Release, Target
from tests.fakes import RuleModel
from tests.unit.flows.conftest import CALL, STABLE, Stage, deal

CANARY = replace(STABLE, generation=2, candidate=Target("1.1.0", "standard/1"), weight=100, rollout_id="r1")
SHADOW = replace(CANARY, weight=0, shadow_share=1.0)


def scored(stage: Stage) -> list[Any]:
    return stage.ledger.events("vouch.decision.scored.v1")


async def decided(stage: Stage, payload: object, **asked: object) -> Decided:
    answer = await stage.one(payload, **asked)
    assert isinstance(answer, Decided), answer
    return answer


def serve(stage: Stage, release: Release) -> None:
    stage.store.rows["deal-fraud"] = release


@pytest.mark.parametrize(
    ("amount", "outcome", "reasons"), [(100, "approve", 0), (600, "review", 2), (900, "decline", 2)]
)
async def test_deal_by_its_score_gets_outcome_and_reasons(
    stage: Stage, amount: int, outcome: str, reasons: int
) -> None:
    answer = (await decided(stage, deal(amount=amount))).decision
    assert answer["outcome"] == outcome
    assert answer["risk_score"] == amount
    assert len(answer["reasons"]) == reasons  # type: ignore[arg-type]


async def test_decision_is_recorded_with_the_digest_it_answers(stage: Stage) -> None:
    answer = (await decided(stage, deal())).decision
    (event,) = scored(stage)
    assert event["id"] == answer["decision_id"]
    assert digest_of_event(event) == answer["record_digest"]
    assert event["data"]["residency"] == {"jurisdiction": "eu", "country": None, "assumed": True}


async def test_record_outside_personal_says_nothing_of_the_person(stage: Stage) -> None:
    await decided(stage, deal("D-secret", 600, subjects=["P-secret"]), explain=2)
    (event,) = scored(stage)
    rest = {name: value for name, value in event["data"].items() if name != "personal"}
    assert "secret" not in str(rest)
    assert "amount" not in str(rest)
    assert event["data"]["personal"]["subjects"] == ("P-secret",)


async def test_explain_given_overrides_the_policy(stage: Stage) -> None:
    assert len((await decided(stage, deal(), explain=1)).decision["reasons"]) == 1  # type: ignore[arg-type]
    assert (await decided(stage, deal(amount=900), explain=0)).decision["reasons"] == []


async def test_faulty_deal_lists_every_fault_at_once_and_records_nothing(stage: Stage) -> None:
    answer = await stage.one({"deal_id": 7, "colour": "red", "features": {"amount": 1, "size": 2}})
    assert isinstance(answer, InvalidDeal)
    assert {fault.pointer for fault in answer.faults} == {"/deal_id", "/colour", "/features/size"}
    assert scored(stage) == []


async def test_unknown_model_is_listed_with_the_other_faults(stage: Stage) -> None:
    answer = await stage.one({"deal_id": "", "model": "nobody", "features": {}})
    assert isinstance(answer, InvalidDeal)
    assert {fault.pointer for fault in answer.faults} == {"/deal_id", "/model"}


async def test_foreign_deal_names_the_regions_that_accept_it(stage: Stage) -> None:
    answer = await stage.one(deal(residency="US"))
    assert isinstance(answer, ForeignDeal)
    assert answer.regions == {"eastus2": "https://eastus2.example"}
    assert scored(stage) == []


async def test_absent_residency_where_required_is_a_fault() -> None:
    answer = await Stage(residency_required=True).one(deal())
    assert isinstance(answer, InvalidDeal)
    assert [fault.pointer for fault in answer.faults] == ["/residency"]


async def test_deal_whose_record_cannot_fit_is_refused_before_scoring(stage: Stage) -> None:
    noise = random.Random(7).randbytes(80_000).hex()
    stage.stable.accepts_anything = True
    answer = await stage.one({"deal_id": "D-1", "features": {"amount": 1, "note": noise}})
    assert isinstance(answer, RecordTooLarge)
    assert stage.stable.calls == []


async def test_batch_with_a_faulty_deal_decides_the_others_in_order_in_one_pass(stage: Stage) -> None:
    answers = await stage.decide(CALL, Asked([deal("D-1"), {"deal_id": "D-2"}, deal("D-3", 900)]))
    assert [type(answer).__name__ for answer in answers] == ["Decided", "InvalidDeal", "Decided"]
    assert [answer.decision["deal_id"] for answer in answers if isinstance(answer, Decided)] == ["D-1", "D-3"]
    assert stage.stable.calls == [2]


async def test_all_or_nothing_with_a_faulty_deal_scores_none(stage: Stage) -> None:
    answers = await stage.decide(CALL, Asked([deal("D-1"), {"deal_id": "D-2"}], all_or_nothing=True))
    assert [type(answer).__name__ for answer in answers] == ["NotAttempted", "InvalidDeal"]
    assert scored(stage) == []


async def test_batch_with_one_append_failing_loses_only_that_deal(stage: Stage) -> None:
    stage.ledger.failures = [None, LedgerBusy(), None]
    answers = await stage.decide(CALL, Asked([deal("D-1"), deal("D-2"), deal("D-3")]))
    assert [type(answer).__name__ for answer in answers] == ["Decided", "LedgerBusy", "Decided"]


async def test_append_that_fails_gives_no_decision(stage: Stage) -> None:
    stage.ledger.failures = [LedgerUnavailable()]
    assert isinstance(await stage.one(deal()), LedgerUnavailable)


async def test_closed_lane_gives_the_record_a_new_id(stage: Stage) -> None:
    stage.ledger.failures = [LaneClosed()]
    answer = await decided(stage, deal())
    assert answer.decision["decision_id"] == str(stage.ledger.minted[1])


async def test_closed_lanes_without_end_are_unavailable(stage: Stage) -> None:
    stage.ledger.failures = [LaneClosed()] * 9
    assert isinstance(await stage.one(deal()), LedgerUnavailable)


async def test_candidate_at_full_weight_answers(stage: Stage) -> None:
    serve(stage, CANARY)
    answer = await decided(stage, deal(amount=100))
    assert answer.model_version == "1.1.0"
    assert answer.decision["risk_score"] == 500


async def test_candidate_that_breaks_leaves_the_answer_to_stable(stage: Stage) -> None:
    serve(stage, CANARY)
    stage.candidate.broken = True
    answer = await decided(stage, deal(amount=100))
    assert answer.model_version == "1.0.0"
    assert scored(stage)[0]["data"]["candidate_error"] == "failed to score"


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
async def test_candidate_whose_explanation_is_no_number_leaves_the_answer_to_stable(number: float) -> None:
    class Overflowing(RuleModel):
        def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
            return (number, -0.01, -2.0)

    stage = Stage(candidate=Overflowing("1.1.0", shift=0.4))
    serve(stage, CANARY)
    answer = await decided(stage, deal(amount=500))
    assert (answer.model_version, answer.decision["outcome"]) == ("1.0.0", "review")
    assert scored(stage)[0]["data"]["candidate_error"] == "failed to explain"


async def test_candidate_not_loaded_leaves_the_answer_to_stable(stage: Stage) -> None:
    serve(stage, replace(CANARY, candidate=Target("9.9.9", "standard/1")))
    answer = await decided(stage, deal())
    assert answer.model_version == "1.0.0"
    assert scored(stage)[0]["data"]["candidate_error"] == "not loaded"


async def test_candidate_whose_lease_ran_out_serves_nothing(stage: Stage) -> None:
    serve(stage, replace(CANARY, valid_until=stage.clock.now() - timedelta(seconds=1)))
    assert (await decided(stage, deal())).model_version == "1.0.0"


async def test_shadow_is_recorded_in_the_same_record_and_not_answered(stage: Stage) -> None:
    serve(stage, SHADOW)
    answer = await decided(stage, deal(amount=200))
    assert answer.decision["risk_score"] == 200
    (event,) = scored(stage)
    assert event["data"]["shadow"]["outcome"] == "review"
    (record,) = stage.ledger.records.values()
    assert (record.tally.outcome, record.tally.shadow_outcome) == ("approve", "review")


async def test_shadow_that_breaks_is_recorded_and_not_answered(stage: Stage) -> None:
    serve(stage, SHADOW)
    stage.candidate.broken = True
    assert (await decided(stage, deal())).model_version == "1.0.0"
    assert scored(stage)[0]["data"]["shadow"]["error"] == "failed to score"


async def test_pinned_version_answers_and_is_counted_apart(stage: Stage) -> None:
    answer = await decided(stage, deal(), pinned_version="1.1.0")
    assert answer.model_version == "1.1.0"
    assert scored(stage)[0]["data"]["traffic"] == "pinned"


async def test_pinned_version_that_is_not_here_is_not_found(stage: Stage) -> None:
    assert isinstance(await stage.one(deal(), pinned_version="7"), NotFound)


async def test_pinned_version_that_was_withdrawn_is_refused(stage: Stage) -> None:
    serve(stage, replace(STABLE, withdrawn=("1.1.0",)))
    assert isinstance(await stage.one(deal(), pinned_version="1.1.0"), VersionWithdrawn)


async def test_stable_version_not_loaded_is_not_ready(stage: Stage) -> None:
    serve(stage, replace(STABLE, stable=Target("9.9.9", "standard/1")))
    assert isinstance(await stage.one(deal()), NotReady)


async def test_stale_release_serves_and_says_so(stage: Stage) -> None:
    await decided(stage, deal())
    stage.clock.advance(11)
    stage.store.failure = StorageFailed("down")
    await decided(stage, deal())
    assert [event["data"].get("release_stale") for event in scored(stage)] == [None, True]


async def test_region_that_never_read_a_release_is_not_ready(stage: Stage) -> None:
    stage.store.failure = StorageFailed("down")
    assert isinstance(await stage.one(deal()), NotReady)


async def test_new_region_writes_its_initial_release(stage: Stage) -> None:
    stage.store.rows.clear()
    await decided(stage, deal())
    assert stage.store.rows["deal-fraud"] == STABLE


KEY = IdempotencyKey("key-1", b"body")


async def test_same_key_and_body_replays_the_recorded_decision(stage: Stage) -> None:
    first = await decided(stage, deal(amount=600), idempotency=KEY)
    again = await decided(stage, deal(amount=600), idempotency=KEY)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.decision == first.decision
    assert len(scored(stage)) == 1


async def test_same_key_with_another_body_is_a_mismatch(stage: Stage) -> None:
    await decided(stage, deal(), idempotency=KEY)
    with pytest.raises(IdempotencyMismatch):
        await stage.one(deal(), idempotency=IdempotencyKey("key-1", b"other"))


async def test_same_key_of_another_caller_is_another_decision(stage: Stage) -> None:
    await decided(stage, deal(), idempotency=KEY)
    other = replace(CALL, caller=replace(CALL.caller, id="other-system"))
    (answer,) = await stage.decide(other, Asked([deal()], idempotency=KEY))
    assert isinstance(answer, Decided)
    assert not answer.replayed


async def test_key_whose_write_is_unknown_is_running_until_its_lease_ends(stage: Stage) -> None:
    stage.ledger.failures = [LedgerUnavailable()]
    assert isinstance(await stage.one(deal(), idempotency=KEY), LedgerUnavailable)
    with pytest.raises(IdempotencyRunning):
        await stage.one(deal(), idempotency=KEY)
    stage.clock.advance(46)
    answer = await decided(stage, deal(), idempotency=KEY)
    assert answer.decision["decision_id"] == str(stage.ledger.minted[2])


async def test_key_in_a_closed_lane_moves_to_the_new_id(stage: Stage) -> None:
    stage.ledger.failures = [LaneClosed()]
    first = await decided(stage, deal(), idempotency=KEY)
    again = await decided(stage, deal(), idempotency=KEY)
    assert again.replayed
    assert again.decision["decision_id"] == first.decision["decision_id"]


async def test_batch_with_a_key_replays_what_was_done_and_decides_the_rest(stage: Stage) -> None:
    deals = [deal("D-1"), deal("D-2")]
    stage.ledger.failures = [None, LedgerUnavailable()]
    await stage.decide(CALL, Asked(deals, idempotency=KEY))
    stage.clock.advance(46)
    answers = await stage.decide(CALL, Asked(deals, idempotency=KEY))
    assert [answer.replayed for answer in answers if isinstance(answer, Decided)] == [True, False]
    assert len(scored(stage)) == 2


async def test_reservation_that_cannot_be_written_decides_nothing(stage: Stage) -> None:
    stage.reservations.failure = StorageFailed("down")
    with pytest.raises(LedgerUnavailable):
        await stage.one(deal(), idempotency=KEY)
    assert scored(stage) == []


async def test_replay_of_a_decision_that_was_erased_says_so(stage: Stage) -> None:
    await stage.one(deal(), idempotency=KEY)
    ((record_id, record),) = stage.ledger.records.items()
    stage.ledger.records[record_id] = replace(record, event=without_personal(record.event))
    assert isinstance(await stage.one(deal(), idempotency=KEY), Erased)
