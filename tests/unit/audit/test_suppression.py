"""Suppression: no hidden count can be worked out, whatever the reader knows of the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.suppression import suppress

Rule = Callable[[Sequence[int], int], Sequence[int | None]]


def partitions(cells: int, total: int) -> Iterator[tuple[int, ...]]:
    """Every way to part a total into cells."""
    if cells == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in partitions(cells - 1, total - first))


def given_away(rule: Rule, cells: int, total: int, below: int) -> list[tuple[int | None, ...]]:
    """What is told of some partition and fits no second value of a hidden count: the reader, who tries every partition,
    knows it."""
    values: dict[tuple[int | None, ...], list[set[int]]] = defaultdict(lambda: [set() for _ in range(cells)])
    for counts in partitions(cells, total):
        told = tuple(rule(counts, below))
        for known, count in zip(values[told], counts, strict=True):
            known.add(count)
    return [
        told
        for told, known in values.items()
        if any(shown is None and len(fitting) < 2 for shown, fitting in zip(told, known, strict=True))
    ]


@pytest.mark.parametrize(
    ("cells", "most", "below"),
    [(2, 30, 3), (2, 30, 5), (3, 24, 3), (3, 26, 5), (4, 18, 3), (4, 20, 5), (5, 15, 3), (5, 20, 5), (6, 12, 3)],
)
def test_hidden_count_of_any_small_partition_can_have_another_value(cells: int, most: int, below: int) -> None:
    for total in range(below, most + 1):
        assert given_away(suppress, cells, total, below) == []


def hide_small(counts: Sequence[int], below: int) -> list[int | None]:
    return [None if 0 < count < below else count for count in counts]


def hide_with_the_next(counts: Sequence[int], below: int) -> list[int | None]:
    """As one would do it first: one hidden count takes one other along."""
    told = hide_small(counts, below)
    if told.count(None) == 1:
        told[min((count, at) for at, count in enumerate(counts) if count >= below)[1]] = None
    return told


def test_simpler_rules_give_counts_away() -> None:
    assert given_away(hide_small, 2, 10, 5)
    assert (None, 5, None) in given_away(hide_with_the_next, 3, 14, 5)


COUNTS = st.lists(st.one_of(st.integers(0, 6), st.integers(0, 1000)), min_size=1, max_size=50)


@given(COUNTS, st.integers(3, 10))
def test_no_small_count_is_told_and_no_other_is_changed(counts: list[int], below: int) -> None:
    told = suppress(counts, below)
    for count, shown in zip(counts, told, strict=True):
        assert shown is None or (shown == count and not 0 < count < below)
    if not any(0 < count < below for count in counts):
        assert told == counts


@given(COUNTS, st.integers(3, 10), st.randoms(use_true_random=False))
def test_hidden_counts_in_another_order_are_told_the_same(counts: list[int], below: int, random: object) -> None:
    told = suppress(counts, below)
    hidden = [at for at, shown in enumerate(told) if shown is None]
    moved = [counts[at] for at in hidden]
    random.shuffle(moved)  # type: ignore[attr-defined]
    other = list(counts)
    for at, count in zip(hidden, moved, strict=True):
        other[at] = count
    assert suppress(other, below) == told


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([100, 40, 30], [100, 40, 30]),
        ([100, 0, 0], [100, 0, 0]),
        ([100, 40, 3], [100, None, None]),
        ([100, 40, 3, 2], [100, 40, None, None]),
        ([100, 40, 0, 3, 2], [100, 40, 0, None, None]),
        ([100, 9, 9, 3], [100, None, None, None]),
        ([100, 40, 1, 1], [100, None, None, None]),
        ([100, 40, 4, 4, 4], [100, None, None, None, None]),
        ([9, 4, 3, 0], [9, None, None, 0]),
        ([9, 4, 3, 2, 0], [None, None, None, None, None]),
        ([7, 3], [None, None]),
        ([3], [None]),
    ],
)
def test_rules_hide_as_they_say(counts: list[int], told: list[int | None]) -> None:
    assert suppress(counts, 5) == told


def test_threshold_that_hides_only_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="below 3 or more"):
        suppress([1, 2], 2)
