"""Drafts the features of a bundle from the model and the sample, so that nobody writes two hundred by hand.

The model knows which features are categorical, the ranges it was trained on and the categories of pandas columns; the
sample knows what the values look like. An owner's overrides come last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from scoring.features import Feature, Key, Kind
from scoring.manifest import find_feature_faults
from vouch.errors import CannotPackage
from vouch.model_text import ModelText
from vouch.samples import Sample, parse_text

NUMBERED = re.compile(r"Column_\d+")


@dataclass(frozen=True, slots=True)
class Column:
    """A feature as drafted, its values as JSON values, and the numbers that LightGBM itself would see for them."""

    feature: Feature
    values: list[Any]
    numbers: list[float]


def draft_columns(model: ModelText, sample: Sample) -> list[Column]:
    """Every feature in the model's order. Raises CannotPackage where model and sample don't fit."""
    names = match_columns(model.feature_names, list(sample.columns))
    held = _place_pandas_categories(model, sample, names)
    return [_draft_column(index, name, model, sample, held.get(index)) for index, name in enumerate(names)]


def match_columns(features: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The sample's column for each feature: by name, or by position where the model has no names."""
    if len(set(columns)) != len(columns):
        raise CannotPackage("A column name of the sample stands there twice.")
    if all(NUMBERED.fullmatch(name) for name in features) and len(features) == len(columns):
        return list(columns)
    known = {re.sub(r"\s", "_", column): column for column in columns}
    absent = [name for name in features if name not in known]
    extra = [column for name, column in known.items() if name not in features]
    if absent or extra:
        raise CannotPackage(
            f"The model has {len(features)} features, the sample {len(columns)} columns besides the label. "
            f"Not in the sample: {_list(absent)}. Not in the model: {_list(extra)} (leave a column out with --ignore)."
        )
    return [known[name] for name in features]


