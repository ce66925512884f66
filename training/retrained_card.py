"""The model card of a version that was trained on recorded deals: what is known, and what its owner has to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scoring.features import Feature
from training.card import flow, render_table
from training.recorded_features import ALIKE

Table = Mapping[str, Any]


def render_card(
    name: str, version: str, created_at: str, features: Sequence[Feature], training: Table, metrics: Table
) -> str:
    """The card as Markdown."""
    sections = (
        f"# {name} {version}",
        _render_summary(created_at, training),
        _render_data(features, training),
        "## Quality",
        _render_quality(metrics),
        flow(_QUALITY),
        _render_limits(training),
        _OWNER,
    )
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _render_summary(created_at: str, training: Table) -> str:
    return flow(f"""
        Made by `python -m training.retrain` from decisions that were recorded in {training["lake"]["region"]} and what
        was found out about them, with the features of {training["base"]["version"]}. A LightGBM classifier of
        {training["trees"]} small trees, dated {created_at[:10]}.""")


def _render_data(features: Sequence[Feature], training: Table) -> str:
    lake = training["lake"]
    decided, checkpoint = lake["decisions"], lake["checkpoint"]
    personal = ", ".join(f"`{feature.name}`" for feature in features if feature.personal) or "none is marked"
    answered_by = ", ".join(f"{count:,} by {version}" for version, count in training["answered_by"].items())
    return "## Data\n\n" + flow(f"""
        - {training["rows"]:,} labelled decisions, {training["frauds"]:,} of them fraud, made from {decided["from"]} to
        {decided["to"]}, with labels recorded until {lake["labels"]["to"]}. The rows of the dataset were answered
        {answered_by}.

        - The trail of {lake["region"]} stood at the checkpoint of size {checkpoint["size"]:,} and root
        `{checkpoint["root"]}`. The SHA-256 of the dataset is `{training["data_sha256"]}`; the manifest holds a digest
        of the segments that it was made from.

        - Of {training["decisions"]:,} decisions there were left out: {_list_left_out(training["left_out"])}.

        - {len(features)} features. Personal: {personal}.

        - Categories and ranges are told only where at least {ALIKE} deals have them. Thresholds, bin edges and the
        steps of the calibration are single numbers. Golden deals are mixed: each takes every feature from another
        deal.""")


_QUALITY = """
    "Held out" is the deals in five blocks of time, each scored by a model that was fitted without it. "Answered" are
    the scores that callers got for the same deals, by whichever version answered. With few frauds chance moves these
    figures a lot.
    """


def _render_limits(training: Table) -> str:
    shares = ", ".join(f"{share:.0%} of {outcome}" for outcome, share in training["labelled_share"].items())
    return "## Limits\n\n" + flow(f"""
        - Not every decision has a label. Labelled were, by outcome: {shares}. A deal that was declined rarely shows
        what it would have become, and what nobody looked into is not here, or counts as genuine.

        - So this version learns from what earlier ones let through.

        - A deal that was decided twice is here twice.""")


_OWNER = """
## What its owner has to write

Intended use, and performance by group for personal features, are not known here. State them where this model is
approved.
"""


def _list_left_out(left_out: Mapping[str, int]) -> str:
    named = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in left_out.items() if count]
    return ", ".join(named) or "none"


def _render_quality(metrics: Table) -> str:
    header = ("scores", "deals", "frauds", "AUC", "average precision", "log loss", "Brier score")
    keys = ("deals", "frauds", "auc", "average_precision", "log_loss", "brier_score")
    named = {"held out": metrics["held_out"], "answered": metrics["answered"]}
    return render_table(header, [(name, *(row[key] for key in keys)) for name, row in named.items()])
