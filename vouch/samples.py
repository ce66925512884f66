"""A labelled sample of deals, from a CSV file or from a notebook: columns of plain values, None where missing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vouch.errors import CannotPackage

MISSING_TEXTS = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>"})
TRUE_FALSE = {"true": True, "false": False}
MIN_ROWS, MIN_OF_EACH = 100, 10


@dataclass(frozen=True, slots=True)
class Sample:
    """`labels` are True for fraud. `category_columns` are those that pandas held as categories, if it is known.

    `is_text` says that every value is still the text of a CSV file.
    """

    columns: dict[str, list[Any]]
    labels: tuple[bool, ...]
    is_text: bool = False
    category_columns: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def read_csv_sample(path: Path, label: str, positive: str | None, ignore: Sequence[str] = ()) -> Sample:
    """Read a CSV file with a header. Raises CannotPackage."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CannotPackage(f"{path} can't be read as CSV: {error}") from error
    if not rows:
        raise CannotPackage(f"{path} is empty: give a CSV file with a header and at least {MIN_ROWS} rows.")
    header, records = rows[0], [row for row in rows[1:] if row]
    _check_table(path, header, records, (label, *ignore))
    columns: dict[str, list[Any]] = {name: [row[index] for row in records] for index, name in enumerate(header)}
    labels = parse_labels(columns.pop(label), positive)
    return Sample({name: values for name, values in columns.items() if name not in ignore}, labels, is_text=True)


def read_frame(frame: Any, labels: Any, names: Sequence[str], positive: object = None) -> Sample:
    """Read a pandas DataFrame, or a two-dimensional array whose columns are the model's features, in order."""
    found = parse_labels(_to_list(labels), positive)
    if not hasattr(frame, "columns"):
        return Sample(_read_array(frame, names, len(found)), found)
    if len(frame) != len(found):
        raise CannotPackage(f"The sample has {len(frame)} rows, but there are {len(found)} labels.")
    categorical = tuple(str(name) for name in frame.columns if str(frame[name].dtype) == "category")
    columns = {
        str(name): [
            None if is_missing else value
            for value, is_missing in zip(frame[name].tolist(), frame[name].isna().tolist(), strict=True)
        ]
        for name in frame.columns
    }
    return Sample(columns, found, category_columns=categorical)


def parse_labels(values: Sequence[object], positive: object = None) -> tuple[bool, ...]:
    """True for fraud. Without `positive`, labels must be 0/1 or true/false. Raises CannotPackage."""
    found = {str(value) for value in values}
    if len(values) < MIN_ROWS:
        raise CannotPackage(f"The sample has {len(values)} rows: too few to calibrate on. Give at least {MIN_ROWS}.")
    if len(found) != 2:
        shown = ", ".join(sorted(found)[:5])
        raise CannotPackage(f"The labels must have two values, and they have {len(found)} ({shown}).")
    labels = tuple(str(value) == _name_positive(found, positive) for value in values)
    if min(sum(labels), len(labels) - sum(labels)) < MIN_OF_EACH:
        raise CannotPackage(
            f"The sample has {sum(labels)} frauds and {len(labels) - sum(labels)} genuine deals; "
            f"at least {MIN_OF_EACH} of each are needed to calibrate."
        )
    return labels


def parse_text(text: str, *, as_number: bool) -> Any:
    """A CSV cell as a JSON value: None where missing; text that is no number stays text."""
    lowered = text.strip().lower()
    if lowered in MISSING_TEXTS:
        return None
    if lowered in TRUE_FALSE:
        return TRUE_FALSE[lowered]
    if not as_number:
        return text
    try:
        return int(text) if text.strip().lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text


def _name_positive(found: set[str], positive: object) -> str:
    if positive is not None:
        if str(positive) not in found:
            raise CannotPackage(f"No label is {positive!r}; they are {', '.join(sorted(found))}.")
        return str(positive)
    for negative, one in (("0", "1"), ("0.0", "1.0"), ("False", "True"), ("false", "true")):
        if found == {negative, one}:
            return one
    raise CannotPackage(f"The labels are {', '.join(sorted(found))}: say which one means fraud (--positive VALUE).")


def _check_table(path: Path, header: Sequence[str], records: Sequence[Sequence[str]], named: Sequence[str]) -> None:
    if len(set(header)) != len(header):
        raise CannotPackage(f"{path}: a column name stands there twice.")
    for name in named:
        if name not in header:
            raise CannotPackage(f"{path} has no column {name!r}; it has {', '.join(header)}.")
    for number, row in enumerate(records, start=2):
        if len(row) != len(header):
            raise CannotPackage(f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}.")


def _read_array(array: Any, names: Sequence[str], rows: int) -> dict[str, list[Any]]:
    shape = getattr(array, "shape", ())
    if not hasattr(array, "tolist"):
        raise CannotPackage(f"The sample is a {type(array).__name__}; give a DataFrame or an array.")
    if len(shape) != 2 or shape != (rows, len(names)):
        raise CannotPackage(f"The sample must be a table of {rows} rows and {len(names)} columns; it is {shape}.")
    table = [[None if value != value else value for value in row] for row in array.tolist()]  # noqa: PLR0124 - NaN
    return {name: [row[index] for row in table] for index, name in enumerate(names)}


def _to_list(values: Any) -> list[Any]:
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)
