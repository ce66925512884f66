"""A bundle that is corrupt, truncated or foreign is refused, and the error names the file and what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scoring.bundle import InvalidBundle
from scoring.model import Model, load_model
from tests.unit.scoring.bundles import Files, read_demo, replace_trees, reseal, stump, trees_of

NAMES = ("CARD.md", "golden.jsonl", "manifest.json", "model.txt")
PINNED = ("CARD.md", "golden.jsonl", "model.txt")
SCHEMA = json.loads((Path(__file__).parents[3] / "scoring" / "manifest.schema.json").read_bytes())


@pytest.fixture
def files() -> Files:
    return read_demo()


def _refusal(files: Files) -> InvalidBundle:
    with pytest.raises(InvalidBundle) as caught:
        load_model(files)
    return caught.value


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "1.2.0"])
def test_committed_bundle_loads_and_follows_its_schema(version: str) -> None:
    files = read_demo(version)
    model = load_model(files)
    assert (model.name, model.version) == ("deal-fraud", version)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(files["manifest.json"]))


@pytest.mark.parametrize("name", NAMES)
def test_missing_file_is_named(files: Files, name: str) -> None:
    del files[name]
    refusal = _refusal(files)
    assert (refusal.file, refusal.difference) == (name, "is missing")


def test_extra_file_is_named(files: Files) -> None:
    refusal = _refusal(files | {"model.txt.bak": b""})
    assert refusal.file == "model.txt.bak"
    assert "is extra" in refusal.difference


@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_changed_byte_is_named(files: Files, name: str, place: float) -> None:
    content = bytearray(files[name])
    content[int(place * (len(content) - 1))] ^= 1
    refusal = _refusal(files | {name: bytes(content)})
    assert refusal.file == name
    assert "is changed or foreign: SHA-256" in refusal.difference


@pytest.mark.parametrize("place", [i / 40 for i in range(41)])
def test_one_changed_byte_of_the_manifest_is_named_or_changes_nothing_that_is_said(files: Files, place: float) -> None:
    """Only white space may change unnoticed by the content; the digest tells even then."""
    content = bytearray(files["manifest.json"])
    content[int(place * (len(content) - 1))] ^= 1
    assert _find_blamed(files | {"manifest.json": bytes(content)}) in ("manifest.json", "white space")


def _find_blamed(files: Files) -> str:
    """The file that is refused; else the document must be the demo's, under another digest."""
    try:
        model = load_model(files)
    except InvalidBundle as refusal:
        return refusal.file
    demo = load_model(read_demo())
    return "white space" if model.manifest == demo.manifest and model.digest != demo.digest else "nobody"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_truncated_file_is_named(files: Files, name: str, kept: float) -> None:
    refusal = _refusal(files | {name: files[name][: int(kept * len(files[name]))]})
    assert refusal.file == name
    assert name == "manifest.json" or "is truncated" in refusal.difference


@pytest.mark.parametrize("name", PINNED)
def test_file_that_has_grown_is_named(files: Files, name: str) -> None:
    refusal = _refusal(files | {name: files[name] + b"\n"})
    assert refusal.file == name
    assert "longer" in refusal.difference


@pytest.mark.parametrize("name", PINNED)
def test_file_of_another_version_is_named(files: Files, name: str) -> None:
    refusal = _refusal(files | {name: read_demo("1.1.0")[name]})
    assert refusal.file == name
    assert "foreign" in refusal.difference


def test_manifest_of_another_version_puts_the_blame_on_a_file_that_it_does_not_pin(files: Files) -> None:
    assert _refusal(files | {"manifest.json": read_demo("1.1.0")["manifest.json"]}).file in PINNED


def test_foreign_model_under_right_digests_is_betrayed_by_the_golden_deals(files: Files) -> None:
    refusal = _refusal(reseal(files | {"model.txt": read_demo("1.1.0")["model.txt"]}))
    assert refusal.file == "golden.jsonl"
    assert "line 1" in refusal.difference
    assert "the model scores" in refusal.difference


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_leaf_that_is_no_number_is_betrayed_though_no_golden_deal_reaches_it(files: Files, value: str) -> None:
    """Contributions are made of every leaf, so that no bundle with such a leaf can be served."""
    text = files["model.txt"].decode()
    age = [feature["name"] for feature in json.loads(files["manifest.json"])["features"]].index("age")
    changed = replace_trees(text, [*trees_of(text), stump(age, 1e9, value)])
    harmless = replace_trees(text, [*trees_of(text), stump(age, 1e9, "0")])
    load_model(reseal(files | {"model.txt": harmless.encode()}))
    refusal = _refusal(reseal(files | {"model.txt": changed.encode()}))
    assert refusal.file == "golden.jsonl"
    assert "contribution" in refusal.difference


