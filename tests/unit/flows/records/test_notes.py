"""Labels, reviews and reads of decisions."""

from __future__ import annotations

import pytest

from flows.deciding.decide_deals import Decided
from flows.errors import LedgerUnavailable, NotFound, StorageFailed, StorageUnavailable
from tests.unit.flows.conftest import CALL, Stage, deal

LABEL = ("fraud", "claims-desk", "2026-12-01T00:00:00Z")


async def decision_id(stage: Stage) -> str:
    answer = await stage.one(deal())
    assert isinstance(answer, Decided)
    return str(answer.decision["decision_id"])


async def test_label_twice_is_one_record(stage: Stage) -> None:
    decision = await decision_id(stage)
    first = await stage.record_label(CALL, decision, *LABEL)
    again = await stage.record_label(CALL, decision, *LABEL)
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.record_id, again.record_digest) == (first.record_id, first.record_digest)
    assert len(stage.ledger.events("vouch.decision.labelled.v1")) == 1


async def test_labels_that_differ_are_two_records(stage: Stage) -> None:
    decision = await decision_id(stage)
    await stage.record_label(CALL, decision, *LABEL)
    await stage.record_label(CALL, decision, "genuine", *LABEL[1:])
    found = await stage.read_decision(CALL, decision)
    assert [event["data"]["label"] for event in found["labels"]] == ["fraud", "genuine"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", ["", "x", "../etc", "0192f0c1-0000-7000-8000-000000000000"])
async def test_label_for_what_is_no_decision_is_not_found(stage: Stage, wrong: str) -> None:
    with pytest.raises(NotFound):
        await stage.record_label(CALL, wrong, *LABEL)


async def test_label_of_a_label_is_not_found(stage: Stage) -> None:
    noted = await stage.record_label(CALL, await decision_id(stage), *LABEL)
    with pytest.raises(NotFound):
        await stage.record_label(CALL, noted.record_id, *LABEL)


async def test_review_keeps_its_reason_personal_and_the_decision_as_it_is(stage: Stage) -> None:
    decision = await decision_id(stage)
    before = (await stage.read_decision(CALL, decision))["decision"]
    await stage.record_review(CALL, decision, "overturn", "decline", "her neighbour saw it")
    found = await stage.read_decision(CALL, decision)
    assert found["decision"] == before
    (review,) = found["reviews"]  # type: ignore[misc]
    assert review["data"]["personal"]["reason"] == "her neighbour saw it"
    assert "neighbour" not in str({name: value for name, value in review["data"].items() if name != "personal"})


async def test_read_is_recorded_before_anything_is_shown(stage: Stage) -> None:
    decision = await decision_id(stage)
    stage.ledger.failures = [LedgerUnavailable()]
    with pytest.raises(LedgerUnavailable):
        await stage.read_decision(CALL, decision)
    await stage.read_decision(CALL, decision)
    (read,) = stage.ledger.events("vouch.audit.read.v1")
    assert read["data"]["decision_id"] == decision


async def test_read_while_storage_is_down_is_unavailable(stage: Stage) -> None:
    decision = await decision_id(stage)
    stage.ledger.read_failure = StorageFailed("down")
    with pytest.raises(StorageUnavailable):
        await stage.read_decision(CALL, decision)
