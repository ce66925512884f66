from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.histograms import Histogram, count_categories, count_numbers, freeze_edges

NUMBERS = st.lists(st.floats(-1e6, 1e6), max_size=80)


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.lists(st.none() | st.floats(allow_nan=False), max_size=30))
def test_every_number_falls_into_one_frozen_bin(reference: list[float], later: list[float | None]) -> None:
    edges = freeze_edges(reference)
    histogram = count_numbers(later, edges)
    assert histogram.faults() == []
    assert len(edges) < 10
    assert sum(histogram.counts) + histogram.missing == len(later)
    for index, count in enumerate(histogram.counts):
        low = edges[index - 1] if index else float("-inf")
        high = edges[index] if index < len(edges) else float("inf")
        inside = [one for one in later if one is not None and low <= one and (one < high or high == float("inf"))]
        assert count == len(inside)


def test_bins_of_many_values_hold_about_as_many_each() -> None:
    values = [float(index) for index in range(1000)]
    assert count_numbers(values, freeze_edges(values)).counts == (100,) * 10


def test_few_distinct_values_get_a_bin_each() -> None:
    values = [300.0] * 8 + [400.0] * 900 + [700.0] * 30
    assert freeze_edges(values) == (400.0, 700.0)
    assert count_numbers(values, freeze_edges(values)).counts == (8, 900, 30)


def test_value_that_nearly_all_have_does_not_break_the_edges() -> None:
    values = [0.0] * 990 + [float(index) for index in range(1, 15)]
    edges = freeze_edges(values)
    assert count_numbers(values, edges).faults() == []


def test_categories_count_missing_and_unseen_apart() -> None:
    histogram = count_categories(["a", "b", "a", None, "z", "y", None], ("a", "b", "c"))
    assert histogram == Histogram(counts=(2, 1, 0), categories=("a", "b", "c"), missing=2, unseen=2)


def test_booleans_are_counted_as_false_and_true() -> None:
    assert count_categories([True, False, True, None], (False, True)).counts == (1, 2)


def test_counts_that_do_not_fit_the_bins_are_found_out() -> None:
    assert Histogram(counts=(1,), edges=(0.5,)).faults() == ["has 1 counts for 2 bins"]
    assert Histogram(counts=(1, 2, 3), edges=(1.0, 1.0)).faults() == ["the edges don't rise"]
