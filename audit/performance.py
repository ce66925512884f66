"""The `performance` dataset: what a window's decisions add up to, and nothing that says something about one person.

One line for each model version, policy and kind of traffic. A line has these partitions, each suppressed on its own
(`audit.suppression`), since no sum leads from one to another:

    decisions = outcomes               a hidden outcome hides everything that is told of it
    an outcome = bins of risk scores   so that what a policy's thresholds say of a bin can't be used
    an outcome = pairs with what each shadow version said, candidates that failed, and the rest
    decisions = bins of latency
    decisions = those whose features were counted, and those of erased persons
    decisions whose features were counted = bins of a feature, for each feature

Which decisions a shadow looked on is counted by version and generation, not by policy. Where a version answered under
two policies in one generation, nobody can tell whose flips they are, and the lines have none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import canonical_json
from audit.counters import LATENCY_BOUNDS_MS, RISK_BIN_WIDTH, RISK_BINS, Counters, Group, Traffic
from audit.feature_counts import Bins, Counted, FeatureCounts
from audit.suppression import suppress
from audit.times import format_second
from audit.windows import Window
from scoring.policy import Outcome

FORMAT = "vouch.performance.v1"
OUTCOMES = tuple(outcome.value for outcome in Outcome)
SHADOW_ERROR = "error"
SHADOW_OUTCOMES = (*OUTCOMES, SHADOW_ERROR)
RISK_BOUNDS = tuple(range(RISK_BIN_WIDTH, RISK_BIN_WIDTH * RISK_BINS, RISK_BIN_WIDTH))

LineKey = tuple[str, str, str, str]
"""Model, version, policy, traffic."""


@dataclass(slots=True)
class _Sums:
    """What one line tells of, unsuppressed. `looked_on`: by outcome, then shadow version and what it said; None where
    it can't be told."""

    outcomes: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    generations: set[int] = field(default_factory=set)
    looked_on: dict[str, dict[tuple[str, str], int]] | None = field(default_factory=dict)

    @property
    def all(self) -> Group:
        total = Group()
        for group in self.outcomes.values():
            total.merge(group)
        return total


def build_performance(
    region: str, window: Window, counters: Counters, features: FeatureCounts, suppressed_below: int
) -> list[bytes]:
    """The lines of a window, without their newlines; none for a window without decisions.

    The same counts give the same bytes."""
    lines = _add_up(counters)
    where = {
        "format": FORMAT,
        "region": region,
        "window": window.name,
        "start": format_second(window.start_s),
        "end": format_second(window.end_s),
        "suppressed_below": suppressed_below,
    }
    return [
        canonical_json(
            {
                **where,
                **dict(zip(("model", "version", "policy", "traffic"), key, strict=True)),
                **_tell(sums, _features_of(key, features), suppressed_below),
            }
        )
        for key, sums in sorted(lines.items())
    ]


def _add_up(counters: Counters) -> dict[LineKey, _Sums]:
    lines: dict[LineKey, _Sums] = defaultdict(_Sums)
    policies: dict[tuple[str, str, int, str], set[str]] = defaultdict(set)
    for (model, version, policy, generation, traffic, outcome), group in counters.groups.items():
        sums = lines[model, version, policy, traffic]
        sums.outcomes[outcome].merge(group)
        sums.generations.add(generation)
        policies[model, version, generation, traffic].add(policy)
    for (model, version, generation, traffic, shadow, outcome, other), count in counters.flips.items():
        under = policies[model, version, generation, traffic]
        for policy in under:
            _add_pair(lines[model, version, policy, traffic], len(under) == 1, outcome, (shadow, other), count)
    return lines


def _add_pair(sums: _Sums, is_told: bool, outcome: str, pair: tuple[str, str], count: int) -> None:
    if not is_told:
        sums.looked_on = None
    if sums.looked_on is not None:
        pairs = sums.looked_on.setdefault(outcome, {})
        pair = (pair[0], pair[1] or SHADOW_ERROR)
        pairs[pair] = pairs.get(pair, 0) + count


def _features_of(key: LineKey, features: FeatureCounts) -> Counted | None:
    model, version, policy, traffic = key
    return features.counted.get((model, version, policy)) if traffic == Traffic.LIVE else None


def _tell(sums: _Sums, features: Counted | None, below: int) -> dict[str, Any]:
    total = sums.all
    if total.decisions < below:
        return {"few": True}
    decisions = suppress([sums.outcomes[outcome].decisions for outcome in OUTCOMES], below)
    shadows = sorted({shadow for pairs in (sums.looked_on or {}).values() for shadow, _ in pairs})
    told = [
        _tell_outcome(outcome, count, sums, shadows, below) for outcome, count in zip(OUTCOMES, decisions, strict=True)
    ]
    return {
        "few": False,
        "generations": sorted(sums.generations),
        "decisions": total.decisions,
        "latency_bounds_ms": LATENCY_BOUNDS_MS,
        "latency": suppress(_dense(total.latency, len(LATENCY_BOUNDS_MS) + 1), below),
        "risk_bounds": RISK_BOUNDS,
        "outcomes": [outcome for outcome, _ in told],
        "flips": None if sums.looked_on is None else [flip for _, flips in told for flip in flips],
        "features": _features_data(features, total.decisions, below),
    }


def _tell_outcome(
    outcome: str, decisions: int | None, sums: _Sums, shadows: Sequence[str], below: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is told of an outcome, and its pairs. `decisions` is how many there were, None where that is hidden."""
    group, pairs = sums.outcomes[outcome], (sums.looked_on or {}).get(outcome, {})
    said = [(shadow, other) for shadow in shadows for other in SHADOW_OUTCOMES]
    counts = [group.candidate_errors, *(pairs.get(pair, 0) for pair in said)]
    rest = max(0, group.decisions - sum(counts))  # not told, but it could be worked out
    shown = _suppress_within(decisions, [*counts, rest], below)
    flips = [
        {"outcome": outcome, "shadow_version": shadow, "shadow_outcome": other, "decisions": count}
        for (shadow, other), count in zip(said, shown[1:-1], strict=True)
    ]
    risk = _suppress_within(decisions, _dense(group.risk, RISK_BINS), below)
    return {"outcome": outcome, "decisions": decisions, "candidate_errors": shown[0], "risk": risk}, flips


def _suppress_within(told: int | None, counts: Sequence[int], below: int) -> list[int | None]:
    """A partition of what is itself a count: where that is hidden, everything is."""
    return [None] * len(counts) if told is None else suppress(counts, below)


def _features_data(counted: Counted | None, decisions: int, below: int) -> dict[str, Any] | None:
    """None, too, where few were left out: how many there were would be told by what is left, and most were erased."""
    if counted is None or counted.decisions < below or 0 < decisions - counted.decisions < below:
        return None
    histograms = [_feature_data(bins, cells, below) for bins, cells in counted.by_feature()]
    return {"decisions": counted.decisions, "histograms": histograms}


def _feature_data(bins: Bins, cells: list[int], below: int) -> dict[str, Any]:
    *counts, missing, unseen = suppress(cells, below)
    return {
        "feature": bins.feature,
        "edges": bins.edges,
        "categories": bins.categories,
        "counts": counts,
        "missing": missing,
        "unseen": unseen,
    }


def _dense(histogram: Mapping[int, int], bins: int) -> list[int]:
    return [histogram.get(bin_, 0) for bin_ in range(bins)]
