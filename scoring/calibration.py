"""From a model's score to a risk score that means the same for every version.

The risk score is the share, in per mille, of genuine held-out deals that score lower:

    risk_score(s) = floor(1000 * #{g in G : g < s} / #G)        G: scores of held-out deals known to be genuine

So a policy that reviews from 900 sends at most one genuine deal in ten to review, whatever model version stands
behind it and whatever its raw scores look like. It is 1 minus the false-positive rate, in steps of one per mille;
it is monotone by construction. It says nothing about how likely fraud is: that is what `score` is for.

The manifest holds the formula as a table. Each step gives the score above which a risk score is reached, and
the false-positive rate there: the share of G that lies above.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

HIGHEST = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """Scores strictly greater than `above` have at least `risk_score`; `false_positive_rate` is 0.0 to 1.0."""

    risk_score: int
    above: float
    false_positive_rate: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`genuine_count` is #G, `source` says in words which deals G holds."""

    genuine_count: int
    source: str
    steps: tuple[Step, ...]

    def faults(self) -> list[str]:
        """What keeps this table from being one; empty: it is sound."""
        faults = [] if self.steps else ["holds no step"]
        if any(not 0 < step.risk_score <= HIGHEST for step in self.steps):
            faults.append(f"a risk score lies outside 1 to {HIGHEST}")
        pairs = list(zip(self.steps, self.steps[1:], strict=False))
        if any(later.risk_score <= step.risk_score or later.above <= step.above for step, later in pairs):
            faults.append("the steps don't rise")
        return faults


class RiskScale:
    """Looks risk scores up in a calibration table."""

    def __init__(self, calibration: Calibration) -> None:
        self._above = [step.above for step in calibration.steps]
        self._risk_scores = [0, *(step.risk_score for step in calibration.steps)]

    def risk_score(self, score: float) -> int:
        """0 to 1000; never falls when `score` rises."""
        return self._risk_scores[bisect_left(self._above, score)]


def build_calibration(genuine_scores: Iterable[float], source: str) -> Calibration:
    """The table of the formula above. Raises ValueError without a genuine deal."""
    ordered = sorted(genuine_scores)
    count = len(ordered)
    if not count:
        raise ValueError("a calibration needs the scores of genuine deals, and there are none")
    reached: dict[float, int] = {}
    for risk_score in range(1, HIGHEST + 1):
        needed = -(-risk_score * count // HIGHEST)
        reached[ordered[needed - 1]] = risk_score
    steps = (Step(risk, above, (count - bisect_right(ordered, above)) / count) for above, risk in reached.items())
    return Calibration(count, source, tuple(steps))
