"""The committed bundles are what training gives, and what they say about themselves is so."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn import metrics

from adapters.folder_models import FolderModels
from scoring.model import Model
from training.claims import COLUMNS, Claim, describe_features, read_claims

ROOT = Path(__file__).parents[3]
ARTIFACTS = ROOT / "model_artifacts" / "deal-fraud"
DATA = (ROOT / "training" / "data" / "vehicle_claims.csv.gz").read_bytes()
VERSIONS = ("1.0.0", "1.1.0")
PERSONAL = {"age", "sex", "marital_status", "policy_holder_age_band"}


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read_claims(DATA)


@pytest.fixture(scope="module", params=VERSIONS)
def model(request: pytest.FixtureRequest) -> Model:
    model = FolderModels(ROOT / "model_artifacts").find("deal-fraud", request.param)
    assert model is not None
    return model


def _score(model: Model, claims: list[Claim]) -> list[float]:
    rows = [model.encode(claim.features) for claim in claims]
    assert not any(faults for _, faults in rows)
    return model.score_many([row.values for row, _ in rows])


def _following_year(model: Model) -> int:
    return {"1.0.0": 1995, "1.1.0": 1996}[model.version]


def _manifest(model: Model) -> Any:
    return json.loads((ARTIFACTS / model.version / "manifest.json").read_bytes())


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux",
    reason="the committed bytes were made on Linux on x86-64; another C library rounds the last bit otherwise",
)
def test_training_in_a_fresh_process_gives_the_committed_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "training", "--out", tmp_path], cwd=ROOT, check=True, capture_output=True)
    for version in VERSIONS:
        made = {path.name: path.read_bytes() for path in (tmp_path / "deal-fraud" / version).iterdir()}
        kept = {path.name: path.read_bytes() for path in (ARTIFACTS / version).iterdir()}
        assert {name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)} == set()


def test_scores_equal_lightgbms_own_on_every_claim_ever_made(model: Model, claims: list[Claim]) -> None:
    original = lightgbm.Booster(model_file=ARTIFACTS / model.version / "model.txt")
    table = np.array([model.encode(claim.features)[0].values for claim in claims])
    expected = original.predict(table).tolist()
    assert _score(model, claims) == expected
    assert [model.score(row) for row in table.tolist()] == expected


def test_reported_quality_of_the_following_year_equals_scikit_learns(model: Model, claims: list[Claim]) -> None:
    later = [claim for claim in claims if claim.year == _following_year(model)]
    labels, scores = [claim.is_fraud for claim in later], _score(model, later)
    reported = _manifest(model)["metrics"]["following_years"][str(_following_year(model))]
    assert reported["auc"] == round(metrics.roc_auc_score(labels, scores), 4)
    assert reported["average_precision"] == round(metrics.average_precision_score(labels, scores), 4)
    assert reported["log_loss"] == round(metrics.log_loss(labels, scores), 4)
    assert reported["brier_score"] == round(metrics.brier_score_loss(labels, scores), 4)
    assert f"| {_following_year(model)} |" in (ARTIFACTS / model.version / "CARD.md").read_text()


def test_model_beats_guessing_on_the_following_year_by_far(model: Model, claims: list[Claim]) -> None:
    later = [claim for claim in claims if claim.year == _following_year(model)]
    assert metrics.roc_auc_score([claim.is_fraud for claim in later], _score(model, later)) > 0.72


def test_standard_policy_reviews_and_declines_about_what_it_promises_on_1996(model: Model, claims: list[Claim]) -> None:
    genuine = [claim for claim in claims if claim.year == 1996 and not claim.is_fraud]
    risk_scores = [model.risk_score(score) for score in _score(model, genuine)]
    assert 0.15 < sum(risk >= 800 for risk in risk_scores) / len(genuine) < 0.25
    assert 0.005 < sum(risk >= 980 for risk in risk_scores) / len(genuine) < 0.035


def test_groups_of_every_personal_attribute_add_up_to_all_claims(model: Model) -> None:
    document = _manifest(model)["metrics"]
    year = str(_following_year(model))
    assert document["groups"].keys() == {year}
    assert document["groups"][year].keys() == PERSONAL
    for groups in document["groups"][year].values():
        for field in ("deals", "frauds"):
            assert sum(group[field] for group in groups.values()) == document["following_years"][year][field]


def test_reference_histograms_count_every_training_claim(model: Model) -> None:
    reference = _manifest(model)["reference"]
    assert reference["rows"] == {"1.0.0": 6142, "1.1.0": 11337}[model.version]
    for histogram in (*reference["features"].values(), reference["score"], reference["risk_score"]):
        assert sum(histogram["counts"]) + histogram["missing"] + histogram["unseen"] == reference["rows"]


def test_golden_deals_cover_missing_unseen_and_unusual_values(model: Model) -> None:
    lines = [json.loads(line) for line in (ARTIFACTS / model.version / "golden.jsonl").read_bytes().splitlines()]
    for note in ("imputed", "unseen", "unusual"):
        assert any(line[note] for line in lines)
    risk_scores = [line["risk_score"] for line in lines]
    assert min(risk_scores) < 200
    assert max(risk_scores) > 950


def test_training_data_is_named_by_its_digest(model: Model) -> None:
    assert _manifest(model)["training"]["data_sha256"] == hashlib.sha256(DATA).hexdigest()


def test_features_leave_out_what_is_no_feature_and_mark_what_is_personal(claims: list[Claim]) -> None:
    header = next(csv.reader([gzip.decompress(DATA).decode().partition("\n")[0]]))
    left_out = set(header) - {column.column for column in COLUMNS}
    assert left_out == {"FraudFound_P", "PolicyNumber", "Year", "RepNumber"}
    features = describe_features(claims)
    assert {feature.name for feature in features if feature.personal} == PERSONAL
    assert all(feature.description for feature in features)


def test_unknown_ages_and_dates_are_missing(claims: list[Claim]) -> None:
    assert sum(claim.features["age"] is None for claim in claims) == 320
    assert sum(claim.features["claim_day"] is None for claim in claims) == 1
    assert sum(claim.features["claim_month"] is None for claim in claims) == 1
    assert sum(None in claim.features.values() for claim in claims) == 320
