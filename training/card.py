"""The model card, written from the manifest's own figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from scoring.features import Feature

Table = Mapping[str, Any]


def render_card(
    name: str, version: str, created_at: str, features: Sequence[Feature], training: Table, metrics: Table
) -> str:
    """The card as Markdown."""
    later = metrics["following_years"]
    sections = (
        f"# {name} {version}",
        _render_summary(created_at, training, metrics),
        _render_use(metrics["policy"]),
        _render_data(features, training),
        *_render_references(features, metrics),
        "## Quality",
        _render_quality({"held out": metrics["held_out"], **later, **_name_earlier(metrics["earlier_versions"])}),
        flow(_QUALITY),
        "## What the policy decides",
        _render_policy(metrics["policy"]),
        "## Performance by group",
        _render_groups(metrics),
        _render_limits(metrics),
        _render_reproduction(training),
    )
    return "\n\n".join(section.strip() for section in sections) + "\n"


def flow(text: str) -> str:
    """Fill the paragraphs and list items of a text to lines of 110 characters."""
    parts = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return "\n\n".join(
        textwrap.fill(part, 110, subsequent_indent="  " if part.startswith("- ") else "", break_long_words=False)
        for part in parts
    ).replace("\n\n- ", "\n- ")


def _render_summary(created_at: str, training: Table, metrics: Table) -> str:
    year, quality = next(iter(metrics["following_years"].items()))
    return flow(f"""
        Scores motor-insurance claims for fraud. A LightGBM classifier of {training["trees"]} small trees, fitted on
        {training["rows"]:,} claims of {_join(training["years"])}, dated {created_at[:10]}. On the claims of {year},
        which it never saw, its AUC is {quality["auc"]:.3f}: useful for choosing what to look at first, far too weak to
        judge a claim.""")


def _render_use(policy: Table) -> str:
    return "## Intended use\n\n" + flow(f"""
        To rank claims for a person's attention in Vouch's demonstration, with the policy
        `{policy["name"]}/{policy["version"]}`. `score` estimates the probability of fraud; `risk_score` is the share
        of genuine held-out claims, in per mille, that score lower, and thresholds stand on it.

        Not for use: on real customers (the data are thirty years old, of one insurer, and anonymous), for declining a
        claim without a person's review, for other lines of insurance or other countries.""")


def _render_data(features: Sequence[Feature], training: Table) -> str:
    personal = ", ".join(f"`{feature.name}`" for feature in features if feature.personal)
    return "## Data\n\n" + flow(f"""
        `{training["data"]}` (SHA-256 `{training["data_sha256"]}`): a public table of motor-insurance claims of 1994 to
        1996, without names or addresses. Fitted on {_join(training["years"])}: {training["rows"]:,} claims,
        {training["frauds"]:,} of them found fraudulent ({training["frauds"] / training["rows"]:.1%}).

        {len(features)} features. Left out: `PolicyNumber` (a row number), `Year` (it names the sample), and
        `RepNumber` (who handled the claim: it says nothing about the claim, and staff changes). `Age` 0 and the one
        "0" among the claim dates are missing values. Bands such as "2 to 4" stay categories. Categories that the table
        spells oddly ("Porche", "Nisson") stay so.

        Personal attributes, used by the model and marked `personal` in the manifest: {personal}. `Age` is 0 exactly
        where the age band says "16 to 17", so a missing age is not missing at random.""")


def _render_references(features: Sequence[Feature], metrics: Table) -> Sequence[str]:
    """What a version that looks features up has to say of it; nothing for the others."""
    looked_up = [feature for feature in features if feature.source]
    if not looked_up:
        return ()
    source = looked_up[0].source
    assert source is not None
    year, quality = next(iter(metrics["following_years"].items()))
    version, earlier = list(metrics["earlier_versions"].items())[-1]
    text = f"""
        {_join([f"`{feature.name}`" for feature in looked_up])} are no caller's to send: they are looked up in the
        reference dataset `{source.dataset}`, in the row of the deal's `{source.key}`. A claim is shown the experience
        of the year before, never of its own year, which would hold its own outcome.

        They are here to show how reference data works, not because they help. The trees do split on them, but they say
        little that `{source.key}` itself doesn't: the AUC on {year} is {quality["auc"]:.3f} with them and
        {earlier[year]["auc"]:.3f} without ({version}, the same claims), and chance alone moves it by about 0.02 with so
        few frauds.

        Nothing is known before the first year, so all its claims trained with the values missing. A missing value
        therefore looks like a claim of that year: where no row is found, or no snapshot is there, a claim is scored a
        little as if it were one.

        Shares stand for numbers: a number of claims falls with the insurer's business, and every later year would
        look unlike the training years."""
    return "## Reference data", flow(text)


