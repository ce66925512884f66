"""Puts a bundle together from what is known about a model: pure, files as bytes by name.

`training` and `vouch package` both end here. What it returns has been read back: verified and loaded like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from scoring.booster import Booster
from scoring.bundle import GoldenDeal, describe_file
from scoring.calibration import Calibration, RiskScale
from scoring.features import EncodedRow, Encoder, Feature, Key, Kind, LookedUp
from scoring.histograms import Category, Histogram, count_categories, count_numbers, freeze_edges
from scoring.manifest import (
    CARD_FILE,
    FILE_NAME,
    GOLDEN_FILE,
    MODEL_FILE,
    FileEntry,
    Manifest,
    Reference,
    checksum_of,
    format_of,
)
from scoring.model import Model, load_model

Deal = Mapping[str, object]
SCHEMA = Path(__file__).parent.parent / "scoring" / "manifest.schema.json"
RISK_SCORE_EDGES = tuple(float(edge) for edge in range(50, 1000, 50))


@dataclass(frozen=True, slots=True)
class Draft:
    """What makes a bundle. `deals` and `scores` are the reference; `golden` are named deals to be answered as ever.

    Deals hold what is looked up beside what callers send; the golden ones hold the `keys` too."""

    name: str
    version: str
    created_at: str
    description: str
    model_text: str
    features: tuple[Feature, ...]
    calibration: Calibration
    deals: Sequence[Deal]
    scores: Sequence[float]
    golden: Mapping[str, Deal]
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    card: str
    keys: tuple[Key, ...] = ()


def assemble_bundle(draft: Draft) -> tuple[dict[str, bytes], Model]:
    """The files of the bundle, and the model loaded from them. Raises ValueError for a deal that is refused."""
    files = {
        MODEL_FILE: draft.model_text.encode(),
        GOLDEN_FILE: _render_golden(draft),
        CARD_FILE: draft.card.encode(),
    }
    entries = {name: describe_file(content) for name, content in sorted(files.items())}
    files[FILE_NAME] = render_manifest(_build_manifest(draft, entries))
    check_schema(files[FILE_NAME])
    return files, load_model(files)


def check_schema(manifest: bytes) -> None:
    """Raises ValueError where a manifest doesn't follow its JSON Schema."""
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_bytes()))
    error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(manifest)))
    if error is not None:
        raise ValueError(f"{FILE_NAME}: {error.json_path}: {error.message}")


def encode_deals(features: Sequence[Feature], deals: Sequence[Deal]) -> list[EncodedRow]:
    """Encode deals that must be sound. Raises ValueError with the first fault."""
    encoder = Encoder(features)
    rows = []
    for number, deal in enumerate(deals, start=1):
        row, faults = encoder.encode(deal)
        if faults:
            raise ValueError(f"row {number}: {faults[0].pointer}: {faults[0].detail}")
        rows.append(row)
    return rows


def split_deal(features: Sequence[Feature], deal: Deal) -> tuple[dict[str, object], LookedUp]:
    """What a caller sends of a deal, and what is looked up."""
    sources = [feature.name for feature in features if feature.source]
    sent = {name: value for name, value in deal.items() if name not in sources}
    return sent, LookedUp({name: deal.get(name) for name in sources})


def build_edge_deals(features: Sequence[Feature], deal: Deal) -> dict[str, Deal]:
    """Deals at the edges of what is served: nothing given, nothing seen before, everything out of range."""
    edges: dict[str, Deal] = {}
    if all(feature.nullable for feature in features):
        edges["nothing is given"] = {}
    strange = {feature.name: _strange_category(feature) for feature in features if feature.kind is Kind.CATEGORICAL}
    if strange:
        edges["every category is unseen"] = {**deal, **strange}
    for words, numbers in (("largest", _largest), ("smallest", _smallest)):
        extremes = {feature.name: numbers(feature) for feature in features if feature.kind is Kind.NUMERIC}
        if extremes:
            edges[f"every number is the {words} that is let in"] = {**deal, **extremes}
    return edges


def render_manifest(manifest: Manifest) -> bytes:
    """JSON that a person can read, a line for every feature, step and histogram; the checksum is put in here."""
    document = json.loads(msgspec.json.encode(manifest))
    _leave_out_lookups_that_are_none(document)
    document["checksum"] = checksum_of(document)
    lines = (f"{json.dumps(key)}: {_render(value, 1)}" for key, value in document.items())
    return ("{\n " + ",\n ".join(lines) + "\n}\n").encode()


