from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scoring.policy import InvalidPolicy, Outcome, Policy, parse_policy
from tests.unit.scoring.bundles import read_demo

STANDARD = json.loads((Path(__file__).parents[3] / "policies" / "standard" / "1.json").read_bytes())


@pytest.mark.parametrize(
    ("risk_score", "outcome"),
    [(0, "approve"), (799, "approve"), (800, "review"), (979, "review"), (980, "decline"), (1000, "decline")],
)
def test_standard_policy_decides_by_its_thresholds(risk_score: int, outcome: str) -> None:
    assert parse_policy(STANDARD).decide_outcome(risk_score) == outcome


def test_policy_without_decline_never_declines() -> None:
    policy = Policy("cautious", "1", review_from=0, decline_from=1001)
    assert {policy.decide_outcome(risk) for risk in range(1001)} == {Outcome.REVIEW}


@pytest.mark.parametrize(
    ("outcome", "asked", "count"),
    [("approve", None, 0), ("review", None, 3), ("decline", None, 3), ("approve", 2, 2), ("decline", 0, 0)],
)
def test_reasons_are_given_as_asked_else_as_the_policy_says(outcome: str, asked: int | None, count: int) -> None:
    assert parse_policy(STANDARD).count_reasons(Outcome(outcome), asked) == count


def test_standard_policy_words_every_feature_of_the_demo_model_with_its_value() -> None:
    policy = parse_policy(STANDARD)
    names = [feature["name"] for feature in json.loads(read_demo()["manifest.json"])["features"]]
    texts = [policy.reason_text(name) for name in names]
    assert all(text is not None and "{value}" in text.text for text in texts)
    assert len({text.code for text in texts if text}) == len(names)
    assert set(policy.reason_texts) == set(names)


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(name)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.update(color="red"), "color: unknown field"),
        (_drop("name"), "name: must be a short string"),
        (lambda d: d.update(version=1), "version: must be a short string"),
        (lambda d: d.update(name="../up"), "name: must be a short string"),
        (_drop("thresholds"), "thresholds: must hold review and decline"),
        (lambda d: d["thresholds"].update(block=5), "thresholds: must hold review and decline"),
        (lambda d: d.update(thresholds={"review": 900, "decline": 800}), "0 <= review <= decline"),
        (lambda d: d.update(thresholds={"review": 0.5, "decline": 800}), "whole risk scores"),
        (lambda d: d.update(thresholds={"review": True, "decline": 800}), "whole risk scores"),
        (lambda d: d.update(thresholds={"review": 0, "decline": 1002}), "whole risk scores"),
        (lambda d: d.update(thresholds=[]), "thresholds: must be an object"),
        (lambda d: d["reasons"].update({"for": ["maybe"]}), "reasons.for: must list outcomes"),
        (lambda d: d["reasons"].update(top=0), "reasons.top: must be a whole number"),
        (lambda d: d["reasons"]["texts"].update(age={"code": "AGE"}), "reasons.texts.age: must hold code and text"),
        (lambda d: d["reasons"]["texts"].update(age={"code": "", "text": "x"}), "must be strings"),
    ],
)
def test_policy_that_cannot_be_obeyed_is_refused_with_the_field(
    change: Callable[[dict[str, Any]], None], fault: str
) -> None:
    document = copy.deepcopy(STANDARD)
    change(document)
    with pytest.raises(InvalidPolicy, match=fault):
        parse_policy(document)


@pytest.mark.parametrize("document", [None, [], "policy", 3])
def test_document_that_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(InvalidPolicy, match="a policy is a JSON object"):
        parse_policy(document)
