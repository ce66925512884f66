"""Reasons: the features that moved a score most, in the policy's words.

Contributions are TreeSHAP values in raw-score (log-odds) units, as LightGBM's `pred_contrib` gives them: positive
raises the risk. Source: Lundberg et al., "Consistent Individualized Feature Attribution for Tree Ensembles", 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.policy import Policy, ReasonText


@dataclass(frozen=True, slots=True)
class Reason:
    """`value` is the feature as the caller sent it, None where it was missing."""

    code: str
    feature: str
    value: object
    contribution: float
    text: str


def explain_score(
    names: Sequence[str],
    contributions: Sequence[float],
    features: Mapping[str, object],
    policy: Policy,
    top: int,
) -> tuple[Reason, ...]:
    """The `top` features by absolute contribution, strongest first; ties keep the model's order."""
    order = sorted(range(len(names)), key=lambda index: -abs(contributions[index]))
    return tuple(
        _reason(names[index], contributions[index], features.get(names[index]), policy) for index in order[:top]
    )


def _reason(feature: str, contribution: float, value: object, policy: Policy) -> Reason:
    wording = policy.reason_text(feature) or ReasonText(feature.upper(), f"{feature} is {{value}}.")
    shown = "not given" if value is None else _shown(value)
    return Reason(wording.code, feature, value, contribution, wording.text.replace("{value}", shown))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
