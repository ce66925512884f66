"""The model card of a packaged model: what Vouch knows, and what its owner has to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scoring.features import Feature, Kind


def render_card(name: str, version: str, features: Sequence[Feature], metrics: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    counts = ", ".join(f"{sum(feature.kind is kind for feature in features)} {kind}" for kind in Kind)
    personal = ", ".join(f"`{feature.name}`" for feature in features if feature.personal) or "none is marked"
    return f"""# {name} {version}

Made by `python -m vouch package` from a LightGBM classifier and a labelled sample.

## What is known

- {len(features)} features: {counts}. Personal: {personal}.
- Sample: {metrics["deals"]:,} deals, {metrics["frauds"]:,} of them fraud.
- On the sample: AUC {metrics["auc"]}, average precision {metrics["average_precision"]}, log loss {metrics["log_loss"]},
  Brier score {metrics["brier_score"]}.
- If the model was trained on this sample, these figures and the calibration flatter it.
- Golden deals are mixed: each takes every feature from another row of the sample.

## What its owner has to write

Intended use, training data, performance by group for personal features, and limits are not known to Vouch. State
them where this model is approved.
"""
