"""Figures and how they read: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, with the least and the most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{shown(self.median)} ({shown(self.least)} to {shown(self.most)})"


def spread(rounds: Sequence[float]) -> Spread:
    """Raises ValueError where there are no rounds."""
    if not rounds:
        raise ValueError("no rounds were measured")
    return Spread(median(rounds), min(rounds), max(rounds))


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that this share of the values does not exceed. Raises ValueError where there are none."""
    if not values:
        raise ValueError("no values were measured")
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def shown(number: float) -> str:
    """Three significant digits, thousands parted."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"


@dataclass(frozen=True, slots=True)
class Goal:
    """What was wanted, what came out, and whether that reaches it (None: there was no goal). `why` says where the
    time goes and what would reach it."""

    what: str
    wanted: str
    measured: str
    is_reached: bool | None
    why: str = ""

    @property
    def is_missed(self) -> bool:
        return self.is_reached is False


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the run: what was done and how, its tables (markdown) and its goals."""

    title: str
    note: str
    tables: Sequence[str]
    goals: Sequence[Goal]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goal_rows(goals: Sequence[Goal]) -> list[list[str]]:
    """What, wanted, measured, reached."""
    answers = {True: "yes", False: "**no**", None: ""}
    return [[goal.what, goal.wanted, goal.measured, answers[goal.is_reached]] for goal in goals]
