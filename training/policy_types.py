"""What is known of types of policies: a reference dataset, the loss experience of each type, with one snapshot a year.

A claim is shown what became of the claims of the year before. Its own year would hold its own outcome, and no deal
system could know it. For the first year of the table nothing is known, so its values are missing.

The share of a year's claims stands for their number: a number falls with the insurer's business, and every type of a
later year would look unlike all that training saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scoring.features import Feature, Kind, Source
from scoring.reference_table import Column, ColumnType
from training.claims import Claim
from vouch.snapshots import build_snapshot

DATASET, KEY = "policy-types", "policy_type"
COLUMNS = (Column("claim_share_last_year", ColumnType.NUMBER), Column("fraud_rate_last_year", ColumnType.NUMBER))
FEATURES = {
    "policy_type_claim_share_last_year": "Share of last year's claims that were of this type of policy.",
    "policy_type_fraud_rate_last_year": "Share of fraud among last year's claims of this type of policy.",
}
DIGITS = 6

Experience = Mapping[int, Mapping[object, tuple[float, float]]]


def count_experience(claims: Sequence[Claim]) -> Experience:
    """By year and type of policy: the share of the year's claims, and the share of fraud among them."""
    totals = Counter(claim.year for claim in claims)
    made = Counter((claim.year, claim.features[KEY]) for claim in claims)
    frauds = Counter((claim.year, claim.features[KEY]) for claim in claims if claim.is_fraud)
    years: dict[int, dict[object, tuple[float, float]]] = {year: {} for year in totals}
    for (year, kind), count in sorted(made.items(), key=str):
        years[year][kind] = (round(count / totals[year], DIGITS), round(frauds[year, kind] / count, DIGITS))
    return years


def look_back(claim: Claim, experience: Experience) -> dict[str, object]:
    """The looked-up features of a claim: the experience of the year before; None where there is none."""
    shares = experience.get(claim.year - 1, {}).get(claim.features[KEY], (None, None))
    return dict(zip(FEATURES, shares, strict=True))


def describe_experience(values: Sequence[Mapping[str, object]]) -> tuple[Feature, ...]:
    """The looked-up features as the manifest lists them, with the ranges of these values."""
    return tuple(
        _describe(name, column, [value[name] for value in values])
        for name, column in zip(FEATURES, COLUMNS, strict=True)
    )


def build_experience_snapshot(claims: Sequence[Claim], year: int) -> dict[str, bytes]:
    """The files of the snapshot that claims of a year look into: the experience of the year before."""
    rows = [
        {KEY: kind, **{column.name: share for column, share in zip(COLUMNS, shares, strict=True)}}
        for kind, shares in count_experience(claims)[year - 1].items()
    ]
    return build_snapshot(DATASET, snapshot_name(year), f"{year}-01-01T00:00:00Z", KEY, COLUMNS, rows)


def snapshot_name(year: int) -> str:
    """The snapshot that claims of a year look into."""
    return f"{year}-01-01"


def _describe(name: str, column: Column, values: Sequence[object]) -> Feature:
    known = [value for value in values if isinstance(value, float)]
    return Feature(
        name=name,
        kind=Kind.NUMERIC,
        training_minimum=min(known),
        training_maximum=max(known),
        description=FEATURES[name],
        source=Source(DATASET, column.name, KEY),
    )
