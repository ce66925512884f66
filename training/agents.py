"""What is known of the agents who handle claims: a reference dataset with one snapshot a year.

A claim is shown what its agent did in the year before. Its own year would hold its own outcome, and no deal system
could know it. For the first year of the table nothing is known of anyone, so its values are missing.

The share of a year's claims stands for their number: a number falls with the insurer's business, and every agent of a
later year would look unlike all that training saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scoring.features import Feature, Key, Kind, Source
from scoring.reference_table import Column, ColumnType
from training.claims import Claim
from vouch.snapshots import build_snapshot

DATASET = "agents"
COLUMNS = (Column("claim_share_last_year", ColumnType.NUMBER), Column("fraud_rate_last_year", ColumnType.NUMBER))
AGENT = Key("rep_number", personal=True, description="Number of the agent who handles the claim (1 to 16).")
FEATURES = {
    "agent_claim_share_last_year": (COLUMNS[0].name, "Share of last year's claims that the agent handled."),
    "agent_fraud_rate_last_year": (COLUMNS[1].name, "Share of fraud among the claims the agent handled last year."),
}
DIGITS = 6

AgentYears = Mapping[int, Mapping[int, tuple[float, float]]]


def count_agents(claims: Sequence[Claim]) -> AgentYears:
    """By year and agent: the share of the year's claims, and the share of fraud among them."""
    totals = Counter(claim.year for claim in claims)
    handled = Counter((claim.year, claim.rep_number) for claim in claims)
    frauds = Counter((claim.year, claim.rep_number) for claim in claims if claim.is_fraud)
    years: dict[int, dict[int, tuple[float, float]]] = {}
    for (year, agent), count in sorted(handled.items()):
        shares = (round(count / totals[year], DIGITS), round(frauds[year, agent] / count, DIGITS))
        years.setdefault(year, {})[agent] = shares
    return years


def look_back(claim: Claim, years: AgentYears) -> dict[str, object]:
    """The looked-up features of a claim: what its agent did in the year before; None where nothing is known."""
    shares = years.get(claim.year - 1, {}).get(claim.rep_number, (None, None))
    return dict(zip(FEATURES, shares, strict=True))


def describe_agents(values: Sequence[Mapping[str, object]]) -> tuple[Feature, ...]:
    """The looked-up features as the manifest lists them, with the ranges of these values."""
    return tuple(_describe(name, [value[name] for value in values]) for name in FEATURES)


def build_agents_snapshot(claims: Sequence[Claim], year: int) -> dict[str, bytes]:
    """The files of the snapshot that claims of a year look into: the agents of the year before."""
    rows = [
        {AGENT.name: agent, **{column.name: share for column, share in zip(COLUMNS, shares, strict=True)}}
        for agent, shares in count_agents(claims)[year - 1].items()
    ]
    return build_snapshot(DATASET, snapshot_name(year), f"{year}-01-01T00:00:00Z", AGENT.name, COLUMNS, rows)


def snapshot_name(year: int) -> str:
    """The snapshot that claims of a year look into."""
    return f"{year}-01-01"


def _describe(name: str, values: Sequence[object]) -> Feature:
    column, description = FEATURES[name]
    known = [float(value) for value in values if isinstance(value, float)]
    return Feature(
        name=name,
        kind=Kind.NUMERIC,
        training_minimum=min(known),
        training_maximum=max(known),
        personal=True,
        description=description,
        source=Source(DATASET, column, AGENT.name),
    )