def _leave_out_lookups_that_are_none(document: dict[str, Any]) -> None:
    """A bundle that looks nothing up says nothing of it: its bytes are those of vouch-model/1."""
    if not document["keys"]:
        del document["keys"]
    for feature in document["features"]:
        if feature["source"] is None:
            del feature["source"]


def _render(value: Any, depth: int) -> str:
    if depth > 3 or not _holds_objects(value):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict):
        entries = [f"{json.dumps(key, ensure_ascii=False)}: {_render(item, depth + 1)}" for key, item in value.items()]
        return "{" + inner + f",{inner}".join(entries) + outer + "}"
    return "[" + inner + f",{inner}".join(_render(item, 4) for item in value) + outer + "]"


def _holds_objects(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(item, dict) or (isinstance(item, list | tuple) and _holds_objects(item)) for item in items)


def _build_manifest(draft: Draft, files: Mapping[str, FileEntry]) -> Manifest:
    return Manifest(
        format=format_of(draft.features),
        name=draft.name,
        version=draft.version,
        created_at=draft.created_at,
        description=draft.description,
        files=files,
        features=draft.features,
        calibration=draft.calibration,
        reference=_build_reference(draft),
        training=draft.training,
        metrics=draft.metrics,
        checksum="",
        keys=draft.keys,
    )


def _build_reference(draft: Draft) -> Reference:
    scale = RiskScale(draft.calibration)
    values = {feature.name: [deal.get(feature.name) for deal in draft.deals] for feature in draft.features}
    return Reference(
        rows=len(draft.deals),
        features={feature.name: _count_feature(feature, values[feature.name]) for feature in draft.features},
        score=count_numbers(draft.scores, freeze_edges(draft.scores)),
        risk_score=count_numbers([float(scale.risk_score(score)) for score in draft.scores], RISK_SCORE_EDGES),
    )


def _count_feature(feature: Feature, values: Sequence[Any]) -> Histogram:
    if feature.kind is Kind.NUMERIC:
        return count_numbers(values, freeze_edges(value for value in values if value is not None))
    categories: tuple[Category, ...] = (False, True) if feature.kind is Kind.BOOLEAN else feature.categories
    return count_categories(values, categories)


def _render_golden(draft: Draft) -> bytes:
    booster, scale = Booster(draft.model_text), RiskScale(draft.calibration)
    keys = {key.name for key in draft.keys}
    seen = [{name: value for name, value in deal.items() if name not in keys} for deal in draft.golden.values()]
    rows = encode_deals(draft.features, seen)
    answers = [
        _answer(draft, name, deal, row, booster, scale)
        for (name, deal), row in zip(draft.golden.items(), rows, strict=True)
    ]  # fmt: skip
    return "".join(_render_answer(answer) for answer in answers).encode()


def _render_answer(answer: GoldenDeal) -> str:
    line = asdict(answer)
    if not answer.referenced:
        del line["referenced"]
    return json.dumps(line, ensure_ascii=False) + "\n"


def _answer(draft: Draft, name: str, deal: Deal, row: EncodedRow, booster: Booster, scale: RiskScale) -> GoldenDeal:
    score = booster.score(row.values)
    sent, looked_up = split_deal(draft.features, deal)
    return GoldenDeal(
        name=name,
        features=sent,
        score=score,
        risk_score=scale.risk_score(score),
        contributions=booster.contributions(row.values),
        imputed=row.imputed,
        unseen=row.unseen,
        unusual=row.unusual,
        referenced=dict(looked_up.values),
    )


def _strange_category(feature: Feature) -> str | int:
    numbers = [category for category in feature.categories if isinstance(category, int)]
    if numbers:
        return max(numbers) + 1
    strange = "never seen"
    while strange in feature.categories:
        strange += "!"
    return strange


def _largest(feature: Feature) -> float:
    beyond = 2 * abs(feature.training_maximum or 0.0) + 1
    return beyond if feature.maximum is None else min(beyond, feature.maximum)


def _smallest(feature: Feature) -> float:
    beyond = -2 * abs(feature.training_minimum or 0.0) - 1
    return beyond if feature.minimum is None else max(beyond, feature.minimum)
