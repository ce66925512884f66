"""Any binary classifier: what Vouch serves is what LightGBM's own `predict` says, bit for bit."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adapters.folder_models import load_folder
from scoring.features import Key, Kind
from scoring.model import Model
from scoring.reference_table import Column, ColumnType, ReferenceTable
from tests.unit.vouch.originals import ORIGINALS, Original
from vouch import package
from vouch.__main__ import main
from vouch.errors import CannotPackage


@pytest.fixture(scope="module", params=ORIGINALS)
def original(request: pytest.FixtureRequest) -> Original:
    return ORIGINALS[request.param]()


@pytest.fixture(scope="module")
def model(original: Original, tmp_path_factory: pytest.TempPathFactory) -> Model:
    out = tmp_path_factory.mktemp("models")
    return load_folder(package(original.classifier, original.sample, original.labels, name="m", version="1", out=out))


def _deals(original: Original, model: Model) -> list[dict[str, Any]]:
    """The sample's rows as a deal system would send them: written as JSON and read again."""
    sample = original.sample
    frame = (
        sample if isinstance(sample, pd.DataFrame) else pd.DataFrame(sample, columns=original.booster.feature_name())
    )
    columns = []
    for feature, name in zip(model.features, frame.columns, strict=True):
        values = [
            None if missing else value for value, missing in zip(frame[name].tolist(), frame[name].isna(), strict=True)
        ]
        if feature.kind is Kind.CATEGORICAL and isinstance(feature.categories[0], int):
            values = [None if value is None else int(value) for value in values]
        columns.append(values)
    names = [feature.name for feature in model.features]
    return [json.loads(json.dumps(dict(zip(names, row, strict=True)))) for row in zip(*columns, strict=True)]


def test_score_of_every_row_alone_equals_lightgbms_predict(original: Original, model: Model) -> None:
    rows = [model.encode(deal) for deal in _deals(original, model)]
    assert not any(faults for _, faults in rows)
    assert [model.score(row.values) for row, _ in rows] == original.scores


def test_score_of_all_rows_at_once_equals_lightgbms_predict(original: Original, model: Model) -> None:
    rows = [model.encode(deal)[0].values for deal in _deals(original, model)]
    assert model.score_many(rows) == original.scores


def test_contributions_equal_lightgbms_own(original: Original, model: Model) -> None:
    rows = [model.encode(deal)[0].values for deal in _deals(original, model)]
    assert [list(model.contributions(row)) for row in rows] == original.contributions


def test_golden_deals_of_a_package_are_no_row_of_its_sample(tmp_path: Path) -> None:
    original = ORIGINALS["random_forest"]()
    folder = package(original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path)
    model = load_folder(folder)
    mixed = [dict(deal) for deal in model.golden if len(deal) == len(model.features)]
    rows = _deals(original, model)
    assert len(mixed) >= 20
    assert not any(deal in rows for deal in mixed)


def test_risk_score_is_the_share_of_genuine_deals_that_score_lower(original: Original, model: Model) -> None:
    fraud = {1, "fraud"}
    genuine = [score for score, label in zip(original.scores, original.labels, strict=True) if label not in fraud]
    for score in original.scores[::20]:
        share = sum(other < score for other in genuine) * 1000 // len(genuine)
        assert model.risk_score(score) == share


