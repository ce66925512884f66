"""Features that no caller sends: looked up in reference tables by a key that the caller did send.

    given features -> key -> row of the snapshot in memory -> values of the looked-up features -> encoded like any other

Looking up never fails a deal. Without a table, a column of the right type, a key or a row the value is missing, and
the feature is listed as unmatched. A row that holds null is matched, and its value missing all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scoring.faults import Fault, pointer_to
from scoring.features import EncodedRow, Encoder, Feature, Key, Kind, LookedUp, ReferenceUsed, Source
from scoring.reference_table import COLUMN_NAME, DATASET_NAME, ColumnType, ReferenceTable, key_text

Tables = Mapping[str, ReferenceTable]

NO_TABLES: Tables = {}
NOTHING = LookedUp({})

_COLUMN_TYPES = {Kind.NUMERIC: ColumnType.NUMBER, Kind.CATEGORICAL: ColumnType.CATEGORY}


class Lookups:
    """What one model looks up. Immutable."""

    def __init__(self, features: Sequence[Feature], keys: Sequence[Key]) -> None:
        self._encoder = Encoder(features)
        self._keys = tuple(keys)
        self._key_names = frozenset(key.name for key in keys)
        self._sources = {feature.name: (feature.source, wanted_type(feature)) for feature in features if feature.source}
        self.datasets = tuple(sorted({source.dataset for source, _ in self._sources.values()}))

    def look_up(self, given: Mapping[str, object], tables: Tables) -> LookedUp:
        """The values that these tables hold for a deal. Never raises."""
        values: dict[str, object] = {}
        unmatched: list[str] = []
        for name, (source, kind) in self._sources.items():
            row, place = _find_row(tables.get(source.dataset), source, kind, given)
            if row is None or place is None:
                unmatched.append(name)
                values[name] = None
            else:
                values[name] = row[place]
        return LookedUp(values, tuple(unmatched), tuple([_used(dataset, tables) for dataset in self.datasets]))

    def encode(self, given: Mapping[str, object], looked_up: LookedUp) -> tuple[EncodedRow, list[Fault]]:
        """Encode what was given together with what was looked up; faults are those of what was given."""
        seen = {**given, **{name: looked_up.values.get(name) for name in self._sources}}
        for name in self._key_names:
            seen.pop(name, None)
        row, faults = self._encoder.encode(seen)
        encoded = EncodedRow(row.values, row.imputed, row.unseen, row.unusual, looked_up=looked_up)
        return encoded, [*faults, *self._find_faults(given)]

    def _find_faults(self, given: Mapping[str, object]) -> Iterator[Fault]:
        for name in self._sources:
            if name in given:
                yield Fault(pointer_to("features", name), "Is looked up; leave it out.")
        for key in self._keys:
            value = given.get(key.name)
            if value is None and not key.nullable:
                yield Fault(pointer_to("features", key.name), "Is required.")
            if value is not None and key_text(value) is None:
                detail = "Must be a string of 1 to 128 printable characters or a whole number."
                yield Fault(pointer_to("features", key.name), detail)


def wanted_type(feature: Feature) -> ColumnType:
    """The type of the column that a looked-up feature needs."""
    return _COLUMN_TYPES[feature.kind]


def find_lookup_faults(features: Sequence[Feature], keys: Sequence[Key]) -> Iterator[str]:
    """What is wrong in a manifest's keys and sources whose types are right."""
    given = {feature.name for feature in features if feature.source is None}
    key_names = [key.name for key in keys]
    if len(set(key_names)) != len(key_names) or {feature.name for feature in features} & set(key_names):
        yield "keys: each must have a name of its own, which no feature has"
    looked_up = [feature for feature in features if feature.source is not None]
    if set(key_names) - {feature.source.key for feature in looked_up if feature.source}:
        yield "keys: each must be the key of a looked-up feature"
    sendable = given | set(key_names)
    for feature in looked_up:
        yield from (f"features.{feature.name}: {fault}" for fault in _find_source_faults(feature, sendable))


def _find_source_faults(feature: Feature, sendable: set[str]) -> Iterator[str]:
    source = feature.source
    assert source is not None
    if source.key not in sendable:
        yield f"its key {source.key!r} is neither a key nor a feature that callers send"
    if not DATASET_NAME.match(source.dataset) or not COLUMN_NAME.match(source.column):
        yield "its dataset or column has no sound name"
    if feature.kind not in _COLUMN_TYPES or any(not isinstance(category, str) for category in feature.categories):
        yield "a looked-up feature is a number, or a category by text"
    if not feature.nullable or feature.minimum is not None or feature.maximum is not None:
        yield "a looked-up feature is nullable and has no hard limits: no caller could mend it"


def find_table_faults(features: Sequence[Feature], table: ReferenceTable) -> Iterator[str]:
    """What a model's features miss in a snapshot of a dataset that they name."""
    for feature in features:
        source = feature.source
        if source is None or source.dataset != table.dataset:
            continue
        kind = wanted_type(feature)
        if table.place_of(source.column, kind) is None:
            yield f"has no column {source.column} of type {kind.value}, which the feature {feature.name} needs"


def _find_row(
    table: ReferenceTable | None, source: Source, kind: ColumnType, given: Mapping[str, object]
) -> tuple[tuple[object, ...] | None, int | None]:
    if table is None:
        return None, None
    key = key_text(given.get(source.key))
    return table.rows.get(key) if key is not None else None, table.place_of(source.column, kind)


def _used(dataset: str, tables: Tables) -> ReferenceUsed:
    table = tables.get(dataset)
    return table.used if table else ReferenceUsed(dataset)
