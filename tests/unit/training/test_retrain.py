"""A version that is trained on recorded deals: whole, the same every time, and nothing in it of one person alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sklearn import metrics

from adapters.folder_models import load_folder
from scoring.features import Feature, Key, Kind
from scoring.lookups import NO_TABLES
from scoring.manifest import parse_manifest
from scoring.model import Model
from training.claims import Claim, read_claims
from training.recorded_features import ALIKE, build_golden, describe_features, draw_in
from training.retrain import main
from vouch.dataset_files import DatasetWriter, datasheet_of

ROOT = Path(__file__).parents[3]
ARTIFACTS = ROOT / "model_artifacts" / "deal-fraud"
SECRET = "Herr Müller himself"
Change = Callable[[dict[str, Any]], None]


@cache
def claims() -> Sequence[Claim]:
    """Of 1996, with more of the frauds than there are."""
    found = read_claims((ROOT / "training/data/vehicle_claims.csv.gz").read_bytes())
    later = [claim for claim in found if claim.year == 1996]
    return [claim for number, claim in enumerate(later) if claim.is_fraud or number % 12 == 0]


@cache
def rows_of(version: str) -> list[dict[str, Any]]:
    """The claims as they would have been decided by a version, each with its label."""
    model = load_folder(ARTIFACTS / version)
    rows = []
    for number, claim in enumerate(claims()):
        looked_up = model.look_up(claim.features, NO_TABLES)
        row, faults = model.encode(claim.features, looked_up)
        assert not faults
        rows.append(
            {
                "decision_id": f"{number:08}", "decided_at": f"2026-11-23T21:{number // 60:02}:{number % 60:02}.000Z",
                "model": "deal-fraud", "version": version, "policy": "standard/1", "variant": "stable",
                "traffic": "live", "outcome": "approve", "score": model.score(row.values), "risk_score": 0,
                "label": "fraud" if claim.is_fraud else "genuine", "label_source": "desk", "labelled_at": "2026-12-01",
                "review": None, "review_outcome": None, "features": dict(claim.features),
                "looked_up": dict(looked_up.values),
            }
        )  # fmt: skip
    return rows


def write_set(path: Path, rows: Sequence[Mapping[str, Any]], **changes: Any) -> Path:
    windows = {"windows": 1, "from": "2026-11-23T21:00:00Z", "to": "2026-11-23T22:00:00Z", "segments": 1, "sha256": ""}
    labelled = sum(row["label"] is not None for row in rows)
    sheet = {
        "format": "vouch.dataset.v1", "model": "deal-fraud", "asked": {"from": ""}, "rows": len(rows),
        "lake": {
            "region": "westeurope", "decisions": windows, "labels": windows,
            "checkpoint": {"size": 7, "root": "cm9vdA==", "committed_at": "2026-11-23T22:05:04.123Z"},
        },
        "decisions": len(rows) + 3, "left_out": {"erased": 3}, "versions": {"1.0.0": len(rows)},
        "labels": {"approve": {"fraud": 0, "genuine": labelled, "none": len(rows) - labelled}},
        **changes,
    }  # fmt: skip
    with DatasetWriter(path) as writer:
        for row in rows:
            writer.write(row)
        writer.finish((), (), sheet)
    return path


def train(file: Path, out: Path, base: str = "1.0.0", version: str = "9.9.9") -> int:
    return main([str(file), "--base", str(ARTIFACTS / base), "--version", version, "--out", str(out)])


def changed(*changes: tuple[int, Change], base: str = "1.0.0") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(json.dumps(rows_of(base)))
    for number, change in changes:
        change(rows[number])
    return rows


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("retrained")
    odd = [(number, lambda row: row["features"].update(vehicle_make="DeLorean")) for number in range(ALIKE)]
    rare = [
        (20, lambda row: row["features"].update(vehicle_make=SECRET, age=111)),
        (21, lambda row: row["features"].update(age="old")),
        (22, lambda row: row.update(label=None)),
    ]
    file = write_set(folder / "set.jsonl.gz", changed(*odd, *rare))
    assert train(file, folder) == 0
    return load_folder(folder / "deal-fraud" / "9.9.9")


def manifest_of(model: Model) -> Any:
    return json.loads(json.dumps(model.manifest))


def test_bundle_says_what_it_was_made_from(retrained: Model) -> None:
    training = manifest_of(retrained)["training"]
    assert (training["rows"], training["frauds"]) == (len(claims()) - 2, sum(claim.is_fraud for claim in claims()))
    assert training["lake"]["checkpoint"] == {
        "size": 7, "root": "cm9vdA==", "committed_at": "2026-11-23T22:05:04.123Z",
    }  # fmt: skip
    assert training["left_out"] == {"erased": 3, "unlabelled": 1, "refused": 1}
    assert training["base"]["version"] == "1.0.0"
    assert manifest_of(retrained)["created_at"] == "2026-11-23T22:05:04Z"


def test_reported_quality_is_that_of_the_answered_scores(retrained: Model) -> None:
    rows = [row for number, row in enumerate(rows_of("1.0.0")) if number not in {21, 22}]
    labels, scores = [row["label"] == "fraud" for row in rows], [row["score"] for row in rows]
    reported = manifest_of(retrained)["metrics"]
    assert reported["answered"]["auc"] == round(metrics.roc_auc_score(labels, scores), 4)
    assert reported["held_out"]["auc"] > 0.6


def test_model_is_fitted_on_the_labels_and_not_on_something_else(tmp_path: Path) -> None:
    """With every label turned around, what scored high scores low."""
    turned = {"fraud": "genuine", "genuine": "fraud"}
    rows = rows_of("1.0.0")
    assert train(write_set(tmp_path / "a.jsonl.gz", rows), tmp_path, version="1") == 0
    other = [{**row, "label": turned[row["label"]]} for row in rows]
    assert train(write_set(tmp_path / "b.jsonl.gz", other), tmp_path, version="2") == 0
    labels = [row["label"] == "fraud" for row in rows]
    aucs = []
    for version in ("1", "2"):
        model = load_folder(tmp_path / "deal-fraud" / version)
        scores = model.score_many([model.encode(row["features"])[0].values for row in rows])
        aucs.append(metrics.roc_auc_score(labels, scores))
    assert aucs[0] > 0.7
    assert aucs[1] < 0.3


def test_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    file = write_set(tmp_path / "set.jsonl.gz", rows_of("1.0.0"))
    shuffled = write_set(tmp_path / "other.jsonl.gz", rows_of("1.0.0")[::-1])
    made = []
    for number, one in enumerate((file, file, shuffled)):
        assert train(one, tmp_path / str(number)) == 0
        made.append({path.name: path.read_bytes() for path in (tmp_path / str(number)).rglob("*.*") if path.is_file()})
    assert made[0] == made[1]
    assert made[0]["model.txt"] == made[2]["model.txt"]


def test_what_a_few_deals_alone_have_is_nowhere_in_the_bundle(retrained: Model) -> None:
    features = {feature.name: feature for feature in retrained.features}
    assert "DeLorean" in features["vehicle_make"].categories
    assert SECRET not in features["vehicle_make"].categories
    ages = sorted(claim.features["age"] for claim in claims() if claim.features["age"] is not None)
    assert ages[-1] < 111
    assert features["age"].training_maximum == sorted([*ages, 111])[-ALIKE] < 111


def test_no_file_of_the_bundle_holds_a_secret_or_a_deal(tmp_path: Path) -> None:
    rows = changed((20, lambda row: row["features"].update(vehicle_make=SECRET, age=111)))
    assert train(write_set(tmp_path / "set.jsonl.gz", rows), tmp_path / "out") == 0
    files = {path.name: path.read_text() for path in (tmp_path / "out/deal-fraud/9.9.9").iterdir()}
    for name, text in files.items():
        assert SECRET not in text, name
        assert json.dumps(SECRET) not in text, name
    (infos,) = [line for line in files["model.txt"].splitlines() if line.startswith("feature_infos")]
    assert ":111]" not in infos
    golden = [json.loads(line)["features"] for line in files["golden.jsonl"].splitlines()]
    assert not any(deal == row["features"] for deal in golden for row in rows)
    assert not any(deal.get("age") == 111 for deal in golden)


def test_reference_counts_every_deal_that_it_was_trained_on(retrained: Model) -> None:
    manifest, _ = parse_manifest(json.dumps(retrained.manifest).encode())
    for histogram in manifest.reference.features.values():
        assert sum(histogram.counts) + histogram.missing + histogram.unseen == len(claims()) - 2
    assert manifest.reference.features["vehicle_make"].unseen >= 1


def test_base_that_looks_features_up_hands_them_on(tmp_path: Path) -> None:
    rows = changed(base="1.2.0")
    for number, row in enumerate(rows):
        row["looked_up"] = {"policy_type_claim_share_last_year": number % 7 / 10}
    assert train(write_set(tmp_path / "set.jsonl.gz", rows), tmp_path, base="1.2.0") == 0
    model = load_folder(tmp_path / "deal-fraud" / "9.9.9")
    assert model.datasets == ("policy-types",)
    features = {feature.name: feature for feature in model.features}
    share, rate = (features[f"policy_type_{name}_last_year"] for name in ("claim_share", "fraud_rate"))
    assert (share.training_minimum, share.training_maximum) == (0.0, 0.6)
    assert (rate.training_minimum, rate.training_maximum) == (None, None)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "not the file that its datasheet describes"),
        (lambda file: datasheet_of(file).unlink(), "keep them together"),
        (lambda file: datasheet_of(file).write_text('{"format": "x"}'), "of the format 'x'"),
        (lambda file: datasheet_of(file).write_text("[]"), "can't be read"),
        (lambda file: file.rename(file.with_name("other.jsonl.gz")), "can't be read"),
    ],
)
def test_dataset_that_is_not_whole_is_refused(
    tmp_path: Path, spoil: Callable[[Path], Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_set(tmp_path / "set.jsonl.gz", rows_of("1.0.0"))
    spoil(file)
    assert train(file, tmp_path / "out") == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        (99, {}, "There are 99 labelled deals"),
        (300, {"model": "other"}, "The dataset is of other"),
    ],
)
def test_dataset_that_does_not_fit_is_refused_with_what_would(
    tmp_path: Path, rows: int, more: Mapping[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_set(tmp_path / "set.jsonl.gz", rows_of("1.0.0")[:rows], **more)
    assert train(file, tmp_path / "out") == 1
    assert told in capsys.readouterr().err


def test_deals_of_one_kind_alone_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in rows_of("1.0.0") if row["label"] == "genuine"]
    assert train(write_set(tmp_path / "set.jsonl.gz", rows), tmp_path / "out") == 1
    assert "0 of them fraud" in capsys.readouterr().err


def test_version_that_stands_already_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_set(tmp_path / "set.jsonl.gz", rows_of("1.0.0"))
    (tmp_path / "deal-fraud/9.9.9").mkdir(parents=True)
    assert train(file, tmp_path) == 1
    assert "A version never changes" in capsys.readouterr().err
    assert train(file, tmp_path, version="../9") == 1
    assert "is no version" in capsys.readouterr().err


def test_table_is_refused_since_it_does_not_say_what_is_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "set.csv", tmp_path / "out") == 1
    assert "is no .jsonl.gz" in capsys.readouterr().err


def test_categories_of_the_base_keep_their_codes_and_those_of_many_deals_get_new_ones() -> None:
    feature = Feature("make", Kind.CATEGORICAL, categories=("a", "b", "c"), codes=(5, 6, 7))
    values = ["a", "c", *["few"] * (ALIKE - 1), *["many"] * ALIKE, None]
    (found,) = describe_features([feature], [{"make": value} for value in values])
    assert dict(zip(found.categories, found.codes, strict=True)) == {"a": 5, "c": 7, "many": 8}


def test_base_of_which_no_category_is_met_stays_as_it_is() -> None:
    feature = Feature("make", Kind.CATEGORICAL, categories=("a",))
    assert describe_features([feature], [{"make": None}, {"make": "few"}]) == (feature,)


def test_number_that_hardly_any_deal_has_is_missing() -> None:
    feature = Feature("income", Kind.NUMERIC, training_minimum=0.0, training_maximum=9.0)
    deals = [{"income": number if number < 2 * ALIKE - 1 else None} for number in range(100)]
    features = describe_features([feature], deals)
    assert (features[0].training_minimum, features[0].training_maximum) == (None, None)
    assert {deal["income"] for deal in draw_in(features, deals)} == {None}


def test_golden_deals_of_features_that_must_be_there_are_complete_and_hold_no_key_of_anyone() -> None:
    features = [
        Feature("make", Kind.CATEGORICAL, categories=("a", "b"), nullable=False),
        Feature("amount", Kind.NUMERIC, nullable=False, training_minimum=1.0, training_maximum=2.0),
    ]
    keys = [Key("agent", nullable=False, personal=True), Key("branch")]
    deals = [{"make": SECRET if number % 2 else "b", "amount": 1.5} for number in range(30)]
    golden = build_golden(features, keys, deals)
    assert {deal["agent"] for deal in golden.values()} == {"golden"}
    assert not any("branch" in deal for deal in golden.values())
    found = Counter(deal["make"] for deal in golden.values())
    assert set(found) == {"a", "b", "never seen"}
