"""Reference histograms: how features and scores lay when a model was made, in bins that never move.

Drift is measured against them later, so the bins are frozen in the manifest. A numeric bin holds `edges[i-1] <= value
< edges[i]`; the first and the last are open. Missing values and unseen categories have counts of their own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Category = str | int | bool


@dataclass(frozen=True, slots=True)
class Histogram:
    """Numeric: `counts` has one more entry than `edges`. Categorical: one entry a category."""

    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[Category, ...] = ()
    missing: int = 0
    unseen: int = 0

    def faults(self) -> list[str]:
        """What keeps the bins and the counts from fitting together; empty: they do."""
        expected = len(self.categories) if self.categories else len(self.edges) + 1
        faults = [] if len(self.counts) == expected else [f"has {len(self.counts)} counts for {expected} bins"]
        if any(later <= edge for edge, later in zip(self.edges, self.edges[1:], strict=False)):
            faults.append("the edges don't rise")
        return faults


def freeze_edges(values: Iterable[float], bins: int = 10) -> tuple[float, ...]:
    """Edges of at most `bins` bins with about as many values each; few distinct values get a bin each."""
    ordered = sorted(values)
    distinct = sorted(set(ordered))
    if len(distinct) <= bins:
        return tuple(distinct[1:])
    cuts = {ordered[len(ordered) * index // bins] for index in range(1, bins)}
    return tuple(sorted(cuts - {ordered[0]}))


def count_numbers(values: Iterable[float | None], edges: Sequence[float]) -> Histogram:
    """Count numbers into frozen bins; None is missing."""
    counts = [0] * (len(edges) + 1)
    missing = 0
    for value in values:
        if value is None:
            missing += 1
        else:
            counts[bisect_right(edges, value)] += 1
    return Histogram(tuple(counts), edges=tuple(edges), missing=missing)


def count_categories(values: Iterable[Category | None], categories: Sequence[Category]) -> Histogram:
    """Count categories; None is missing, any other stranger unseen."""
    found = Counter(values)
    missing = found.pop(None, 0)
    counts = tuple(found.pop(category, 0) for category in categories)
    return Histogram(counts, categories=tuple(categories), missing=missing, unseen=found.total())
