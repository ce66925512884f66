"""A model's features, and the way from a deal's JSON values to the numbers that LightGBM sees.

Encoding is on the path of every decision. One loop handles what nearly every value is: known, of the right type,
inside the training range. Whatever is not goes to `_examine`, which tells the unusual from the faulty.

How LightGBM sees a value: a number as itself, true as 1 and false as 0, a category as its code (a whole number), and
whatever is missing as NaN. An unseen category is NaN too: a categorical split sends both the same way, and
LightGBM's own pandas interface does the same.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scoring.faults import Fault, pointer_to

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

MISSING = math.nan
LARGEST = sys.float_info.max
LARGEST_INTEGER = 2**53 - 1  # beyond, readers of JSON lose digits, and the record's canonical JSON has no form
MAX_CATEGORY_CHARACTERS = 256


class Kind(StrEnum):
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a feature is looked up: a column of a reference dataset, by the value of another feature or key."""

    dataset: str
    column: str
    key: str


@dataclass(frozen=True, slots=True)
class Key:
    """What a caller sends for looking up alone: LightGBM never sees it. A text or a whole number."""

    name: str
    nullable: bool = True
    personal: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a model, as its manifest describes it.

    `codes` are the numbers that LightGBM sees for `categories`; empty means 0, 1, 2, ... A value beyond `minimum` or
    `maximum` is refused; one outside the training range is scored and listed as unusual. A feature that is not
    `nullable` must be there. `personal` marks what says something about a natural person. One with a `source` is
    looked up, and no caller may send it.
    """

    name: str
    kind: Kind
    categories: tuple[str | int, ...] = ()
    codes: tuple[int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    training_minimum: float | None = None
    training_maximum: float | None = None
    nullable: bool = True
    personal: bool = False
    description: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class ReferenceUsed:
    """Which snapshot of a dataset was looked into: its name and digest (`sha256:<hex>`), None where there was none."""

    dataset: str
    snapshot: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """`values` of the looked-up features (None: missing), the names of those that no row was found for, and the
    snapshots, one a dataset."""

    values: Mapping[str, object]
    unmatched: tuple[str, ...] = ()
    references: tuple[ReferenceUsed, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """`values` in the model's order, NaN where missing. The names: missing, of an unseen category, out of range, and
    given but of no use to this version. `looked_up` is None for a model that looks nothing up."""

    values: tuple[float, ...]
    imputed: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    looked_up: LookedUp | None = None


class Encoder:
    """Encodes a deal's features in the model's order. Never raises; immutable once built."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self._names = frozenset(feature.name for feature in features)
        self._plan = tuple(_plan(feature) for feature in features)

    def encode(self, given: Mapping[str, object]) -> tuple[EncodedRow, list[Fault]]:
        """Encode `given`; every fault of it is listed, with a JSON Pointer into the deal."""
        values: list[float] = []
        odd: list[tuple[int, Any]] = []
        get, append = given.get, values.append
        for name, types, code_of, low, high in self._plan:
            value: Any = get(name)
            if type(value) in types:
                if code_of is None:
                    if low <= value <= high:
                        append(float(value))
                        continue
                elif (code := code_of(value)) is not None:
                    append(code)
                    continue
            odd.append((len(values), value))
            append(MISSING)
        if not odd and len(given) == len(values):
            return EncodedRow(tuple(values)), []
        return self._examine(given, values, odd)

    def _examine(
        self, given: Mapping[str, object], values: list[float], odd: Sequence[tuple[int, Any]]
    ) -> tuple[EncodedRow, list[Fault]]:
        notes = _Notes()
        for index, value in odd:
            values[index] = _examine_value(self.features[index], value, notes)
        unknown = [name for name in given if name not in self._names]
        notes.faults.extend(Fault(pointer_to("features", name), "Is no feature of this model.") for name in unknown)
        return EncodedRow(tuple(values), tuple(notes.imputed), tuple(notes.unseen), tuple(notes.unusual)), notes.faults


@dataclass(slots=True)
class _Notes:
    """What was found while encoding one deal."""

    imputed: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    unusual: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def is_plain(value: object) -> bool:
    """Whether some feature could take this value: a text, a number or a boolean that a record can hold, or None."""
    if isinstance(value, str):
        return len(value) <= MAX_CATEGORY_CHARACTERS and not _LONE_SURROGATE.search(value)
    if isinstance(value, int):
        return abs(value) <= LARGEST_INTEGER
    return value is None or (isinstance(value, float) and math.isfinite(value))


