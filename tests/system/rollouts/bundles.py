"""Versions that pass every check of a bundle and are bad all the same, each in one way alone.

What a bundle can do to raise at scoring, although its golden deals are answered as recorded, is little. A leaf that
is no number shows in the contributions of every deal, the golden ones too, so that such a bundle is never published
(`tests/unit/scoring/test_bundle.py`).
Leaves that are numbers can add up to one that is none, for deals that the golden ones don't resemble; that is what
`overflowing` and `unexplainable` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import lightgbm
import numpy as np

from local.replay import CLAIMS_FILE
from scoring.booster import Booster
from scoring.calibration import build_calibration
from scoring.features import Feature, Kind
from scoring.quality import roc_auc
from tests.unit.scoring.bundles import replace_trees, stump, trees_of
from training.claims import Claim, describe_features, read_claims
from vouch.assembly import Draft, assemble_bundle, encode_deals

NAME = "deal-fraud"
YEAR = 1994
ALIKE = 2
"""Golden deals are of the first weeks of a month; what happens in later ones is not looked at."""

Files = Mapping[str, bytes]


def flipped(version: str) -> Files:
    """Trained on labels that were turned around: it approves frauds."""
    claims, features = _known()
    text = _train(claims, features, _is_genuine, leaves=7, rounds=40)
    return _assemble(version, text, _is_genuine)


def slow(version: str) -> Files:
    """Hundreds of deep trees: a score takes a little longer than it should, a reason very much."""
    claims, features = _known()
    text = _train(claims, features, _is_fraud, leaves=255, rounds=10)
    return _assemble(version, _repeat_trees(text, 60), _is_fraud)


def overflowing(version: str) -> Files:
    """Raises while it scores deals of a month's later weeks: their scores are infinite, as no sigmoid ends them."""
    text = _with_huge_trees().replace("objective=binary sigmoid:1", "objective=cross_entropy_lambda")
    return _assemble(version, text, _is_fraud)


def unexplainable(version: str) -> Files:
    """Declines deals of a month's later weeks for reasons that weigh infinitely much."""
    return _assemble(version, _with_huge_trees(), _is_fraud)


def _is_fraud(claim: Claim) -> bool:
    return claim.is_fraud


def _is_genuine(claim: Claim) -> bool:
    return not claim.is_fraud


@cache
def _known() -> tuple[list[Claim], tuple[Feature, ...]]:
    claims = [claim for claim in read_claims(CLAIMS_FILE.read_bytes()) if claim.year == YEAR]
    return claims, describe_features(claims)


def _train(
    claims: Sequence[Claim], features: Sequence[Feature], label: Callable[[Claim], bool], *, leaves: int, rounds: int
) -> str:
    rows = np.array([row.values for row in encode_deals(features, [claim.features for claim in claims])])
    parameters = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_data_in_leaf": 5,
        "learning_rate": 0.05,
        "num_threads": 1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        rows,
        np.array([label(claim) for claim in claims], dtype=float),
        feature_name=[feature.name for feature in features],
        categorical_feature=[feature.name for feature in features if feature.kind is Kind.CATEGORICAL],
    )
    return str(lightgbm.train(parameters, data, num_boost_round=rounds).model_to_string())


def _assemble(version: str, text: str, label: Callable[[Claim], bool]) -> Files:
    claims, features = _known()
    alike = [claim for claim in claims if claim.features["accident_week_of_month"] in {1, ALIKE}][:1000]
    deals = [claim.features for claim in alike]
    scores = Booster(text).score_many([row.values for row in encode_deals(features, deals)])
    labels = [label(claim) for claim in alike]
    genuine = [score for score, is_fraud in zip(scores, labels, strict=True) if not is_fraud]
    draft = Draft(
        name=NAME,
        version=version,
        created_at="2026-11-23T21:00:00Z",
        description="A bad version, for a test.",
        model_text=text,
        features=features,
        calibration=build_calibration(genuine, "deals of a test"),
        deals=deals,
        scores=scores,
        golden={f"claim {number}": deal for number, deal in enumerate(deals[:5], start=1)},
        training={"data": CLAIMS_FILE.name, "data_sha256": "0" * 64, "rows": len(alike), "frauds": sum(labels)},
        metrics={"auc": round(roc_auc(labels, scores), 4)},
        card="# A bad version, for a test\n",
    )
    files, _ = assemble_bundle(draft)
    return files


def _repeat_trees(text: str, times: int) -> str:
    """The same sum, made of so many times as many trees."""

    def part(match: re.Match[str]) -> str:
        return "leaf_value=" + " ".join(repr(float(value) / times) for value in match[1].split())

    return replace_trees(text, [re.sub(r"leaf_value=(.*)", part, tree) for tree in trees_of(text)] * times)


def _with_huge_trees() -> str:
    """A sound model with two trees more, whose sum is infinite for deals of a month's later weeks."""
    claims, features = _known()
    text = _train(claims, features, _is_fraud, leaves=4, rounds=60)
    week = [feature.name for feature in features].index("accident_week_of_month")
    return replace_trees(text, [*trees_of(text), *[stump(week, 2.5, "1.7e308")] * 2])
