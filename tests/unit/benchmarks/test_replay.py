"""The tables and goals of replaying, from figures."""

from __future__ import annotations

from benchmarks.replay import DECODE, ENCODE, EXPLAINED, PLAIN, Compared, build_section

PARTS = {DECODE: [30.0], ENCODE: [5.0], "score, in one call": [2.0]}
COMPARED = {PLAIN: Compared([2.0], [10.0], PARTS), EXPLAINED: Compared([30.0], [40.0], PARTS)}


def test_share_is_of_the_batch_rate_and_a_miss_says_where_the_time_goes() -> None:
    missed, reached = build_section(COMPARED).goals
    assert (missed.measured, missed.is_reached) == ("0.2 (0.2 to 0.2)", False)
    assert "Of 10 us LightGBM's own batch takes 2;" in missed.why
    assert (reached.measured, reached.is_reached) == ("0.75 (0.75 to 0.75)", True)


def test_parts_are_shares_of_the_replay_and_decoding_comes_before_it() -> None:
    table = build_section(COMPARED).tables[1]
    assert f"| {ENCODE} | 5 (5 to 5) | 50% |" in table
    assert "| the rest: what each record names, comparing | 3 | 30% |" in table
    assert f"| before it: {DECODE} | 30 (30 to 30) |  |" in table
