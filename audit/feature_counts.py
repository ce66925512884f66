"""Feature counts: how the features of a window's live decisions lay, over the bins of each model's reference.

Counted while a lane is sealed, since nothing but the decisions themselves holds features; nothing of a decision is
kept but in which bins it fell. A row costs one look into each of the two parts of its record, and one bin a feature.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from audit.counters import Traffic
from audit.records import RecordType
from audit.sealing import LedgerRow
from scoring.histograms import Category, Histogram

_SCORED, _LIVE = RecordType.DECISION_SCORED.value, Traffic.LIVE.value

CountsKey = tuple[str, str, str]
"""Model, version, policy (`name/version`)."""


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of one feature: between `edges`, or one a category. Two more cells count what is missing and what is of
    an unseen category."""

    feature: str
    edges: tuple[float, ...] = ()
    categories: tuple[Category, ...] = ()

    @property
    def cells(self) -> int:
        return (len(self.categories) or len(self.edges) + 1) + 2


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """The bins of a model version's features, in order of names."""

    features: tuple[Bins, ...]

    @classmethod
    def of(cls, reference: Mapping[str, Histogram]) -> FeatureBins:
        """Those of a bundle's reference histograms, by feature."""
        return cls(tuple(Bins(name, found.edges, found.categories) for name, found in sorted(reference.items())))


FindBins = Callable[[str, str], FeatureBins | None]
"""The bins of a model's version; None where that version isn't at hand."""


class _Version(msgspec.Struct):
    name: str
    version: str


class _Data(msgspec.Struct):
    model: _Version
    policy: _Version
    traffic: str


class _Rest(msgspec.Struct):
    data: _Data


class _Personal(msgspec.Struct):
    features: dict[str, Any]
    referenced: dict[str, Any] = {}


_read_rest = msgspec.json.Decoder(_Rest).decode
_read_personal = msgspec.json.Decoder(_Personal).decode

_Step = tuple[str, tuple[float, ...] | None, dict[Category, int], int, int]


class Counted:
    """The decisions that one version and policy made, by bin: `cells` are those of all features, one after the
    other."""

    def __init__(self, bins: FeatureBins, decisions: int = 0, cells: Sequence[int] | None = None) -> None:
        self.bins = bins
        self.decisions = decisions
        self.cells = list(cells) if cells is not None else [0] * sum(each.cells for each in bins.features)
        self._plan = list(_plan(bins))

    def add(self, features: Mapping[str, Any]) -> None:
        """Count one decision. Raises TypeError, and counts nothing, where a value is of no type that a feature has."""
        found: list[int] = []
        get, append = features.get, found.append
        for name, edges, cell_of, first, missing in self._plan:
            value = get(name)
            if value is None:
                append(missing)
            elif edges is not None:
                append(first + bisect_right(edges, value))
            else:
                append(cell_of.get(value, missing + 1))
        cells = self.cells
        for cell in found:
            cells[cell] += 1
        self.decisions += 1

    def merge(self, other: Counted) -> None:
        if self.bins != other.bins:
            raise ValueError("the same version of a model was counted over two sets of bins")
        self.cells = [one + more for one, more in zip(self.cells, other.cells, strict=True)]
        self.decisions += other.decisions

    def by_feature(self) -> Iterator[tuple[Bins, list[int]]]:
        """Each feature's bins with its cells: the bins' counts, then missing and unseen."""
        at = 0
        for bins in self.bins.features:
            yield bins, self.cells[at : at + bins.cells]
            at += bins.cells


class FeatureCounts:
    """Feature counts by version and policy. Adding and merging commute; what it takes is bounded by features x bins."""

    def __init__(self) -> None:
        self.counted: dict[CountsKey, Counted] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureCounts) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def add(self, row: LedgerRow, bins: FindBins) -> None:
        """Count a record, if it is a live decision whose person wasn't erased and whose version is at hand.

        A row that isn't what was written, and can't be read, counts nowhere: whoever seals tells of it."""
        if row.type != _SCORED or not row.personal:
            return
        try:
            self._add(row, bins)
        except (msgspec.DecodeError, TypeError):
            return

    def _add(self, row: LedgerRow, bins: FindBins) -> None:
        data = _read_rest(row.rest).data
        if data.traffic != _LIVE:
            return
        key = (data.model.name, data.model.version, f"{data.policy.name}/{data.policy.version}")
        counted = self.counted.get(key)
        if counted is None:
            found = bins(data.model.name, data.model.version)
            if found is None:
                return
            counted = Counted(found)
        personal = _read_personal(row.personal)
        counted.add({**personal.features, **personal.referenced} if personal.referenced else personal.features)
        self.counted[key] = counted

    def merge(self, other: FeatureCounts) -> None:
        for key, counted in other.counted.items():
            self.counted.setdefault(key, Counted(counted.bins)).merge(counted)

    def to_json(self) -> list[Any]:
        """JSON values: `[model, version, policy, decisions, [[feature, edges, categories], ...], cells]`."""
        return [
            [*key, counted.decisions, [_bins_data(bins) for bins in counted.bins.features], list(counted.cells)]
            for key, counted in sorted(self.counted.items())
        ]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> FeatureCounts:
        """The reverse of `to_json`."""
        counts = cls()
        for model, version, policy, decisions, features, cells in value:
            bins = FeatureBins(tuple(Bins(name, tuple(edges), tuple(known)) for name, edges, known in features))
            counts.counted[model, version, policy] = Counted(bins, decisions, cells)
        return counts


def _bins_data(bins: Bins) -> list[Any]:
    return [bins.feature, list(bins.edges), list(bins.categories)]


def _plan(bins: FeatureBins) -> Iterator[_Step]:
    """For each feature: name, edges (None: categorical), categories to cells, first cell, cell of what is missing."""
    first = 0
    for each in bins.features:
        missing = first + each.cells - 2
        cell_of = {category: first + at for at, category in enumerate(each.categories)}
        yield each.feature, None if each.categories else each.edges, cell_of, first, missing
        first += each.cells
