"""The arithmetic and the tables of the benchmarks."""

from __future__ import annotations

import pytest

from benchmarks.figures import Goal, Spread, goal_rows, markdown_table, quantile, shown, spread


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)],
)
def test_quantile_of_one_to_a_hundred_is_the_value_of_that_rank(share: float, expected: float) -> None:
    assert quantile(list(range(100, 0, -1)), share) == expected


def test_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.99) == 7.0


def test_quantile_and_spread_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="no rounds"):
        spread([])


def test_spread_holds_median_least_and_most() -> None:
    assert spread([3.0, 1.0, 20.0]) == Spread(3.0, 1.0, 20.0)
    assert str(spread([3.0, 1.0, 2000.0])) == "3 (1 to 2,000)"


@pytest.mark.parametrize(
    ("number", "text"), [(0.12345, "0.123"), (12.345, "12.3"), (123.4, "123"), (98_765.4, "98,765")]
)
def test_a_number_is_shown_with_three_digits_or_whole_thousands(number: float, text: str) -> None:
    assert shown(number) == text


def test_markdown_table_has_header_rule_and_rows() -> None:
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_goal_rows_tell_reached_missed_and_no_goal_apart() -> None:
    goals = [Goal("x", "1", "2", is_reached) for is_reached in (True, False, None)]
    assert [row[3] for row in goal_rows(goals)] == ["yes", "**no**", ""]
    assert [goal.is_missed for goal in goals] == [False, True, False]