_QUALITY = """
    "Held out" is the training years, in five blocks of consecutive claims, each scored by a model fitted without it.
    Claims that stand near each other in the table are alike, so folds dealt out row by row would promise more than
    any later year keeps. A model that knows nothing has an AUC of 0.5 and an average precision of the share of frauds.
    """


def _name_earlier(versions: Table) -> dict[str, Any]:
    return {f"{year}, version {version}": row for version, years in versions.items() for year, row in years.items()}


def _render_quality(rows: Table) -> str:
    header = ("claims", "number", "frauds", "AUC", "average precision", "log loss", "Brier score")
    keys = ("deals", "frauds", "auc", "average_precision", "log_loss", "brier_score")
    return render_table(header, [(name, *(row[key] for key in keys)) for name, row in rows.items()])


def _render_policy(policy: Table) -> str:
    review, decline = 1 - policy["review_from"] / 1000, 1 - policy["decline_from"] / 1000
    rows = [(year, *_policy_cells(row)) for year, row in policy["following_years"].items()]
    introduction = flow(f"""
        `{policy["name"]}/{policy["version"]}` reviews from a risk score of {policy["review_from"]} and declines from
        {policy["decline_from"]}: of genuine claims like the held-out ones, {review:.1%} are reviewed or declined and
        {decline:.1%} declined. What it does on claims that came later:""")
    legend = flow("""
        Recall: the share of frauds that is reviewed or declined, and that is declined. False positives: the same of
        genuine claims.""")
    return "\n\n".join((introduction, render_table(_POLICY_HEADER, rows), legend))


_POLICY_HEADER = (
    "claims",
    "approve",
    "review",
    "decline",
    "recall, review or decline",
    "recall, decline",
    "false positives, review or decline",
    "false positives, decline",
)


def _policy_cells(row: Table) -> tuple[object, ...]:
    shares = ("review_recall", "decline_recall", "review_false_positive_rate", "decline_false_positive_rate")
    return *row["outcomes"].values(), *(_percent(row[share]) for share in shares)


def _render_groups(metrics: Table) -> str:
    year, groups = next(iter(metrics["groups"].items()))
    header = ("group", "claims", "frauds", "AUC", "recall", "false positives")
    parts = [f"Claims of {year}, reviewed or declined. Groups with fewer than 30 frauds say little."]
    for attribute, rows in groups.items():
        cells = [
            (
                group,
                row["deals"],
                row["frauds"],
                row["auc"],
                _percent(row["review_recall"]),
                _percent(row["review_false_positive_rate"]),
            )
            for group, row in rows.items()
        ]
        parts.append(f"`{attribute}`:\n\n{render_table(header, cells)}")
    return "\n\n".join(parts)


def _render_limits(metrics: Table) -> str:
    year, quality = next(iter(metrics["following_years"].items()))
    row = metrics["policy"]["following_years"][year]
    genuine = row["review_false_positive_rate"] * (row["deals"] - row["frauds"])
    caught = row["review_recall"] * row["frauds"]
    return "## Limits\n\n" + flow(f"""
        - It misses most fraud: on {year} the policy finds {row["review_recall"]:.0%} of the frauds, and about
        {genuine / caught:.0f} genuine claims are looked at for every fraud found.

        - Average precision on {year} is {quality["average_precision"]:.3f}, where guessing gives
        {quality["frauds"] / quality["deals"]:.3f}.

        - "Fraud" means fraud that was found out. What nobody noticed counts as genuine, in the labels and in every
        figure here.

        - False-positive rates differ between groups, as the tables above show; nothing was done to even them out.

        - A feature that is missing is scored as LightGBM learnt to; a category that training never saw counts as
        missing. Both are listed in the answer.

        - Reasons say what moved the score, not what caused the claim.""")


def _render_reproduction(training: Table) -> str:
    return "## How it was made\n\n" + flow(f"""
        `python -m training` gives these files, byte for byte, with LightGBM {training["lightgbm"]}: one thread, fixed
        seeds. The number of trees and the calibration come from the five blocks of the training claims; no later claim
        was looked at in fitting.""")


def render_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as a Markdown table; numbers as cards write them."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(cell: object) -> str:
    if cell is None:
        return "none"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _join(items: Sequence[object]) -> str:
    return " and ".join(map(str, items))
