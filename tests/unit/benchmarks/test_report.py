"""The report says losses as plainly as gains."""

from __future__ import annotations

from benchmarks.figures import Goal, Section
from benchmarks.report import build_report

REACHED = Goal("speed", "2", "3", True, "not to be said")
MISSED = Goal("size", "1", "5", False, "It is large.")
SECTION = Section("Part", "How it was done.", ["| t |"], [REACHED, MISSED])


def test_report_lists_each_missed_goal_with_why_and_no_other() -> None:
    report = build_report([SECTION], {"cores": "2"}, "python -m benchmarks", 12.3)
    assert "| size | 1 | 5 | **no** |" in report
    assert "- **size.** It is large." in report
    assert "not to be said" not in report


def test_report_of_nothing_missed_has_no_list_of_reasons() -> None:
    report = build_report([Section("Part", "", [], [REACHED])], {}, "c", 1)
    assert "Not reached" not in report


def test_report_holds_command_machine_and_every_table() -> None:
    report = build_report([SECTION], {"cores": "2"}, "python -m benchmarks", 12.3)
    for part in ("`python -m benchmarks` in 12 s", "| cores | 2 |", "## Part", "How it was done.", "| t |"):
        assert part in report
