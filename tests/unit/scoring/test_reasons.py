"""Reasons: the strongest features, in the policy's words."""

from __future__ import annotations

from scoring.policy import Policy, ReasonText
from scoring.reasons import explain_score

POLICY = Policy("standard", "1", 500, 800, reason_texts={"age": ReasonText("AGE", "The driver is {value}.")})
NAMES = ["age", "fault", "price"]
CONTRIBUTIONS = [0.5, -2.0, 0.1, -3.0]


def test_reasons_are_the_strongest_first_whatever_their_sign() -> None:
    reasons = explain_score(NAMES, CONTRIBUTIONS, {"age": 21}, POLICY, top=2)
    assert [(reason.feature, reason.contribution) for reason in reasons] == [("fault", -2.0), ("age", 0.5)]


def test_reason_the_policy_words_reads_with_its_value() -> None:
    reason = explain_score(NAMES, CONTRIBUTIONS, {"age": 21}, POLICY, top=2)[1]
    assert (reason.code, reason.value, reason.text) == ("AGE", 21, "The driver is 21.")


def test_reason_for_a_missing_value_says_that_it_was_not_given() -> None:
    reason = explain_score(NAMES, CONTRIBUTIONS, {}, POLICY, top=2)[1]
    assert (reason.value, reason.text) == (None, "The driver is not given.")


def test_reason_the_policy_does_not_word_still_reads() -> None:
    reason = explain_score(NAMES, CONTRIBUTIONS, {"fault": True}, POLICY, top=1)[0]
    assert (reason.code, reason.text) == ("FAULT", "fault is yes.")


def test_more_reasons_than_features_gives_one_a_feature() -> None:
    assert len(explain_score(NAMES, CONTRIBUTIONS, {}, POLICY, top=99)) == 3
