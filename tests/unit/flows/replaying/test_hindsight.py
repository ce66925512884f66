"""What was found out about a decision last counts, in whatever order it is come across."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from audit.ids import mint_id
from flows.replaying.hindsight import Hindsight, Label, Review

DECISIONS = [str(mint_id(1_000_000 + number, 0, 1)) for number in range(3)]
LABELS = st.tuples(
    st.sampled_from(DECISIONS), st.integers(0, 3), st.sampled_from(["fraud", "genuine"]), st.sampled_from(["a", "b"])
)
REVIEWS = st.tuples(st.sampled_from(DECISIONS), st.sampled_from(["uphold", "overturn"]))


def labelled(number: int, decision: str, day: int, label: str, source: str) -> dict[str, Any]:
    at = f"2026-11-2{day}T00:00:00.000Z"
    data = {"decision_id": decision, "label": label, "source": source, "labelled_at": at}
    return {"id": str(mint_id(2_000_000 + number, 0, 1)), "type": "vouch.decision.labelled.v1", "data": data}


def reviewed(number: int, decision: str, verdict: str) -> dict[str, Any]:
    data = {"decision_id": decision, "verdict": verdict}
    data |= {"outcome": "decline"} if verdict == "overturn" else {}
    return {"id": str(mint_id(2_000_000 + number, 0, 2)), "type": "vouch.decision.reviewed.v1", "data": data}


@given(st.lists(LABELS), st.lists(REVIEWS), st.randoms())
def test_latest_label_and_review_count_in_whatever_order_they_come(labels: Any, reviews: Any, chance: Any) -> None:
    events = [labelled(number, *label) for number, label in enumerate(labels)]
    events += [reviewed(number, *review) for number, review in enumerate(reviews)]
    chance.shuffle(events)
    hindsight = Hindsight()
    for event in events:
        hindsight.add(event)
    for decision in DECISIONS:
        own = [(day, number, label) for number, (about, day, label, _) in enumerate(labels) if about == decision]
        found = hindsight.label_of(decision)
        assert (found.label if found else None) == (max(own)[2] if own else None)
        verdicts = [verdict for about, verdict in reviews if about == decision]
        review = hindsight.review_of(decision)
        assert (review.verdict if review else None) == (verdicts[-1] if verdicts else None)


def test_decisions_of_other_times_are_not_held() -> None:
    hindsight = Hindsight(1_000_001, 1_000_002)
    for number, decision in enumerate(DECISIONS):
        hindsight.add(labelled(number, decision, 1, "fraud", "desk"))
        hindsight.add(reviewed(number, decision, "uphold"))
    assert [hindsight.label_of(decision) is not None for decision in DECISIONS] == [False, True, False]
    assert [hindsight.review_of(decision) is not None for decision in DECISIONS] == [False, True, False]


def test_other_records_are_passed_over() -> None:
    hindsight = Hindsight()
    hindsight.add({"id": DECISIONS[0], "type": "vouch.decision.scored.v1", "data": {"outcome": "approve"}})
    assert hindsight.label_of(DECISIONS[0]) is None


def test_label_and_review_hold_what_was_recorded() -> None:
    hindsight = Hindsight()
    label, review = labelled(1, DECISIONS[0], 3, "fraud", "desk"), reviewed(2, DECISIONS[0], "overturn")
    hindsight.add(label)
    hindsight.add(review)
    at = "2026-11-23T00:00:00.000Z"
    assert hindsight.label_of(DECISIONS[0]) == Label(at, label["id"], "fraud", "desk")
    assert hindsight.review_of(DECISIONS[0]) == Review(review["id"], "overturn", "decline")
