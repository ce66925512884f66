"""From any binary LightGBM classifier and a labelled sample to a bundle that Vouch serves.

1. check the model text, and load it in a process of its own;
2. draft the features from model and sample, and apply the owner's overrides;
3. score the sample as LightGBM does, from the sample itself;
4. calibrate, count the reference, choose golden deals, write the card, put the bundle together;
5. score every sample row again, as Vouch will: as JSON through the bundle. Every score must be the same, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scoring.booster import Booster
from scoring.calibration import build_calibration
from scoring.deals import MODEL_NAME
from scoring.features import Feature
from scoring.model import Model
from scoring.policy import POLICY_ID
from scoring.quality import average_precision, brier_score, log_loss, roc_auc
from vouch.assembly import Deal, Draft, assemble_bundle, build_edge_deals, split_deal
from vouch.errors import CannotPackage
from vouch.model_text import ModelText, parse_model_text
from vouch.package_card import render_card
from vouch.probe import probe_model
from vouch.samples import Sample
from vouch.schema_draft import Column, apply_overrides, draft_columns, draft_keys

GOLDEN_DEALS = 20
EXPLAINED_ROWS = 100
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to package. `original` are LightGBM's own scores of the sample, where the caller has them."""

    model: bytes
    sample: Sample
    name: str
    version: str
    created_at: str
    description: str = ""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    original: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Packaged:
    """The bundle's files by name, the model loaded from them, and what its owner should look at."""

    files: dict[str, bytes]
    model: Model
    metrics: Mapping[str, Any]
    warnings: tuple[str, ...]


def build_package(request: Request, say: Say) -> Packaged:
    """Make the bundle in memory. Raises CannotPackage, which says what can't be served and why."""
    _check_names(request)
    say("Checking the model text")
    model = parse_model_text(request.model)
    probe_model(model.text)
    say(f"Drafting {len(model.feature_names)} features from the model and {len(request.sample)} rows")
    columns = draft_columns(model, request.sample)
    features = apply_overrides([column.feature for column in columns], request.overrides)
    deals = _build_deals(columns, len(request.sample))
    booster = Booster(model.text)
    numbers = list(zip(*(column.numbers for column in columns), strict=True))
    original = list(booster.score_many(numbers) if request.original is None else request.original)
    say("Calibrating, and assembling the bundle")
    files, served = _assemble(request, model, features, deals, original)
    say(f"Comparing Vouch's score with LightGBM's for every one of {len(deals)} rows")
    _compare(served, deals, original, booster.contributions_many(numbers[:EXPLAINED_ROWS]))
    metrics = measure(request.sample.labels, original)
    return Packaged(files, served, metrics, tuple(_find_warnings(features, metrics)))


def write_package(packaged: Packaged, out: Path) -> Path:
    """Write `<out>/<name>/<version>/`. Raises CannotPackage where that version stands already."""
    folder = out / packaged.model.name / packaged.model.version
    if folder.exists():
        raise CannotPackage(f"{folder} is there already. A version never changes: choose another one.")
    folder.mkdir(parents=True)
    for name, content in packaged.files.items():
        (folder / name).write_bytes(content)
    return folder


