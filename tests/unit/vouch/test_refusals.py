"""What can't be served faithfully is refused, with a sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from tests.unit.vouch.originals import ORIGINALS, QUIET
from vouch import package
from vouch.__main__ import main
from vouch.errors import CannotPackage
from vouch.packaging import Request, build_package
from vouch.samples import read_frame

DATA = load_breast_cancer()


def _train(**parameters: Any) -> lightgbm.Booster:
    group = [len(DATA.target)] if parameters["objective"] == "lambdarank" else None
    return lightgbm.train({**QUIET, **parameters}, lightgbm.Dataset(DATA.data, DATA.target, group=group), 3)


def _squared(predictions: Any, data: lightgbm.Dataset) -> tuple[Any, Any]:
    return predictions - data.get_label(), np.ones_like(predictions)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"objective": "multiclass", "num_class": 2}, "multiclass.*more than one score"),
        ({"objective": "lambdarank"}, "lambdarank: its output is no probability"),
        ({"objective": "regression"}, "regression: its output is no probability"),
        ({"objective": "poisson"}, "poisson: its output is no probability"),
        ({"objective": _squared}, "objective of its own"),
        ({"objective": "binary", "linear_tree": True}, "linear trees.*no decision could be explained"),
    ],
)
def test_model_that_gives_no_explained_probability_is_refused(
    parameters: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotPackage, match=reason):
        package(_train(**parameters), DATA.data, DATA.target, name="m", version="1", out=tmp_path)


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return _train(objective="binary")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(569), "must have two values, and they have 1"),
        (np.arange(569) % 3, "must have two values, and they have 3"),
        (["a", "b"] * 284 + ["a"], "say which one means fraud"),
        ([1] * 5 + [0] * 564, "5 frauds"),
        ([0, 1], "too few to calibrate"),
        ([], "too few to calibrate"),
    ],
)
def test_labels_that_say_too_little_are_refused(
    booster: lightgbm.Booster, labels: Any, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotPackage, match=reason):
        package(booster, DATA.data, labels, name="m", version="1", out=tmp_path)


def test_sample_with_a_column_too_few_is_refused(booster: lightgbm.Booster, tmp_path: Path) -> None:
    with pytest.raises(CannotPackage, match=r"569 rows and 30 columns; it is \(569, 29\)"):
        package(booster, DATA.data[:, 1:], DATA.target, name="m", version="1", out=tmp_path)


def test_frame_with_other_columns_is_refused_with_their_names(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    frame = original.sample.rename(columns={"items": "pieces"})
    with pytest.raises(CannotPackage, match=r"Not in the sample: 'items'. Not in the model: 'pieces'"):
        package(original.booster, frame, original.labels, name="m", version="1", out=tmp_path)


def test_frame_in_another_order_than_the_models_is_refused(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    frame = original.sample[sorted(original.sample.columns)]
    with pytest.raises(CannotPackage, match="in another order than the model's"):
        package(original.classifier, frame, original.labels, name="m", version="1", out=tmp_path)


def test_sample_that_lightgbm_itself_cannot_score_is_refused(tmp_path: Path) -> None:
    original = ORIGINALS["pandas_categories"]()
    frame = original.sample.assign(channel="web")
    with pytest.raises(CannotPackage, match="LightGBM itself can't score this sample"):
        package(original.classifier, frame, original.labels, name="m", version="1", out=tmp_path)


def test_positive_label_that_the_classifier_does_not_score_is_refused(tmp_path: Path) -> None:
    original = ORIGINALS["dart_with_weights"]()
    with pytest.raises(CannotPackage, match="The classifier scores 'fraud', not 'fine'"):
        package(
            original.classifier, original.sample, original.labels, name="m", version="1", out=tmp_path, positive="fine"
        )


SOURCE = {"dataset": "agents", "column": "claims", "key": "agent"}


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ({"unheard of": {"personal": True}}, "'unheard of', which the model doesn't have"),
        ({"Column_0": {"kind": "boolean"}}, "'kind' can't be overridden"),
        ({"Column_0": {"personal": "yes"}}, "the override is wrong"),
        ({"Column_0": {"minimum": 5, "maximum": 1}}, "a minimum lies above its maximum"),
        ({"Column_0": {"source": {"dataset": "d"}}}, "the override is wrong"),
        ({"Column_0": {"source": SOURCE | {"dataset": "a/b"}}}, "source.dataset: 'a/b' does not match"),
        ({"Column_0": {"source": SOURCE, "minimum": -1e9}}, "a looked-up feature is nullable and has no hard limits"),
        ({"Column_0": {"source": SOURCE}, "agent": {"minimum": 1}}, "'minimum' can't be said of a key"),
        ({"Column_0": {"source": SOURCE}, "agent": {"personal": "yes"}}, "agent: the override is wrong"),
        ({"Column_0": {"source": SOURCE}, "broker": {}}, "'broker', which the model doesn't have"),
    ],
)
def test_override_that_is_wrong_is_refused(
    booster: lightgbm.Booster, features: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotPackage, match=reason):
        package(booster, DATA.data, DATA.target, name="m", version="1", out=tmp_path, features=features)


def test_version_that_is_there_already_is_not_overwritten(booster: lightgbm.Booster, tmp_path: Path) -> None:
    folder = package(booster, DATA.data, DATA.target, name="m", version="1", out=tmp_path)
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(CannotPackage, match="A version never changes"):
        package(booster, DATA.data, DATA.target, name="m", version="1", out=tmp_path)
    assert (folder / "manifest.json").read_bytes() == before


def test_package_whose_scores_differ_in_the_last_bit_is_refused_with_the_row() -> None:
    original = ORIGINALS["integer_codes"]()
    told = original.scores
    told[2] = math.nextafter(told[2], 1)
    request = Request(
        model=original.booster.model_to_string().encode(),
        sample=read_frame(original.sample, original.labels, original.booster.feature_name()),
        name="m",
        version="1",
        created_at="2026-11-23T21:00:00Z",
        original=told,
    )
    with pytest.raises(CannotPackage, match=r"^Row 3: Vouch scores .*, LightGBM "):
        build_package(request, say=lambda step: None)


@pytest.mark.parametrize(("name", "version"), [("Fraud", "1"), ("../up", "1"), ("m", "../1"), ("m", "")])
def test_name_that_could_not_be_served_is_refused(
    booster: lightgbm.Booster, name: str, version: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotPackage, match=r"is no (name|version)"):
        package(booster, DATA.data, DATA.target, name=name, version=version, out=tmp_path)


def test_object_that_is_no_lightgbm_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotPackage, match="dict is no LGBMClassifier and no Booster"):
        package({}, DATA.data, DATA.target, name="m", version="1", out=tmp_path)


Corrupt = Callable[[str], str]


@pytest.fixture(scope="module")
def text() -> str:
    return ORIGINALS["integer_codes"]().booster.model_to_string()


def _replace(old: str, new: str) -> Corrupt:
    def corrupt(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return corrupt


def _change_field(name: str, change: Callable[[list[str]], list[str]]) -> Corrupt:
    """Change a field of the first tree and keep `tree_sizes` right, as a careful forger would."""

    def corrupt(text: str) -> str:
        head, trees = text.split("\n\nTree=0\n", 1)
        start = trees.index(f"{name}=") + len(name) + 1
        end = trees.index("\n", start)
        changed = trees[:start] + " ".join(change(trees[start:end].split())) + trees[end:]
        grown = len(changed) - len(trees)
        sizes = head.split("tree_sizes=")[1].split()
        resized = [str(int(sizes[0]) + grown), *sizes[1:]]
        return head.split("tree_sizes=")[0] + "tree_sizes=" + " ".join(resized) + "\n\nTree=0\n" + changed

    return corrupt


HOSTILE: dict[str, tuple[Corrupt, str]] = {
    "empty": (lambda text: "", "no LightGBM model text"),
    "not a model": (lambda text: "PK\x03\x04", "no LightGBM model text"),
    "a NUL inside": (lambda text: text.replace("Tree=1", "Tree\0", 1), "no LightGBM model text"),
    "cut in the trees": (lambda text: text[: len(text) // 3], "truncated or was changed"),
    "cut after the trees": (lambda text: text[: text.index("end of trees") + 30], "truncated or was changed"),
    "no trees": (lambda text: text[: text.index("tree_sizes=")] + "\nend of trees\n", "no trees"),
    "a size too large": (_replace("tree_sizes=", "tree_sizes=9"), "truncated or was changed"),
    "another format": (_replace("version=v4", "version=v9"), "format is v9"),
    "too few names": (_replace("max_feature_idx=3", "max_feature_idx=7"), "max_feature_idx is 7"),
    "children in a circle": (_change_field("left_child", lambda nodes: ["0"] * len(nodes)), "don't form a tree"),
    "a child nowhere": (_change_field("right_child", lambda nodes: [*nodes[:-1], "99999999"]), "don't form a tree"),
    "a feature too many": (_change_field("split_feature", lambda all_: ["4000000", *all_[1:]]), "doesn't have"),
    "leaves missing": (_change_field("leaf_value", lambda leaves: leaves[:-1]), "don't have as many values"),
    "a leaf that is no number": (_change_field("leaf_value", lambda leaves: ["nan", *leaves[1:]]), "no number"),
    "sets out of bounds": (_change_field("cat_boundaries", lambda ends: [*ends[:-1], "9999999"]), "their bounds"),
    "what only LightGBM finds": (_change_field("leaf_weight", lambda _: ["heavy"]), "LightGBM can't load the model"),
    "a sigmoid below zero": (_replace("sigmoid:1", "sigmoid:-1"), "LightGBM can't load the model"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_model_text_is_refused_and_ends_no_process(
    text: str, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corrupt, reason = HOSTILE[case]
    (tmp_path / "model.txt").write_text(corrupt(text))
    rows = [f"{index},1,1,{index},{index % 2}" for index in range(120)]
    (tmp_path / "sample.csv").write_text("\n".join(["amount,shop,till,noise,y", *rows]))
    arguments = ["--model", f"{tmp_path}/model.txt", "--sample", f"{tmp_path}/sample.csv", "--label", "y"]
    assert main(["package", *arguments, "--name", "m", "--version", "1", "--out", str(tmp_path)]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("", "is empty"),
        ("a,b\n", "has no column 'y'"),
        ("a,a,y\n1,2,0\n", "stands there twice"),
        ("a,b,y\n1,2\n", "row 2: 2 cells, but the header has 3"),
        ('a,b,y\n"1,2,0\n', "can't be read as CSV"),
    ],
)
def test_csv_that_is_no_sample_is_refused(
    csv: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample.csv").write_text(csv)
    (tmp_path / "model.txt").write_text("tree\n")
    arguments = ["--model", f"{tmp_path}/model.txt", "--sample", f"{tmp_path}/sample.csv", "--label", "y"]
    assert main(["package", *arguments, "--name", "m", "--version", "1", "--out", str(tmp_path)]) == 1
    assert reason in capsys.readouterr().err


def test_text_where_the_model_takes_numbers_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.txt").write_text(text)
    rows = [f"{index},1,1,lots,{index % 2}" for index in range(120)]
    (tmp_path / "sample.csv").write_text("\n".join(["amount,shop,till,noise,y", *rows]))
    arguments = ["--model", f"{tmp_path}/model.txt", "--sample", f"{tmp_path}/sample.csv", "--label", "y"]
    assert main(["package", *arguments, "--name", "m", "--version", "1", "--out", str(tmp_path)]) == 1
    assert "Column 'noise' holds 'lots', but the model takes numbers there." in capsys.readouterr().err