def test_drafted_features_tell_kinds_categories_and_training_ranges(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    model = load_folder(
        package(original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path)
    )
    features = {feature.name: feature for feature in model.features}
    assert list(features) == ["order value", "channel", "region code", "rush", "size", "items"]
    assert features["channel"].categories == ("none", "phone", "shop", "web")
    assert features["region code"].categories == (10, 20, 35)
    assert features["size"].categories == ("s", "m", "l")
    assert features["rush"].kind is Kind.BOOLEAN
    assert features["items"].training_minimum == 1
    assert features["items"].training_maximum == 8
    assert all(feature.nullable for feature in model.features)


def _write_csv(original: Original, path: Path) -> None:
    sample = original.sample
    frame = (
        sample if isinstance(sample, pd.DataFrame) else pd.DataFrame(sample, columns=original.booster.feature_name())
    )
    frame.assign(label=original.labels, row_id=range(len(frame))).to_csv(path, index=False, float_format="%.17g")


def test_command_line_packages_every_model_from_its_text_and_a_csv(original: Original, tmp_path: Path) -> None:
    original.booster.save_model(tmp_path / "model.txt")
    _write_csv(original, tmp_path / "sample.csv")
    arguments = ["package", "--model", f"{tmp_path}/model.txt", "--sample", f"{tmp_path}/sample.csv"]
    arguments += ["--label", "label", "--ignore", "row_id", "--name", "m", "--version", "1", "--out", f"{tmp_path}/out"]
    if "fraud" in original.labels:
        arguments += ["--positive", "fraud"]
    assert main(arguments) == 0
    model = load_folder(tmp_path / "out" / "m" / "1")
    rows = [model.encode(deal)[0].values for deal in _deals(original, model)]
    assert model.score_many(rows) == original.scores


def test_overrides_change_what_was_drafted(tmp_path: Path) -> None:
    original = ORIGINALS["integer_codes"]()
    overrides = {"amount": {"personal": True, "minimum": -50, "description": "Amount in euros."}}
    folder = package(
        original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path, features=overrides
    )
    feature = load_folder(folder).features[0]
    assert (feature.personal, feature.minimum, feature.description) == (True, -50, "Amount in euros.")


LOOKED_UP = {
    "order value": {"source": {"dataset": "shops", "column": "order_value", "key": "shop"}},
    "channel": {"source": {"dataset": "shops", "column": "channel", "key": "shop"}},
    "items": {"source": {"dataset": "sizes", "column": "items", "key": "size"}},
    "shop": {"personal": True, "description": "Number of the shop."},
}


def test_features_that_are_looked_up_score_as_lightgbm_does_when_their_rows_are_there(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    folder = package(
        original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path, features=LOOKED_UP
    )
    model = load_folder(folder)
    assert model.datasets == ("shops", "sizes")
    assert model.keys == (Key("shop", personal=True, description="Number of the shop."),)
    assert model.takes == {"region code", "rush", "size", "shop"}
    shops = (Column("order_value", ColumnType.NUMBER), Column("channel", ColumnType.CATEGORY))
    deals = [deal for deal in _deals(original, model) if deal["size"] == "m" and deal["items"] == 3]
    tables = {
        "shops": ReferenceTable("shops", "s", "d", "shop", shops, {
            str(number): (deal["order value"], deal["channel"]) for number, deal in enumerate(deals)
        }),
        "sizes": ReferenceTable("sizes", "s", "d", "size", (Column("items", ColumnType.NUMBER),), {"m": (3,)}),
    }  # fmt: skip
    expected = dict(zip((json.dumps(deal) for deal in _deals(original, model)), original.scores, strict=True))
    assert len(deals) > 10
    for number, deal in enumerate(deals):
        sent = {"region code": deal["region code"], "rush": deal["rush"], "size": deal["size"], "shop": number}
        row, faults = model.encode(sent, model.look_up(sent, tables))
        assert faults == []
        assert model.score(row.values) == expected[json.dumps(deal)]


def test_golden_deals_of_a_package_that_looks_up_need_no_snapshot(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    folder = package(
        original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path, features=LOOKED_UP
    )
    lines = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
    assert all(set(line["referenced"]) == {"order value", "channel", "items"} for line in lines)
    assert json.loads((folder / "manifest.json").read_text())["format"] == "vouch-model/2"


def test_package_of_the_same_input_has_the_same_bytes(tmp_path: Path) -> None:
    original = ORIGINALS["integer_codes"]()
    folders = [
        package(
            original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path / place,
            created_at="2026-11-23T21:00:00Z",
        )
        for place in ("one", "other")
    ]  # fmt: skip
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == other


def test_sample_with_infinity_is_refused_with_its_row_and_feature(tmp_path: Path) -> None:
    original = ORIGINALS["other_sigmoid_without_names"]()
    sample = original.sample.copy()
    sample[4, 2] = math.inf
    with pytest.raises(CannotPackage, match=r"[Rr]ow 5.*Column_2"):
        package(original.classifier, sample, original.labels, name="m", version="1", out=tmp_path)


def test_csv_cell_that_means_missing_is_missing(tmp_path: Path) -> None:
    original = ORIGINALS["integer_codes"]()
    original.booster.save_model(tmp_path / "model.txt")
    cells = [["" if np.isnan(value) else repr(value) for value in row] for row in original.sample.tolist()]
    cells[0][0] = "NA"
    with (tmp_path / "sample.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["amount", "shop", "till", "noise", "y"], *(
            [*row, label] for row, label in zip(cells, original.labels, strict=True)
        )])  # fmt: skip
    arguments = ["package", "--model", f"{tmp_path}/model.txt", "--sample", f"{tmp_path}/sample.csv", "--label", "y"]
    assert main([*arguments, "--name", "m", "--version", "1", "--out", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / "m" / "1" / "manifest.json").read_bytes())
    missing = int(np.isnan(original.sample[:, 0]).sum()) + int(not np.isnan(original.sample[0, 0]))
    assert manifest["reference"]["features"]["amount"]["missing"] == missing
