"""Which deals count as those of a load."""

from __future__ import annotations

from benchmarks.version_loads import LoadingRound, Span


def test_deal_counts_where_any_part_of_its_wait_fell_into_a_load() -> None:
    before, into, within, out_of, after = (Span(start, start + 0.2) for start in (0.7, 0.9, 1.3, 1.9, 2.0))
    measured = LoadingRound(requests=[before, into, within, out_of, after])
    assert len(measured.latencies_ms([Span(1.0, 2.0)])) == 3


def test_latency_is_in_milliseconds_from_the_moment_that_a_deal_was_due() -> None:
    measured = LoadingRound(requests=[Span(1.0, 1.25)])
    assert measured.latencies_ms([Span(0.0, 2.0)]) == [250.0]
