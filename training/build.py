"""Builds one version: fit on its years, calibrate on the folds, report on the years after, assemble the bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.booster import Booster
from scoring.calibration import RiskScale, build_calibration
from scoring.features import Feature, Kind
from scoring.policy import Policy
from training.card import render_card
from training.claims import Claim, describe_features
from training.fit import LIGHTGBM_VERSION, PARAMETERS, Fitted, Matrix, fit
from training.policy_types import Experience, count_experience, describe_experience, look_back
from training.report import Scored, report_groups, report_outcomes, report_quality
from vouch.assembly import Draft, assemble_bundle, build_edge_deals, encode_deals

GOLDEN_CLAIMS = 24


@dataclass(frozen=True, slots=True)
class Version:
    """`created_at` is fixed, not the clock, so that the same input gives the same bytes. `looks_back`: it looks up
    what the year before showed."""

    version: str
    years: tuple[int, ...]
    created_at: str
    looks_back: bool = False


NAME = "deal-fraud"
VERSIONS = (
    Version("1.0.0", (1994,), "1995-01-31T00:00:00Z"),
    Version("1.1.0", (1994, 1995), "1996-01-31T00:00:00Z"),
    Version("1.2.0", (1994, 1995), "1996-01-31T00:00:00Z", looks_back=True),
)


Quality = dict[str, dict[str, Any]]


def build_version(
    version: Version, claims: Sequence[Claim], data_sha256: str, policy: Policy, earlier: Mapping[str, Quality]
) -> tuple[dict[str, bytes], Quality]:
    """The files of the version's bundle, by name, and its quality by following year.

    `earlier` is the quality of the versions before, to be compared on the same claims.
    """
    known = [claim for claim in claims if claim.year in version.years]
    experience = count_experience(claims) if version.looks_back else {}
    own = describe_features(known)
    looked_up = describe_experience([look_back(claim, experience) for claim in known]) if experience else ()
    features = (*own, *looked_up)
    rows = _rows(features, known, experience)
    fitted = fit(rows, _labels(known), [feature.name for feature in features], _categorical(features))
    genuine = [score for score, claim in zip(fitted.held_out_scores, known, strict=True) if not claim.is_fraud]
    source = (
        f"{_years(version.years)}, genuine claims in five blocks, each scored by a model that was fitted without it"
    )
    calibration = build_calibration((float(score) for score in genuine), source)
    scale = RiskScale(calibration)
    held_out = _scored(known, [float(score) for score in fitted.held_out_scores], scale)
    booster = Booster(fitted.model_text)
    later = {
        str(year): _scored(unseen, booster.score_many(_rows(features, unseen, experience).tolist()), scale)
        for year in sorted({claim.year for claim in claims if claim.year > max(version.years)})
        if (unseen := [claim for claim in claims if claim.year == year])
    }
    metrics = _build_metrics(held_out, later, own, policy)
    metrics["earlier_versions"] = {
        name: {year: quality for year, quality in years.items() if year in later} for name, years in earlier.items()
    }
    training = _describe_training(version, known, fitted, data_sha256)
    draft = Draft(
        name=NAME,
        version=version.version,
        created_at=version.created_at,
        description=f"Motor-insurance claims of {_years(version.years)}: the probability that a claim is fraud.",
        model_text=fitted.model_text,
        features=features,
        calibration=calibration,
        deals=[_deal(claim, experience) for claim in known],
        scores=held_out.scores,
        golden=choose_golden(features, held_out, experience),
        training=training,
        metrics=metrics,
        card=render_card(NAME, version.version, version.created_at, features, training, metrics),
    )
    files, _ = assemble_bundle(draft)
    return files, metrics["following_years"]


def choose_golden(features: Sequence[Feature], scored: Scored, experience: Experience) -> dict[str, Any]:
    """Claims spread evenly over the range of scores, one with something unknown, and the edges of what is served."""
    claims = scored.claims
    order = sorted(range(len(scored.scores)), key=scored.scores.__getitem__)
    chosen = [order[(len(order) - 1) * step // (GOLDEN_CLAIMS - 1)] for step in range(GOLDEN_CLAIMS)]
    golden: dict[str, Any] = {
        f"claim {number}, from the lowest score to the highest": _deal(claims[index], experience)
        for number, index in enumerate(chosen, start=1)
    }
    incomplete = [claim for claim in claims if None in claim.features.values()]
    golden["a claim with something unknown"] = _deal(incomplete[0], experience)
    return golden | build_edge_deals(features, _deal(claims[chosen[-1]], experience))


def _build_metrics(
    held_out: Scored, later: dict[str, Scored], features: Sequence[Feature], policy: Policy
) -> dict[str, Any]:
    return {
        "held_out": report_quality(held_out),
        "following_years": {year: report_quality(scored) for year, scored in later.items()},
        "policy": {
            "name": policy.name,
            "version": policy.version,
            "review_from": policy.review_from,
            "decline_from": policy.decline_from,
            "following_years": {year: report_outcomes(scored, policy) for year, scored in later.items()},
        },
        "groups": {year: report_groups(scored, policy, features) for year, scored in list(later.items())[:1]},
    }


def _describe_training(version: Version, known: Sequence[Claim], fitted: Fitted, data_sha256: str) -> dict[str, Any]:
    return {
        "data": "training/data/vehicle_claims.csv.gz",
        "data_sha256": data_sha256,
        "years": list(version.years),
        "rows": len(known),
        "frauds": sum(claim.is_fraud for claim in known),
        "lightgbm": LIGHTGBM_VERSION,
        "trees": fitted.trees,
        "parameters": PARAMETERS,
    }


def digest_data(content: bytes) -> str:
    """SHA-256 of the data file, in hex."""
    return hashlib.sha256(content).hexdigest()


def _scored(claims: Sequence[Claim], scores: Sequence[float], scale: RiskScale) -> Scored:
    return Scored(claims, scores, [scale.risk_score(score) for score in scores])


def _rows(features: Sequence[Feature], claims: Sequence[Claim], experience: Experience) -> Matrix:
    return np.array([row.values for row in encode_deals(features, [_deal(claim, experience) for claim in claims])])


def _deal(claim: Claim, experience: Experience) -> dict[str, object]:
    """What the model sees of a claim, whether it was sent or looked up."""
    return {**claim.features, **look_back(claim, experience)} if experience else claim.features


def _labels(claims: Sequence[Claim]) -> Matrix:
    return np.array([claim.is_fraud for claim in claims], dtype=float)


def _categorical(features: Sequence[Feature]) -> list[str]:
    return [feature.name for feature in features if feature.kind is Kind.CATEGORICAL]


def _years(years: Sequence[int]) -> str:
    return " and ".join(map(str, years))
