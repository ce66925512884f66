"""The committed bundles are what training gives, and what they say about themselves is so."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn import metrics

from adapters.folder_models import FolderModels
from scoring.model import Model
from scoring.reference_table import (
    MANIFEST_FILE,
    ReferenceTable,
    build_table,
    digest_of_manifest,
    parse_snapshot_manifest,
)
from training.claims import COLUMNS, Claim, describe_features, read_claims
from training.policy_types import DATASET, build_experience_snapshot, count_experience, look_back
from training.policy_types import FEATURES as LOOKED_UP

ROOT = Path(__file__).parents[3]
ARTIFACTS = ROOT / "model_artifacts" / "deal-fraud"
DATA = (ROOT / "training" / "data" / "vehicle_claims.csv.gz").read_bytes()
VERSIONS = ("1.0.0", "1.1.0", "1.2.0")
SNAPSHOT_FOLDER = "reference/policy-types/v1/snapshot=1996-01-01"
Score = Callable[[Model, list[Claim]], list[float]]
PERSONAL = {"age", "sex", "marital_status", "policy_holder_age_band"}


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read_claims(DATA)


@pytest.fixture(scope="module", params=VERSIONS)
def model(request: pytest.FixtureRequest) -> Model:
    model = FolderModels(ROOT / "model_artifacts").find("deal-fraud", request.param)
    assert model is not None
    return model


@pytest.fixture(scope="module")
def tables(claims: list[Claim]) -> dict[int, ReferenceTable]:
    """The reference table that the claims of each year look into; none for the first."""
    return {year: _load_snapshot(build_experience_snapshot(claims, year), year) for year in (1995, 1996)}


def _load_snapshot(files: dict[str, bytes], year: int) -> ReferenceTable:
    manifest = parse_snapshot_manifest(files[MANIFEST_FILE], DATASET, f"{year}-01-01")
    return build_table(manifest, digest_of_manifest(files[MANIFEST_FILE]), files)


Rows = list[tuple[float, ...]]


@pytest.fixture(scope="module")
def encode(tables: dict[int, ReferenceTable]) -> Callable[[Model, list[Claim]], Rows]:
    """Encodes claims as a region of their year would have."""

    def encode_all(model: Model, claims: list[Claim]) -> Rows:
        return [_encode(model, claim, tables) for claim in claims]

    return encode_all


def _encode(model: Model, claim: Claim, tables: dict[int, ReferenceTable]) -> tuple[float, ...]:
    known = {DATASET: tables[claim.year]} if claim.year in tables else {}
    row, faults = model.encode(claim.features, model.look_up(claim.features, known))
    assert not faults
    return row.values


@pytest.fixture(scope="module")
def score(encode: Callable[[Model, list[Claim]], Rows]) -> Score:
    return lambda model, claims: model.score_many(encode(model, claims))


def _following_year(model: Model) -> int:
    return {"1.0.0": 1995, "1.1.0": 1996, "1.2.0": 1996}[model.version]


def _manifest(model: Model) -> Any:
    return json.loads((ARTIFACTS / model.version / "manifest.json").read_bytes())


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or sys.platform != "linux",
    reason="the committed bytes were made on Linux on x86-64; another C library rounds the last bit otherwise",
)
def test_training_in_a_fresh_process_gives_the_committed_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "--out", tmp_path, "--lake", tmp_path / "lake"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "lake" / SNAPSHOT_FOLDER).iterdir()}
    assert made == build_experience_snapshot(read_claims(DATA), 1996)
    for version in VERSIONS:
        made = {path.name: path.read_bytes() for path in (tmp_path / "deal-fraud" / version).iterdir()}
        kept = {path.name: path.read_bytes() for path in (ARTIFACTS / version).iterdir()}
        assert {name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name)} == set()


def test_scores_equal_lightgbms_own_on_every_claim_ever_made(
    model: Model, claims: list[Claim], encode: Callable[[Model, list[Claim]], Rows]
) -> None:
    original = lightgbm.Booster(model_file=ARTIFACTS / model.version / "model.txt")
    table = np.array(encode(model, claims))
    expected = original.predict(table).tolist()
    assert model.score_many(table.tolist()) == expected
    assert [model.score(row) for row in table.tolist()] == expected


def test_reported_quality_of_the_following_year_equals_scikit_learns(
    model: Model, claims: list[Claim], score: Score
) -> None:
    later = [claim for claim in claims if claim.year == _following_year(model)]
    labels, scores = [claim.is_fraud for claim in later], score(model, later)
    reported = _manifest(model)["metrics"]["following_years"][str(_following_year(model))]
    assert reported["auc"] == round(metrics.roc_auc_score(labels, scores), 4)
    assert reported["average_precision"] == round(metrics.average_precision_score(labels, scores), 4)
    assert reported["log_loss"] == round(metrics.log_loss(labels, scores), 4)
    assert reported["brier_score"] == round(metrics.brier_score_loss(labels, scores), 4)
    assert f"| {_following_year(model)} |" in (ARTIFACTS / model.version / "CARD.md").read_text()


def test_model_beats_guessing_on_the_following_year_by_far(model: Model, claims: list[Claim], score: Score) -> None:
    later = [claim for claim in claims if claim.year == _following_year(model)]
    assert metrics.roc_auc_score([claim.is_fraud for claim in later], score(model, later)) > 0.72


def test_standard_policy_reviews_and_declines_about_what_it_promises_on_1996(
    model: Model, claims: list[Claim], score: Score
) -> None:
    genuine = [claim for claim in claims if claim.year == 1996 and not claim.is_fraud]
    risk_scores = [model.risk_score(one) for one in score(model, genuine)]
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
    assert reference["rows"] == {"1.0.0": 6142, "1.1.0": 11337, "1.2.0": 11337}[model.version]
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


def test_claim_is_shown_the_experience_of_the_year_before_and_nothing_of_its_own_year(claims: list[Claim]) -> None:
    claim = next(claim for claim in claims if claim.year == 1995)
    before = [other for other in claims if other.year == 1994]
    alike = [other for other in before if other.features["policy_type"] == claim.features["policy_type"]]
    assert look_back(claim, count_experience(claims)) == {
        "policy_type_claim_share_last_year": round(len(alike) / len(before), 6),
        "policy_type_fraud_rate_last_year": round(sum(other.is_fraud for other in alike) / len(alike), 6),
    }
    changed = [replace(other, is_fraud=not other.is_fraud) if other.year >= 1995 else other for other in claims]
    assert look_back(claim, count_experience(changed)) == look_back(claim, count_experience(claims))


def test_nothing_is_known_before_the_first_year(claims: list[Claim]) -> None:
    first = next(claim for claim in claims if claim.year == 1994)
    assert set(look_back(first, count_experience(claims)).values()) == {None}


def test_snapshot_that_is_looked_into_matters_for_the_score(
    claims: list[Claim], tables: dict[int, ReferenceTable]
) -> None:
    model = FolderModels(ROOT / "model_artifacts").find("deal-fraud", "1.2.0")
    assert model is not None
    later = [claim for claim in claims if claim.year == 1996][:200]
    scores = [
        model.score_many([model.encode(c.features, model.look_up(c.features, known))[0].values for c in later])
        for known in ({DATASET: tables[1996]}, {DATASET: tables[1995]}, {})
    ]
    shares = [sum(a != b for a, b in zip(scores[0], other, strict=True)) / len(later) for other in scores[1:]]
    assert min(shares) > 0.1, shares


def test_version_with_reference_data_says_that_it_is_no_better_for_it() -> None:
    card = " ".join((ARTIFACTS / "1.2.0" / "CARD.md").read_text().split())
    metrics = json.loads((ARTIFACTS / "1.2.0" / "manifest.json").read_bytes())["metrics"]
    with_them = metrics["following_years"]["1996"]["auc"]
    without = metrics["earlier_versions"]["1.1.0"]["1996"]["auc"]
    assert abs(with_them - without) < 0.02
    assert "not because they help. The trees do split on them, but" in card
    assert f"{with_them:.3f} with them and {without:.3f} without" in card


def test_golden_deals_of_a_version_that_looks_up_carry_their_own_rows() -> None:
    lines = [json.loads(line) for line in (ARTIFACTS / "1.2.0" / "golden.jsonl").read_bytes().splitlines()]
    assert all(set(line["referenced"]) == set(LOOKED_UP) for line in lines)
    assert not any(set(line["features"]) & set(LOOKED_UP) for line in lines)
    assert {line["referenced"]["policy_type_fraud_rate_last_year"] is None for line in lines} == {True, False}