def now() -> str:
    """The time as manifests have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_names(request: Request) -> None:
    if not MODEL_NAME.match(request.name):
        raise CannotPackage(f"{request.name!r} is no name for a model: use small letters, digits and dashes.")
    if not POLICY_ID.match(request.version):
        raise CannotPackage(f"{request.version!r} is no version: use letters, digits, dots and dashes, such as 1.0.0.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", request.created_at):
        raise CannotPackage(f"{request.created_at!r} is no time like 2026-11-23T21:00:00Z.")


def _build_deals(columns: Sequence[Column], rows: int) -> list[Deal]:
    return [{column.feature.name: column.values[row] for column in columns} for row in range(rows)]


def _assemble(
    request: Request, model: ModelText, features: tuple[Feature, ...], deals: Sequence[Deal], scores: Sequence[float]
) -> tuple[dict[str, bytes], Model]:
    labels = request.sample.labels
    genuine = [score for score, fraud in zip(scores, labels, strict=True) if not fraud]
    metrics = measure(labels, scores)
    golden = mix_deals(features, deals)
    draft = Draft(
        name=request.name,
        version=request.version,
        created_at=request.created_at,
        description=request.description,
        model_text=model.text,
        features=features,
        calibration=build_calibration(genuine, "the genuine deals of the sample given to `vouch package`"),
        deals=deals,
        scores=scores,
        golden=golden | build_edge_deals(features, next(iter(golden.values()))),
        training=_describe_sample(request, model),
        metrics={"sample": metrics},
        card=render_card(request.name, request.version, features, metrics),
        keys=draft_keys(features, request.overrides),
    )
    try:
        return assemble_bundle(draft)
    except ValueError as error:
        raise CannotPackage(f"The bundle can't be made: {error}") from error


def _describe_sample(request: Request, model: ModelText) -> dict[str, Any]:
    """The digest is of the deals and labels as Vouch read them, as JSON lines."""
    return {
        "data": "the sample given to `vouch package`",
        "data_sha256": digest_sample(request.sample),
        "rows": len(request.sample),
        "frauds": sum(request.sample.labels),
        "objective": model.objective,
        "trees": model.tree_count,
    }


def digest_sample(sample: Sample) -> str:
    """SHA-256, in hex, of the sample's columns and labels as JSON."""
    content = json.dumps([sample.columns, sample.labels], ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def mix_deals(features: Sequence[Feature], deals: Sequence[Deal]) -> dict[str, Deal]:
    """Golden deals go wherever the bundle goes, so none is a real one: each takes every feature from another row."""
    count = len(deals)
    return {
        f"mixed deal {number}": {
            feature.name: deals[(number * count // GOLDEN_DEALS + place * 31) % count][feature.name]
            for place, feature in enumerate(features)
        }
        for number in range(GOLDEN_DEALS)
    }


def _compare(
    served: Model, deals: Sequence[Deal], original: Sequence[float], contributions: Sequence[Sequence[float]]
) -> None:
    rows = []
    for number, (deal, expected) in enumerate(zip(deals, original, strict=True), start=1):
        row, faults = served.encode(*split_deal(served.features, json.loads(json.dumps(deal))))
        if faults:
            raise CannotPackage(f"Row {number} of the sample would be refused: {faults[0].pointer}: {faults[0].detail}")
        score = served.score(row.values)
        if score != expected:
            raise CannotPackage(f"Row {number}: Vouch scores {score!r}, LightGBM {expected!r}. Please report this.")
        rows.append(row.values)
    if served.score_many(rows) != list(original):
        raise CannotPackage("Scores of many rows at once differ from LightGBM's. Please report this.")
    for number, (values, told) in enumerate(zip(rows, contributions, strict=False), start=1):
        if served.contributions(values) != tuple(told):
            raise CannotPackage(f"Row {number}: the contributions differ from LightGBM's. Please report this.")


def measure(labels: Sequence[bool], scores: Sequence[float]) -> dict[str, Any]:
    """How good scores are, by measures that need no threshold; None for one that is not finite."""
    measures = {
        "auc": roc_auc(labels, scores),
        "average_precision": average_precision(labels, scores),
        "log_loss": log_loss(labels, scores),
        "brier_score": brier_score(labels, scores),
    }
    finite = {name: round(value, 4) if value < float("inf") else None for name, value in measures.items()}
    return {"deals": len(labels), "frauds": sum(labels), **finite}


def _find_warnings(features: Sequence[Feature], metrics: Mapping[str, Any]) -> list[str]:
    warnings = []
    if metrics["auc"] < 0.5:
        warnings.append(f"The AUC is {metrics['auc']}: genuine deals score higher. Is --positive the right label?")
    if not any(feature.personal for feature in features):
        warnings.append("No feature is marked personal. Mark those that say something about a person, by --features.")
    undescribed = sum(not feature.description for feature in features)
    if undescribed:
        warnings.append(f"{undescribed} features have no description. Write them, by --features.")
    return warnings
