"""`package(classifier, dataframe, labels, ...)`: a bundle from a trained classifier, straight from a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vouch.errors import CannotPackage
from vouch.packaging import Request, build_package, now, write_package
from vouch.samples import read_frame


def package(
    classifier: Any,
    dataframe: Any,
    labels: Any,
    *,
    name: str,
    version: str,
    out: str | Path,
    positive: object = None,
    features: Mapping[str, Mapping[str, Any]] | None = None,
    created_at: str | None = None,
    description: str = "",
) -> Path:
    """Write `<out>/<name>/<version>/` and return it. Raises CannotPackage.

    `classifier` is a fitted LGBMClassifier or a Booster, `dataframe` a DataFrame as it is given to its predict (or an
    array), `labels` a value for each row. `positive` is the label of fraud (default: the classifier's second class).
    `features` overrides what was drafted: `{"age": {"personal": True, "minimum": 0}}`.
    """
    booster = getattr(classifier, "booster_", classifier)
    if not hasattr(booster, "model_to_string"):
        raise CannotPackage(f"{type(classifier).__name__} is no LGBMClassifier and no Booster.")
    _check_order(booster.feature_name(), dataframe)
    sample = read_frame(dataframe, labels, booster.feature_name(), _choose_positive(classifier, positive))
    request = Request(
        model=booster.model_to_string().encode(),
        sample=sample,
        name=name,
        version=version,
        created_at=created_at or now(),
        description=description,
        overrides=features or {},
        original=None if booster.num_model_per_iteration() > 1 else _score_original(classifier, dataframe),
    )
    packaged = build_package(request, say=_print)
    folder = write_package(packaged, Path(out))
    for warning in packaged.warnings:
        _print(f"Note: {warning}")
    _print(f"{name} {version} is in {folder}. {len(sample)} rows score the same as in LightGBM, bit for bit.")
    return folder


def _choose_positive(classifier: Any, positive: object) -> object:
    classes = [str(value) for value in getattr(classifier, "classes_", [])]
    if len(classes) != 2:
        return positive
    if positive is not None and str(positive) != classes[1]:
        raise CannotPackage(f"The classifier scores {classes[1]!r}, not {str(positive)!r}. Train it with fraud as 1.")
    return classes[1]


def _check_order(features: Sequence[str], dataframe: Any) -> None:
    """LightGBM reads a DataFrame by position: the same columns in another order give other scores."""
    columns = [re.sub(r"\s", "_", str(name)) for name in getattr(dataframe, "columns", features)]
    if sorted(columns) == sorted(features) and columns != list(features):
        raise CannotPackage("The columns stand in another order than the model's, and LightGBM reads by position.")


def _score_original(classifier: Any, dataframe: Any) -> list[float]:
    """LightGBM's own answer, from the sample as its owner has it."""
    try:
        found = classifier.predict_proba(dataframe) if hasattr(classifier, "predict_proba") else None
        scores = classifier.predict(dataframe) if found is None else found[:, 1] if found.ndim == 2 else found
    except Exception as error:
        raise CannotPackage(f"LightGBM itself can't score this sample: {error}") from error
    return [float(score) for score in scores.tolist()]


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a notebook shows what is printed