def test_model_with_other_features_under_right_digests_is_refused(files: Files) -> None:
    def drop_feature(document: dict[str, Any]) -> None:
        name = document["features"].pop()["name"]
        del document["reference"]["features"][name]

    refusal = _refusal(reseal(files, drop_feature))
    assert refusal.file == "model.txt"
    assert "has 29 features, the manifest lists 28" in refusal.difference


def _change_golden(files: Files, field: str, value: object) -> Files:
    lines = files["golden.jsonl"].splitlines()
    deal = json.loads(lines[2])
    deal[field] = value
    lines[2] = json.dumps(deal).encode()
    return reseal(files | {"golden.jsonl": b"\n".join(lines)})


@pytest.mark.parametrize(
    ("field", "value", "difference"),
    [
        ("score", 0.5, "instead of 0.5"),
        ("risk_score", 1000, "instead of 1000"),
        ("contributions", [0.0] * 30, "contribution 0 is"),
        ("contributions", [0.0], "30 contributions instead of 1"),
        ("imputed", ["age"], "other features are imputed, unseen or unusual"),
        ("features", {"no such feature": 1}, "/features/no such feature: Is no feature of this model."),
        ("name", 7, "Expected `str`"),
    ],
)
def test_golden_deal_that_is_answered_otherwise_is_named(
    files: Files, field: str, value: object, difference: str
) -> None:
    refusal = _refusal(_change_golden(files, field, value))
    assert refusal.file == "golden.jsonl"
    assert "line 3" in refusal.difference
    assert difference in refusal.difference


def test_golden_score_may_differ_in_the_last_bits_but_no_further(files: Files) -> None:
    score = json.loads(files["golden.jsonl"].splitlines()[2])["score"]
    load_model(_change_golden(files, "score", score * (1 + 5e-13)))
    assert _refusal(_change_golden(files, "score", score * (1 + 5e-12))).file == "golden.jsonl"


def test_bundle_without_golden_deals_is_refused(files: Files) -> None:
    assert "holds no deal" in _refusal(reseal(files | {"golden.jsonl": b""})).difference


def test_model_that_is_no_text_is_refused(files: Files) -> None:
    assert "is not UTF-8" in _refusal(reseal(files | {"model.txt": b"\xff\xfe"})).difference


def test_model_that_lightgbm_refuses_is_refused(files: Files) -> None:
    assert "LightGBM refuses it" in _refusal(reseal(files | {"model.txt": b"nothing"})).difference


def _set(path: str, value: object) -> Any:
    def change(document: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        target: Any = document
        for step in steps:
            target = target[int(step)] if step.isdecimal() else target[step]
        target[int(last) if last.isdecimal() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "difference"),
    [
        ("format", "vouch-model/9", "this version of Vouch reads 'vouch-model/1'"),
        ("version", 1, "Expected `str`, got `int`"),
        ("features", [], "features: must be at least one"),
        ("features.1.name", "accident_month", "each with a name of its own"),
        ("features.0.kind", "text", "Invalid enum value"),
        ("features.0.categories", [], "categories are for categorical features"),
        ("features.0.categories.0", "Aug", "stands there twice"),
        ("features.0.categories.0", 5, "all strings or all whole numbers"),
        ("features.0.codes", [1], "as many codes as categories"),
        ("features.0.codes", [0] * 12, "codes must be different"),
        ("features.0.minimum", 1, "only numeric features have limits"),
        ("features.1.minimum", 9, "a minimum lies above its maximum"),
        ("files.model.txt", {}, "missing required field"),
        ("calibration.steps", [], "holds no step"),
        ("calibration.steps.1.above", -1.0, "the steps don't rise"),
        ("calibration.steps.0.risk_score", 0, "outside 1 to 1000"),
        ("reference.score.counts", [1], "counts for"),
        ("reference.features.age.edges.0", 99.0, "the edges don't rise"),
        ("reference.features", {}, "must hold exactly the features"),
    ],
)
def test_manifest_that_makes_no_sense_is_refused(files: Files, path: str, value: object, difference: str) -> None:
    if path == "files.model.txt":
        refusal = _refusal(reseal(files, lambda document: document["files"].update({"model.txt": value})))
    else:
        refusal = _refusal(reseal(files, _set(path, value)))
    assert refusal.file == "manifest.json"
    assert difference in refusal.difference


def test_digest_is_the_manifests_sha256(files: Files) -> None:
    model = load_model(files)
    other = load_model(files | {"manifest.json": files["manifest.json"] + b"\n"})
    assert isinstance(model, Model)
    assert model.digest.startswith("sha256:")
    assert len(model.digest) == len("sha256:") + 64
    assert other.digest != model.digest
