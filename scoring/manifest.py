"""The manifest: what a model bundle says about itself, and what pins its other files.

`manifest.schema.json` is its JSON Schema, enforced where bundles are made. Where they are loaded, msgspec checks the
types (it is deployed, a schema validator is not), and `find_faults` what types can't say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from scoring.calibration import Calibration
from scoring.features import LARGEST_INTEGER, Feature, Key, Kind
from scoring.histograms import Histogram
from scoring.lookups import find_lookup_faults

PLAIN_FORMAT, LOOKUP_FORMAT = "vouch-model/1", "vouch-model/2"
FILE_NAME = "manifest.json"
MODEL_FILE, GOLDEN_FILE, CARD_FILE = "model.txt", "golden.jsonl", "CARD.md"
BUNDLE_FILES = (MODEL_FILE, GOLDEN_FILE, CARD_FILE)


class InvalidManifest(ValueError):
    """A manifest that can't be trusted; the message says where and why."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """`sha256` is 64 hex digits."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Reference:
    """How the training deals (`rows` of them) lay: every feature, the score and the risk score."""

    rows: int
    features: Mapping[str, Histogram]
    score: Histogram
    risk_score: Histogram


@dataclass(frozen=True, slots=True)
class Manifest:
    """`checksum` is of the rest of the document (see `checksum_of`), as nothing else in a bundle pins the manifest.

    `keys` are what callers send besides the features, to look others up."""

    format: str
    name: str
    version: str
    created_at: str
    files: Mapping[str, FileEntry]
    features: tuple[Feature, ...]
    calibration: Calibration
    reference: Reference
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    checksum: str
    description: str = ""
    keys: tuple[Key, ...] = ()


def parse_manifest(content: bytes) -> tuple[Manifest, Mapping[str, object]]:
    """The manifest, and its document as it stands. Raises InvalidManifest."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
        document = msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest(str(error)) from error
    checksum = checksum_of(document)
    if manifest.checksum != checksum:
        raise InvalidManifest(f"is changed: its checksum says {manifest.checksum}, its content is {checksum}")
    faults = list(find_faults(manifest))
    if faults:
        raise InvalidManifest("; ".join(faults))
    return manifest, document


def format_of(features: Iterable[Feature]) -> str:
    """The format of a bundle with these features. An app that can't look features up must refuse one that needs it."""
    return LOOKUP_FORMAT if any(feature.source for feature in features) else PLAIN_FORMAT


def checksum_of(document: Mapping[str, object]) -> str:
    """SHA-256, in hex, of the document without its `checksum`, as JSON with sorted keys and no space."""
    rest = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).hexdigest()


def find_faults(manifest: Manifest) -> Iterator[str]:
    """What is wrong in a manifest whose types are right."""
    expected = format_of(manifest.features)
    if manifest.format not in (PLAIN_FORMAT, LOOKUP_FORMAT):
        yield f"format: is {manifest.format!r}, this version of Vouch reads {PLAIN_FORMAT!r} and {LOOKUP_FORMAT!r}"
    elif manifest.format != expected:
        yield f"format: is {manifest.format!r}, and these features need {expected!r}"
    if set(manifest.files) != set(BUNDLE_FILES):
        yield f"files: must list {', '.join(BUNDLE_FILES)}"
    names = [feature.name for feature in manifest.features]
    if not names or len(set(names)) != len(names):
        yield "features: must be at least one, each with a name of its own"
    if set(manifest.reference.features) != set(names):
        yield "reference.features: must hold exactly the features"
    yield from find_lookup_faults(manifest.features, manifest.keys)
    yield from (f"calibration: {fault}" for fault in manifest.calibration.faults())
    for feature in manifest.features:
        yield from (f"features.{feature.name}: {fault}" for fault in find_feature_faults(feature))
    for name, histogram in _histograms(manifest.reference):
        yield from (f"reference.{name}: {fault}" for fault in histogram.faults())


def _histograms(reference: Reference) -> Iterator[tuple[str, Histogram]]:
    yield "score", reference.score
    yield "risk_score", reference.risk_score
    yield from reference.features.items()


def find_feature_faults(feature: Feature) -> Iterator[str]:
    """What is wrong in one feature whose types are right."""
    categorical = feature.kind is Kind.CATEGORICAL
    if bool(feature.categories) != categorical:
        yield "categories are for categorical features, which need them"
    if len(set(feature.categories)) != len(feature.categories):
        yield "a category stands there twice"
    if len({type(category) for category in feature.categories}) > 1:
        yield "categories must be all strings or all whole numbers"
    if any(isinstance(category, int) and abs(category) > LARGEST_INTEGER for category in feature.categories):
        yield "a whole-number category beyond 2^53 - 1 can't be held by a record's JSON"
    if feature.codes and len(feature.codes) != len(feature.categories):
        yield "there must be as many codes as categories"
    if any(code < 0 for code in feature.codes) or len(set(feature.codes)) != len(feature.codes):
        yield "codes must be different whole numbers from 0"
    limits = (feature.minimum, feature.maximum, feature.training_minimum, feature.training_maximum)
    if feature.kind is not Kind.NUMERIC and any(limit is not None for limit in limits):
        yield "only numeric features have limits"
    if _is_empty(feature.minimum, feature.maximum) or _is_empty(feature.training_minimum, feature.training_maximum):
        yield "a minimum lies above its maximum"


def _is_empty(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low > high
