"""What the deals of a release say about its candidate: the reading that a rollout is judged by.

Made of the ledger's own counters, so it is exact, and of live traffic alone: pinned and synthetic decisions are kept
out. `stable` is everything that stable answered since the rollout began here; `candidate` is what the candidate did
since the present step: what it answered where it has a weight, else what it made of the deals it looked on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from audit.counters import LATENCY_BOUNDS_MS, Counters, Group, Traffic
from flows.errors import LedgerUnavailable, StorageFailed
from flows.ports import CounterLog
from flows.releasing.change_release import ReadRelease
from flows.times import format_time
from rollouts.readings import Counts, Reading, reading_data
from scoring.release import Release, Target


@dataclass(frozen=True, slots=True)
class Span:
    """From when on, and which generations: those of the whole rollout, and those of its present step."""

    since: datetime
    first_generation: int
    step_generation: int


class ReadMetrics:
    def __init__(self, read_release: ReadRelease, counters: CounterLog) -> None:
        self._read_release = read_release
        self._counters = counters

    async def __call__(self, model: str, span: Span) -> Mapping[str, object]:
        """The reading as JSON values. Raises NotFound or LedgerUnavailable."""
        release = await self._read_release(model)
        try:
            counters = await self._counters.read(span.since)
        except StorageFailed as error:
            raise LedgerUnavailable("the counters could not be read") from error
        return build_reading(counters, release, span)


def build_reading(counters: Counters, release: Release, span: Span) -> dict[str, object]:
    """The reading of a release out of a region's counters."""
    candidate, stable = _sides(release)
    flips = _flips(counters, release, span) if candidate else {}
    shown = _answered(counters, release.model, candidate, span.step_generation) if candidate else Counts()
    if candidate and candidate == release.candidate:
        shown.errors = _failures(counters, release.model, span.step_generation)
        if release.weight == 0:
            shown = _looked_on(counters, release, span.step_generation, flips)
    reading = Reading(_baseline(counters, release, stable, span), shown, flips, LATENCY_BOUNDS_MS)
    since = format_time(span.since)
    return {"model": release.model, "generation": release.generation, "since": since, **reading_data(reading)}


def _sides(release: Release) -> tuple[Target | None, Target | None]:
    """The target under scrutiny and the one it is compared with; after the promotion, stable and the one before."""
    if release.candidate is not None:
        return release.candidate, release.stable
    return release.stable, release.previous


def _answered(counters: Counters, model: str, target: Target, generation: int) -> Counts:
    counts = Counts()
    for key, group in counters.groups.items():
        if key[:3] == (model, target.version, target.policy) and key[3] >= generation and key[4] == Traffic.LIVE:
            add_group(counts, key[5], group)
    return counts


def _failures(counters: Counters, model: str, generation: int) -> int:
    """How often stable answered in the candidate's place."""
    return sum(
        group.candidate_errors
        for key, group in counters.groups.items()
        if key[0] == model and key[3] >= generation and key[4] == Traffic.LIVE
    )


def _flips(counters: Counters, release: Release, span: Span) -> dict[tuple[str, str], int]:
    """Pairs of outcomes. The more a candidate answers, the fewer deals both judge, so that what was seen since the
    rollout began counts."""
    since = span.step_generation if release.weight == 0 else span.first_generation
    flips: dict[tuple[str, str], int] = {}
    for (model, _, generation, traffic, _, outcome, other), count in counters.flips.items():
        if model == release.model and generation >= since and traffic == Traffic.LIVE:
            flips[outcome, other] = flips.get((outcome, other), 0) + count
    return flips


def _looked_on(counters: Counters, release: Release, generation: int, flips: Mapping[tuple[str, str], int]) -> Counts:
    """What the candidate made of the deals that stable answered. Its latency is the time that judging took it."""
    counts = Counts()
    for (_, other), count in flips.items():
        if other:
            counts.decisions += count
            _add(counts.outcomes, [(other, count)])
        else:
            counts.errors += count
    for (model, _, at, traffic), shadow in counters.shadows.items():
        if model == release.model and at >= generation and traffic == Traffic.LIVE:
            _add(counts.risk, shadow.risk.items())
            _add(counts.latency, shadow.judging.items())
    return counts


def _baseline(counters: Counters, release: Release, stable: Target | None, span: Span) -> Counts:
    """What stable did since the rollout began. While the candidate only looks on, stable's latency is the time that
    judging took it for those same deals, so that like is compared with like."""
    if stable is None:
        return Counts()
    counts = _answered(counters, release.model, stable, span.first_generation)
    if release.candidate is not None and release.weight == 0:
        counts.latency = {}
        for (model, _, generation, traffic), shadow in counters.shadows.items():
            if model == release.model and generation >= span.step_generation and traffic == Traffic.LIVE:
                _add(counts.latency, shadow.answering.items())
    return counts


def add_group(counts: Counts, outcome: str, group: Group) -> None:
    """Count decisions of one outcome."""
    counts.decisions += group.decisions
    _add(counts.outcomes, [(outcome, group.decisions)])
    _add(counts.latency, group.latency.items())
    _add(counts.risk, group.risk.items())


Key = TypeVar("Key")


def _add(counts: dict[Key, int], others: Iterable[tuple[Key, int]]) -> None:
    for key, count in others:
        counts[key] = counts.get(key, 0) + count
