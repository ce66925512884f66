"""Recorded deals with what was found out about them: a dataset of `vouch dataset`, read for training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.features import Encoder, Feature
from vouch.dataset_files import LINES, datasheet_of, digest_file, read_rows
from vouch.datasheet import FORMAT

FRAUD = "fraud"
Deal = Mapping[str, object]
Table = Mapping[str, Any]


class UnfitDataset(ValueError):
    """A dataset that no model can be trained on; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class RecordedDeal:
    """A deal as a model sees it, whether it was sent or looked up; the score that it was answered with."""

    deal: Deal
    is_fraud: bool
    score: float


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled rows in the order in which they were decided, and the datasheet."""

    rows: Sequence[Table]
    datasheet: Table


def read_dataset(path: Path) -> Dataset:
    """Raises UnfitDataset."""
    if not path.name.endswith(LINES):
        raise UnfitDataset(
            f"{path} is no {LINES}: a table doesn't say what is text and what a number. Make one of those."
        )
    datasheet = _read_datasheet(datasheet_of(path))
    try:
        if digest_file(path) != datasheet["file"]["sha256"]:
            raise UnfitDataset(
                f"{path} is not the file that its datasheet describes. Make it anew: python -m vouch dataset"
            )
        rows = [row for row in read_rows(path) if row["label"] is not None]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UnfitDataset(f"{path} can't be read: {error}. Make it anew: python -m vouch dataset") from error
    return Dataset(sorted(rows, key=lambda row: (row["decided_at"], row["decision_id"])), datasheet)


def _read_datasheet(path: Path) -> Table:
    try:
        datasheet = json.loads(path.read_bytes())
        is_ours = datasheet["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnfitDataset(
            f"{path} can't be read: {error!r}. It is written beside every dataset; keep them together."
        ) from error
    if not is_ours:
        raise UnfitDataset(f"{path} is of the format {datasheet['format']!r}; {FORMAT!r} is known here.")
    found: Table = datasheet
    return found


def take_deals(dataset: Dataset, features: Sequence[Feature]) -> tuple[list[RecordedDeal], int]:
    """The deals as these features see them, and how many were left out because a value would be refused. What a
    version that decided did not look up is missing."""
    encoder = Encoder(features)
    taken = []
    for row in dataset.rows:
        deal = {
            feature.name: row["looked_up" if feature.source else "features"].get(feature.name) for feature in features
        }
        if not encoder.encode(deal)[1]:
            taken.append(RecordedDeal(deal, row["label"] == FRAUD, row["score"]))
    return taken, len(dataset.rows) - len(taken)