def code_table(feature: Feature) -> dict[str | int | bool, float]:
    """What LightGBM sees for each value of a categorical or boolean feature."""
    if feature.kind is Kind.BOOLEAN:
        return {False: 0.0, True: 1.0}
    codes = feature.codes or range(len(feature.categories))
    return {category: float(code) for category, code in zip(feature.categories, codes, strict=True)}


def json_types(feature: Feature) -> frozenset[type]:
    """The types that a value of this feature may have once its JSON is decoded."""
    if feature.kind is Kind.BOOLEAN:
        return frozenset({bool})
    if feature.kind is Kind.NUMERIC or _has_whole_categories(feature):
        return frozenset({int, float})
    return frozenset({str})


def _has_whole_categories(feature: Feature) -> bool:
    return any(isinstance(category, int) for category in feature.categories)


_Step = tuple[str, frozenset[type], Callable[[Any], float | None] | None, float, float]


def _plan(feature: Feature) -> _Step:
    """What the fast loop needs: name, types, category to code, and a range inside which nothing is to be said."""
    code_of = None if feature.kind is Kind.NUMERIC else code_table(feature).get
    lows = [low for low in (feature.minimum, feature.training_minimum) if low is not None]
    highs = [high for high in (feature.maximum, feature.training_maximum) if high is not None]
    return feature.name, json_types(feature), code_of, max([-LARGEST_INTEGER, *lows]), min([LARGEST_INTEGER, *highs])


def _examine_value(feature: Feature, value: Any, notes: _Notes) -> float:
    if value is None:
        return _examine_missing(feature, notes)
    if type(value) not in json_types(feature):
        return _refuse(feature, f"Must be {_expected(feature)}.", notes)
    if type(value) is not str and not -LARGEST <= value <= LARGEST:
        return _refuse(feature, "Must be a finite number, at most 1.7976931348623157e308.", notes)
    if type(value) is int and abs(value) > LARGEST_INTEGER:
        limits = f"from {-LARGEST_INTEGER} to {LARGEST_INTEGER}"
        return _refuse(feature, f"Must be a whole number {limits}; write a larger one as 1.5e20.", notes)
    return (
        _examine_number(feature, value, notes)
        if feature.kind is Kind.NUMERIC
        else _examine_unseen(feature, value, notes)
    )


def _examine_missing(feature: Feature, notes: _Notes) -> float:
    if not feature.nullable:
        return _refuse(feature, "Is required.", notes)
    notes.imputed.append(feature.name)
    return MISSING


def _examine_number(feature: Feature, value: float, notes: _Notes) -> float:
    if feature.minimum is not None and value < feature.minimum:
        return _refuse(feature, f"Must be at least {feature.minimum:.15g}.", notes)
    if feature.maximum is not None and value > feature.maximum:
        return _refuse(feature, f"Must be at most {feature.maximum:.15g}.", notes)
    if not _is_usual(feature, value):
        notes.unusual.append(feature.name)
    return float(value)


def _is_usual(feature: Feature, value: float) -> bool:
    low, high = feature.training_minimum, feature.training_maximum
    return (low is None or low <= value) and (high is None or value <= high)


def _examine_unseen(feature: Feature, value: str | float, notes: _Notes) -> float:
    if isinstance(value, float) and not value.is_integer():
        return _refuse(feature, "Must be a whole number: it names a category.", notes)
    if isinstance(value, str) and len(value) > MAX_CATEGORY_CHARACTERS:
        return _refuse(feature, f"Must be at most {MAX_CATEGORY_CHARACTERS} characters.", notes)
    if isinstance(value, str) and _LONE_SURROGATE.search(value):
        return _refuse(feature, "Holds half a surrogate pair, which is no character.", notes)
    notes.unseen.append(feature.name)
    return MISSING


def _refuse(feature: Feature, detail: str, notes: _Notes) -> float:
    notes.faults.append(Fault(pointer_to("features", feature.name), detail))
    return MISSING


def _expected(feature: Feature) -> str:
    if feature.kind is Kind.BOOLEAN:
        return "true or false"
    if feature.kind is Kind.NUMERIC:
        return "a number"
    return "a whole number: it names a category" if _has_whole_categories(feature) else "a string"
