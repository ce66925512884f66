"""What a model's manifest and card report: how it does on claims that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scoring.features import Feature, Kind
from scoring.policy import Outcome, Policy
from scoring.quality import average_precision, brier_score, log_loss, roc_auc
from training.claims import Claim

AGE_BANDS = ((0, 25), (25, 35), (35, 45), (45, 55), (55, 65), (65, 200))
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """Claims with their scores."""

    claims: Sequence[Claim]
    scores: Sequence[float]
    risk_scores: Sequence[int]

    @property
    def labels(self) -> list[bool]:
        return [claim.is_fraud for claim in self.claims]

    def pick(self, chosen: Sequence[int]) -> Scored:
        return Scored(
            [self.claims[index] for index in chosen],
            [self.scores[index] for index in chosen],
            [self.risk_scores[index] for index in chosen],
        )


def report_quality(scored: Scored) -> dict[str, Any]:
    """Measures that need no threshold."""
    labels, scores = scored.labels, scored.scores
    return {
        "deals": len(labels),
        "frauds": sum(labels),
        "auc": _rounded(roc_auc(labels, scores)),
        "average_precision": _rounded(average_precision(labels, scores)),
        "log_loss": _rounded(log_loss(labels, scores)),
        "brier_score": _rounded(brier_score(labels, scores)),
    }


def report_outcomes(scored: Scored, policy: Policy) -> dict[str, Any]:
    """What a policy would have decided. Recall and false-positive rate are of `review` or worse, and of `decline`."""
    pairs = list(zip(scored.risk_scores, scored.labels, strict=True))
    fraud = [risk for risk, is_fraud in pairs if is_fraud]
    genuine = [risk for risk, is_fraud in pairs if not is_fraud]
    outcomes = [policy.decide_outcome(risk) for risk in scored.risk_scores]
    return {
        "deals": len(outcomes),
        "frauds": len(fraud),
        "outcomes": {str(name): outcomes.count(name) for name in Outcome},
        "review_recall": _share_from(fraud, policy.review_from),
        "decline_recall": _share_from(fraud, policy.decline_from),
        "review_false_positive_rate": _share_from(genuine, policy.review_from),
        "decline_false_positive_rate": _share_from(genuine, policy.decline_from),
    }


def _share_from(risk_scores: Sequence[int], threshold: int) -> float | None:
    reached = sum(risk >= threshold for risk in risk_scores)
    return round(reached / len(risk_scores), DIGITS) if risk_scores else None


def report_groups(scored: Scored, policy: Policy, features: Sequence[Feature]) -> dict[str, Any]:
    """The same for every group of every personal attribute; the AUC only where both kinds of deal are there."""
    personal = [feature for feature in features if feature.personal]
    return {feature.name: _report_groups_of(feature, scored, policy) for feature in personal}


def _report_groups_of(feature: Feature, scored: Scored, policy: Policy) -> dict[str, Any]:
    members: dict[str, list[int]] = {}
    for index, claim in enumerate(scored.claims):
        members.setdefault(_group_of(feature, claim.features[feature.name]), []).append(index)
    return {group: _report_group(scored.pick(members[group]), policy) for group in sorted(members)}


def _report_group(scored: Scored, policy: Policy) -> dict[str, Any]:
    return {**report_outcomes(scored, policy), "auc": _rounded(roc_auc(scored.labels, scored.scores))}


def _group_of(feature: Feature, value: object) -> str:
    if value is None:
        return "unknown"
    if feature.kind is not Kind.NUMERIC or not isinstance(value, int):
        return str(value)
    low, high = next((low, high) for low, high in AGE_BANDS if low <= value < high)
    return f"{low} to {high - 1}" if high < 200 else f"{low} and over"


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DIGITS)
