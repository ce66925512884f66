"""A policy turns a risk score into an outcome, and says when and how reasons are given.

Thresholds stand on the calibrated risk score (0 to 1000), so that one policy serves many model versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class InvalidPolicy(ValueError):
    """A policy document that can't be obeyed; the message says which field and why."""


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reason is called and how it reads; `text` may hold `{value}`."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    version: str
    review_from: int
    decline_from: int
    reasons_for: frozenset[Outcome] = frozenset({Outcome.REVIEW, Outcome.DECLINE})
    reasons_top: int = 3
    reason_texts: Mapping[str, ReasonText] = field(default_factory=dict)

    def decide_outcome(self, risk_score: int) -> Outcome:
        """The outcome for a risk score of 0 to 1000."""
        if risk_score >= self.decline_from:
            return Outcome.DECLINE
        return Outcome.REVIEW if risk_score >= self.review_from else Outcome.APPROVE

    def count_reasons(self, outcome: Outcome, asked: int | None) -> int:
        """How many reasons to give: what the caller asked for, else what the policy says."""
        if asked is not None:
            return asked
        return self.reasons_top if outcome in self.reasons_for else 0

    def reason_text(self, feature: str) -> ReasonText | None:
        return self.reason_texts.get(feature)


POLICY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}\Z")
FIELDS = {"name", "version", "description", "thresholds", "reasons"}


def parse_policy(document: object) -> Policy:
    """Read `policies/<name>/<version>.json`. Raises InvalidPolicy with the field and the fault."""
    if not isinstance(document, dict):
        raise InvalidPolicy("a policy is a JSON object")
    unknown = sorted(document.keys() - FIELDS)
    if unknown:
        raise InvalidPolicy(f"{unknown[0]}: unknown field")
    reasons = _object(document, "reasons")
    review_from, decline_from = _parse_thresholds(document)
    return Policy(
        name=_parse_id(document, "name"),
        version=_parse_id(document, "version"),
        review_from=review_from,
        decline_from=decline_from,
        reasons_for=_parse_outcomes(reasons),
        reasons_top=_parse_top(reasons),
        reason_texts=_parse_texts(_object(reasons, "texts")),
    )


def _object(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise InvalidPolicy(f"{name}: must be an object")
    return value


def _parse_id(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not POLICY_ID.match(value):
        raise InvalidPolicy(f"{name}: must be a short string of letters, digits, dots and dashes")
    return value


def _parse_thresholds(document: Mapping[str, object]) -> tuple[int, int]:
    thresholds = _object(document, "thresholds")
    if set(thresholds) != {"review", "decline"}:
        raise InvalidPolicy("thresholds: must hold review and decline")
    review, decline = thresholds["review"], thresholds["decline"]
    if type(review) is not int or type(decline) is not int or not 0 <= review <= decline <= 1001:
        raise InvalidPolicy("thresholds: must be whole risk scores, 0 <= review <= decline <= 1001 (1001: never)")
    return review, decline


def _parse_outcomes(reasons: Mapping[str, object]) -> frozenset[Outcome]:
    given = reasons.get("for", ["review", "decline"])
    if not isinstance(given, list) or any(name not in list(Outcome) for name in given):
        raise InvalidPolicy(f"reasons.for: must list outcomes out of {', '.join(Outcome)}")
    return frozenset(Outcome(name) for name in given)


def _parse_top(reasons: Mapping[str, object]) -> int:
    top = reasons.get("top", 3)
    if type(top) is not int or top < 1:
        raise InvalidPolicy("reasons.top: must be a whole number of at least 1")
    return top


def _parse_texts(texts: Mapping[str, object]) -> dict[str, ReasonText]:
    return {feature: _parse_text(feature, text) for feature, text in texts.items()}


def _parse_text(feature: str, text: object) -> ReasonText:
    if not isinstance(text, dict) or set(text) != {"code", "text"}:
        raise InvalidPolicy(f"reasons.texts.{feature}: must hold code and text")
    code, words = text["code"], text["text"]
    if not isinstance(code, str) or not isinstance(words, str) or not code or not words:
        raise InvalidPolicy(f"reasons.texts.{feature}: code and text must be strings")
    return ReasonText(code=code, text=words)
