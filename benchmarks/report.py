"""The report: the goals and what came out first, losses included, then every table with how it was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.figures import Section, goal_rows, markdown_table


def build_report(sections: Sequence[Section], machine: Mapping[str, str], command: str, seconds: float) -> str:
    """Markdown."""
    goals = [goal for section in sections for goal in section.goals]
    missed = [goal for goal in goals if goal.is_missed]
    parts = [
        "# What Vouch costs",
        f"Measured by `{command}` in {seconds:.0f} s, all in one run on one machine. Medians with (min to max).",
        "## Goals",
        markdown_table(["what", "goal", "measured", "reached"], goal_rows(goals)),
    ]
    if missed:
        parts += ["### Not reached, and why", "\n".join(f"- **{goal.what}.** {goal.why}" for goal in missed)]
    for section in sections:
        parts += [f"## {section.title}", section.note, *section.tables]
    parts += ["## The machine", markdown_table(["", ""], [[name, value] for name, value in machine.items()])]
    return "\n\n".join(parts) + "\n"
