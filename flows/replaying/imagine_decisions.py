"""What would have been decided: recorded deals judged by another model version or policy, before anyone ships it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoring.lookups import Tables
from scoring.model import Model
from scoring.policy import Outcome, Policy

OUTCOMES = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True, slots=True)
class Imagined:
    """One deal: its ISO week (`2026-W48`), what was decided, and what would have been; `after` None: the version
    doesn't accept its features."""

    week: str
    before: str
    after: str | None


def imagine_decisions(
    events: Iterable[Mapping[str, Any]], model: Model, policy: Policy, tables: Tables
) -> Iterator[Imagined]:
    """Judge recorded decisions (`vouch.decision.scored.v1`) that still have their deal. Features that the version
    doesn't take are left out; one that it needs and looks up comes from `tables`."""
    encoded = [_encode(event, model, tables) for event in events if event["data"].get("personal") is not None]
    rows = [values for _, values in encoded if values is not None]
    scores = iter(model.score_many(rows) if rows else [])
    for event, values in encoded:
        after = policy.decide_outcome(model.risk_score(next(scores))).value if values is not None else None
        yield Imagined(week_of(str(event["time"])), str(event["data"]["outcome"]), after)


@dataclass(slots=True)
class Comparison:
    """What the imagined decisions add up to. `flips` counts pairs of outcomes, `weeks` outcomes before and after."""

    decisions: int = 0
    not_accepted: int = 0
    flips: Counter[tuple[str, str]] = field(default_factory=Counter)
    weeks: dict[str, tuple[Counter[str], Counter[str]]] = field(default_factory=dict)

    def add(self, imagined: Imagined) -> None:
        self.decisions += 1
        if imagined.after is None:
            self.not_accepted += 1
            return
        before, after = self.weeks.setdefault(imagined.week, (Counter(), Counter()))
        before[imagined.before] += 1
        after[imagined.after] += 1
        self.flips[imagined.before, imagined.after] += 1

    @property
    def judged(self) -> int:
        return self.decisions - self.not_accepted

    @property
    def flipped(self) -> int:
        return sum(count for (before, after), count in self.flips.items() if before != after)

    def to_json(self) -> dict[str, Any]:
        """Rates are of the deals that could be judged; None where there are none."""
        return {
            "decisions": self.decisions,
            "not_accepted": self.not_accepted,
            "flip_rate": self.flipped / self.judged if self.judged else None,
            "approve_to_decline_per_10k": (
                self.flips["approve", "decline"] * 10_000 / self.judged if self.judged else None
            ),
            "flips": [
                {"before": before, "after": after, "deals": self.flips[before, after]}
                for before in OUTCOMES
                for after in OUTCOMES
                if self.flips[before, after]
            ],
            "weeks": [
                {
                    "week": week,
                    "before": {outcome: before[outcome] for outcome in OUTCOMES},
                    "after": {outcome: after[outcome] for outcome in OUTCOMES},
                }
                for week, (before, after) in sorted(self.weeks.items())
            ],
        }


def week_of(time: str) -> str:
    """The ISO 8601 week of an RFC 3339 time."""
    year, week, _ = datetime.fromisoformat(time).isocalendar()
    return f"{year}-W{week:02}"


def _encode(
    event: Mapping[str, Any], model: Model, tables: Tables
) -> tuple[Mapping[str, Any], tuple[float, ...] | None]:
    given = event["data"]["personal"]["features"]
    taken = {name: value for name, value in given.items() if name in model.takes}
    row, faults = model.encode(taken, model.look_up(taken, tables))
    return event, None if faults else tuple(row.values)
