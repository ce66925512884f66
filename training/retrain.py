"""`python -m training.retrain`: a new version of a model from recorded decisions and what was found out about them.

    python -m vouch dataset PATH_OR_URL --labelled --out set.jsonl.gz
    python -m training.retrain set.jsonl.gz --base model_artifacts/deal-fraud/1.0.0 --version 1.3.0
    python -m vouch publish model_artifacts/deal-fraud/1.3.0

It takes the features of the base, is fitted and calibrated as the demo models are, and is the same bytes every time.
Exit codes: 0 the bundle is written; 1 it can't be made, and why was said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.folder_models import ModelsNotLoaded, load_folder
from scoring.calibration import build_calibration
from scoring.features import Feature, Kind
from scoring.model import Model
from scoring.policy import POLICY_ID
from training.fit import LIGHTGBM_VERSION, PARAMETERS, Fitted, fit
from training.recorded import Dataset, RecordedDeal, UnfitDataset, read_dataset, take_deals
from training.recorded_features import build_golden, describe_features, draw_in
from training.retrained_card import render_card
from vouch.assembly import Draft, assemble_bundle, encode_deals
from vouch.errors import CannotPackage
from vouch.packaging import Packaged, measure, write_package
from vouch.samples import MIN_OF_EACH, MIN_ROWS

ROOT = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the version; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.retrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, metavar="FILE", help="made by `python -m vouch dataset`, .jsonl.gz")
    parser.add_argument("--base", type=Path, required=True, help="the bundle whose features it takes, a folder")
    parser.add_argument("--version", required=True, help="the new version, such as 1.3.0")
    parser.add_argument("--out", type=Path, default=ROOT / "model_artifacts", help="folder for <name>/<version>/")
    given = parser.parse_args(arguments)
    try:
        packaged = build_retrained(load_folder(given.base), read_dataset(given.dataset), given.version)
        folder = write_package(packaged, given.out)
    except (UnfitDataset, CannotPackage, ModelsNotLoaded) as error:
        print(f"Not trained. {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Not trained. The bundle can't be written: {error}.", file=sys.stderr)
        return 1
    _report(packaged, folder)
    return 0


def _report(packaged: Packaged, folder: Path) -> None:
    held_out, answered = packaged.metrics["held_out"], packaged.metrics["answered"]
    print(f"Trained on {held_out['deals']:,} labelled deals, {held_out['frauds']:,} of them fraud.")
    print(f"AUC on deals that it was fitted without: {held_out['auc']}. Of the answered scores: {answered['auc']}.")
    if held_out["auc"] < answered["auc"]:
        print("So it does worse than what answered. Look at its card before you ship it: more labels may help.")
    print(f"The bundle is in {folder} ({packaged.model.digest}); its card is {folder / 'CARD.md'}.")
    print(f"Next: python -m vouch publish {folder}")


def build_retrained(base: Model, dataset: Dataset, version: str) -> Packaged:
    """The bundle's files, and the model loaded from them. Raises UnfitDataset or CannotPackage."""
    _check(base, dataset, version)
    taken, refused = take_deals(dataset, base.features)
    labels = [one.is_fraud for one in taken]
    _check_labels(labels)
    features = describe_features(base.features, [one.deal for one in taken])
    deals = draw_in(features, [one.deal for one in taken])
    fitted = _fit(features, deals, labels)
    held_out = [float(score) for score in fitted.held_out_scores]
    genuine = [score for score, is_fraud in zip(held_out, labels, strict=True) if not is_fraud]
    created_at = f"{dataset.datasheet['lake']['checkpoint']['committed_at'][:19]}Z"
    training = _describe_training(base, dataset, labels, refused, fitted)
    metrics = _measure(taken, labels, held_out)
    draft = Draft(
        name=base.name,
        version=version,
        created_at=created_at,
        description=f"Retrained on recorded deals with the features of {base.version}: the probability of fraud.",
        model_text=fitted.model_text,
        features=features,
        calibration=build_calibration(
            genuine, "genuine recorded deals in five blocks, each by a model fitted without it"
        ),
        deals=deals,
        scores=held_out,
        golden=build_golden(features, base.keys, deals),
        training=training,
        metrics=metrics,
        card=render_card(base.name, version, created_at, features, training, metrics),
        keys=base.keys,
    )
    try:
        files, model = assemble_bundle(draft)
    except ValueError as error:
        raise CannotPackage(f"The bundle can't be made: {error}") from error
    return Packaged(files, model, metrics, ())


def _check(base: Model, dataset: Dataset, version: str) -> None:
    if not POLICY_ID.match(version):
        raise CannotPackage(f"{version!r} is no version: use letters, digits, dots and dashes, such as 1.3.0.")
    if dataset.datasheet["model"] != base.name:
        raise UnfitDataset(f"The dataset is of {dataset.datasheet['model']}, the base is a version of {base.name}.")


def _check_labels(labels: Sequence[bool]) -> None:
    frauds = sum(labels)
    if len(labels) < MIN_ROWS or min(frauds, len(labels) - frauds) < MIN_OF_EACH:
        raise UnfitDataset(
            f"There are {len(labels)} labelled deals, {frauds} of them fraud. At least {MIN_ROWS} are needed and "
            f"{MIN_OF_EACH} of each: take a longer period, or label more decisions."
        )


def _fit(features: Sequence[Feature], deals: Sequence[Mapping[str, Any]], labels: Sequence[bool]) -> Fitted:
    rows = np.array([row.values for row in encode_deals(features, deals)])
    categorical = [feature.name for feature in features if feature.kind is Kind.CATEGORICAL]
    return fit(rows, np.array(labels, dtype=float), [feature.name for feature in features], categorical)


def _measure(taken: Sequence[RecordedDeal], labels: Sequence[bool], held_out: Sequence[float]) -> dict[str, Any]:
    """`answered` are the scores that callers got for the same deals, by whichever version answered."""
    return {"held_out": measure(labels, held_out), "answered": measure(labels, [one.score for one in taken])}


def _describe_training(
    base: Model, dataset: Dataset, labels: Sequence[bool], refused: int, fitted: Fitted
) -> dict[str, Any]:
    """What it was made from, in numbers that say nothing of one person."""
    sheet = dataset.datasheet
    return {
        "data": "recorded decisions and their labels",
        "data_sha256": sheet["file"]["sha256"],
        "rows": len(labels),
        "frauds": sum(labels),
        "base": {"version": base.version, "digest": base.digest},
        "lake": sheet["lake"],
        "asked": sheet["asked"],
        "decisions": sheet["decisions"],
        "left_out": {**sheet["left_out"], "unlabelled": _count_unlabelled(sheet), "refused": refused},
        "labelled_share": {outcome: _labelled_share(counts) for outcome, counts in sheet["labels"].items()},
        "answered_by": sheet["versions"],
        "lightgbm": LIGHTGBM_VERSION,
        "trees": fitted.trees,
        "parameters": PARAMETERS,
    }


def _count_unlabelled(sheet: Mapping[str, Any]) -> int:
    return sum(counts["none"] for counts in sheet["labels"].values())


def _labelled_share(counts: Mapping[str, int]) -> float:
    return round(1 - counts["none"] / sum(counts.values()), 2)


if __name__ == "__main__":
    sys.exit(main())