def apply_overrides(features: Sequence[Feature], overrides: Mapping[str, Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Change drafted features by name. Raises CannotPackage for a feature or a field that doesn't exist."""
    changed = tuple(_override(feature, overrides.get(feature.name, {})) for feature in features)
    unknown = overrides.keys() - {feature.name for feature in features} - set(_find_keys(changed))
    if unknown:
        raise CannotPackage(f"The overrides name {_list(sorted(unknown))}, which the model doesn't have.")
    return changed


def draft_keys(features: Sequence[Feature], overrides: Mapping[str, Mapping[str, Any]]) -> tuple[Key, ...]:
    """The keys that callers send only to look features up, as the overrides describe them. Raises CannotPackage."""
    return tuple(_draft_key(name, overrides.get(name, {})) for name in _find_keys(features))


def _find_keys(features: Sequence[Feature]) -> list[str]:
    """The keys that the sources name and that are no features themselves."""
    names = {feature.name for feature in features}
    return list(dict.fromkeys(f.source.key for f in features if f.source and f.source.key not in names))


def _draft_key(name: str, fields: Mapping[str, Any]) -> Key:
    fixed = sorted(fields.keys() - OWNED_OF_KEYS)
    if fixed:
        raise CannotPackage(f"{name}: {_list(fixed)} can't be said of a key; {', '.join(sorted(OWNED_OF_KEYS))} can.")
    try:
        return msgspec.convert({"name": name, **fields}, Key)
    except msgspec.ValidationError as error:
        raise CannotPackage(f"{name}: the override is wrong: {error}") from error


OWNED_OF_KEYS = frozenset({"nullable", "personal", "description"})
OWNED = OWNED_OF_KEYS | {"minimum", "maximum", "training_minimum", "training_maximum", "source"}


def _override(feature: Feature, fields: Mapping[str, Any]) -> Feature:
    fixed = sorted(fields.keys() - OWNED)
    if fixed:
        raise CannotPackage(f"{feature.name}: {_list(fixed)} can't be overridden; {', '.join(sorted(OWNED))} can.")
    try:
        changed = msgspec.convert({**msgspec.to_builtins(feature), **fields}, Feature)
    except msgspec.ValidationError as error:
        raise CannotPackage(f"{feature.name}: the override is wrong: {error}") from error
    for fault in find_feature_faults(changed):
        raise CannotPackage(f"{feature.name}: the override is wrong: {fault}")
    return changed


def _place_pandas_categories(model: ModelText, sample: Sample, names: Sequence[str]) -> dict[int, Sequence[object]]:
    """Which feature each list of pandas categories belongs to; the lists stand in the order of the columns."""
    lists = model.pandas_categories
    if not lists:
        return {}
    if sample.category_columns:
        places = [index for index, name in enumerate(names) if name in sample.category_columns]
    else:
        places = list(model.categories)
    if len(places) != len(lists) and sample.is_text:
        places = sorted({*model.categories, *(i for i, name in enumerate(names) if _is_text(sample.columns[name]))})
    if len(places) != len(lists):
        raise CannotPackage(
            f"The model was trained on {len(lists)} pandas columns of category type, and the sample shows "
            f"{len(places)}. Package it from a notebook: vouch.package(classifier, dataframe, labels)."
        )
    return dict(zip(places, lists, strict=True))


def _is_text(cells: Sequence[str]) -> bool:
    return any(isinstance(parse_text(cell, as_number=True), str) for cell in cells)


def _draft_column(
    index: int, name: str, model: ModelText, sample: Sample, pandas_categories: Sequence[object] | None
) -> Column:
    raw = sample.columns[name]
    if pandas_categories is not None:
        return _draft_pandas(name, pandas_categories, raw, is_text=sample.is_text)
    values = [parse_text(value, as_number=True) for value in raw] if sample.is_text else raw
    wrong = next((value for value in values if not isinstance(value, int | float | None)), None)
    if wrong is not None:
        raise CannotPackage(f"Column {name!r} holds {wrong!r}, but the model takes numbers there.")
    if index in model.categories:
        return _draft_codes(name, model.categories[index], values)
    return _draft_numbers(name, model.ranges.get(index), values)


def _draft_numbers(name: str, training: tuple[float, float] | None, values: list[Any]) -> Column:
    known = [value for value in values if value is not None]
    numbers = [_number(value) for value in values]
    if known and all(isinstance(value, bool) for value in known) and (training is None or training == (0.0, 1.0)):
        return Column(Feature(name, Kind.BOOLEAN), values, numbers)
    plain = [int(value) if isinstance(value, bool) else value for value in values]
    low, high = training or (min(map(float, known), default=None), max(map(float, known), default=None))
    return Column(Feature(name, Kind.NUMERIC, training_minimum=low, training_maximum=high), plain, numbers)


def _draft_codes(name: str, codes: Sequence[int], values: list[Any]) -> Column:
    """A categorical feature whose categories are the whole numbers that the model was trained on."""
    wrong = next((value for value in values if isinstance(value, float) and not value.is_integer()), None)
    if wrong is not None:
        raise CannotPackage(f"Column {name!r} holds {wrong!r}, but the model takes whole numbers (categories) there.")
    whole = [None if value is None else int(value) for value in values]
    categories = tuple(sorted({*codes, *(value for value in whole if value is not None and value >= 0)}))
    if not categories:
        raise CannotPackage(f"Column {name!r} is categorical, but neither model nor sample shows a category of it.")
    feature = Feature(name, Kind.CATEGORICAL, categories=categories, codes=categories)
    return Column(feature, whole, [_number(value) for value in whole])


def _draft_pandas(name: str, categories: Sequence[object], raw: list[Any], *, is_text: bool) -> Column:
    """A pandas column of category type: LightGBM sees a category's position."""
    known = [_plain_category(name, category) for category in categories]
    positions = {category: position for position, category in enumerate(known)}
    values = [_read_cell(value, positions) for value in raw] if is_text else [_plain(value) for value in raw]
    numbers = [float(positions[value]) if value in positions else math.nan for value in values]
    if not any(value in positions for value in values):
        raise CannotPackage(f"Column {name!r} holds none of the categories that the model was trained on.")
    if any(isinstance(category, bool) for category in known):
        if known != [False, True]:
            raise CannotPackage(f"Column {name!r} has the categories {known}. Make it a boolean column or text.")
        return Column(Feature(name, Kind.BOOLEAN), values, numbers)
    if len({type(category) for category in known}) != 1:
        raise CannotPackage(f"Column {name!r} mixes text and numbers in its categories. Make them all text.")
    return Column(Feature(name, Kind.CATEGORICAL, categories=tuple(known)), values, numbers)


def _plain_category(name: str, category: object) -> Any:
    plain = _plain(category)
    if not isinstance(plain, str | int):
        raise CannotPackage(f"Column {name!r} has the category {category!r}: categories must be text or whole numbers.")
    return plain


def _plain(value: Any) -> Any:
    """Pandas turns whole numbers into floats where a value is missing; here they are whole again."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_cell(cell: str, positions: Mapping[Any, int]) -> Any:
    if cell in positions:
        return cell
    value = parse_text(cell, as_number=not any(isinstance(category, str) for category in positions))
    return _plain(value)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (" and more" if len(names) > 10 else "") if names else "none"
