"""Performance lines: exact where they tell, and no hidden count can be worked out of a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.counters import LATENCY_BOUNDS_MS, RISK_BINS, Counters, Tally, Traffic
from audit.feature_counts import Bins, Counted, FeatureBins, FeatureCounts
from audit.performance import build_performance
from audit.windows import parse_window

WINDOW = parse_window("20261123T210000Z", 3600)
OUTCOMES = ("approve", "review", "decline")
SHADOWS = ("1.1.0", "1.2.0")
FAILED, NOTHING = "failed", "nothing"
LOOKED_ON: list[Any] = [NOTHING, FAILED, *((shadow, said) for shadow in SHADOWS for said in (*OUTCOMES, "error"))]
MAKES: list[Any] = ["Ford", "Saab", None, "Lada"]
AGES: list[Any] = [10, 25, 40, None]
BINS = FeatureBins((Bins("age", (20.0, 30.0)), Bins("make", (), ("Ford", "Saab"))))
LATENCIES = [0.0, *LATENCY_BOUNDS_MS]
Label = Any


@dataclass(frozen=True)
class Decision:
    """A live decision as one line counts it; latency and risk by bin."""

    outcome: str = "approve"
    latency: int = 3
    risk: int = 0
    looked_on: Any = NOTHING
    age: int | None = 25
    make: str | None = "Ford"

    def tally(self, version: str = "1.0.0", policy: str = "standard/1", generation: int = 3) -> Tally:
        shadow, said = self.looked_on if isinstance(self.looked_on, tuple) else ("", "")
        return Tally(
            "vouch.decision.scored.v1", "deal-fraud", version, policy, generation, Traffic.LIVE, self.outcome,
            latency_ms=LATENCIES[self.latency], risk_score=self.risk * 20,
            candidate_error=self.looked_on == FAILED, shadow_version=shadow,
            shadow_outcome="" if said == "error" else said, shadow_error=said == "error",
        )  # fmt: skip


def build(decisions: Sequence[Decision], below: int) -> list[bytes]:
    counters, features, counted = Counters(), FeatureCounts(), Counted(BINS)
    for decision in decisions:
        counters.add(decision.tally())
        counted.add({"age": decision.age, "make": decision.make})
    features.counted["deal-fraud", "1.0.0", "standard/1"] = counted
    return build_performance("westeurope", WINDOW, counters, features, below)


@dataclass(frozen=True)
class Partition:
    """What a line tells of one group of decisions: the labels that it counts, how a decision gets another one, and the
    counts of the line, those that are told by sums included."""

    within: Callable[[Decision], bool]
    field: str
    label: Callable[[Decision], Label]
    values: dict[Label, Any]
    told: dict[Label, int | None]

    def counts(self, decisions: Sequence[Decision]) -> Counter[Label]:
        return Counter(self.label(decision) for decision in decisions if self.within(decision))

    def relabel(self, decisions: Sequence[Decision], to: Callable[[int, Label], Label]) -> list[Decision]:
        """The decisions with other labels; `to` gets the number and the label of each one within."""
        return [
            replace(decision, **{self.field: self.values[to(at, self.label(decision))]})
            if self.within(decision)
            else decision
            for at, decision in enumerate(decisions)
        ]


def partitions_of(line: dict[str, Any]) -> Iterator[Partition]:
    """Every partition of a line that has something."""
    told = {entry["outcome"]: entry["decisions"] for entry in line["outcomes"]}
    yield simple("outcome", lambda _: True, told)
    yield simple("latency", lambda _: True, dict(enumerate(line["latency"])))
    for entry in line["outcomes"]:
        within = inside(entry["outcome"])
        yield simple("risk", within, dict(enumerate(entry["risk"])))
        pairs: dict[Label, int | None] = {
            (flip["shadow_version"], flip["shadow_outcome"]): flip["decisions"]
            for flip in line["flips"]
            if flip["outcome"] == entry["outcome"]
        }
        yield simple("looked_on", within, {**pairs, FAILED: entry["candidate_errors"], NOTHING: None})
    for histogram in line["features"]["histograms"] if line["features"] else ():
        values: list[Any] = AGES if histogram["feature"] == "age" else MAKES
        cells = [*histogram["counts"], histogram["missing"], histogram["unseen"]]
        if histogram["feature"] == "age":
            cells.pop()  # a number is never unseen
        yield Partition(
            lambda _: True,
            histogram["feature"],
            lambda decision, name=histogram["feature"], known=values: known.index(getattr(decision, name)),  # type: ignore[misc]
            dict(enumerate(values)),
            dict(enumerate(cells)),
        )


def inside(outcome: str) -> Callable[[Decision], bool]:
    return lambda decision: decision.outcome == outcome


def simple(name: str, within: Callable[[Decision], bool], told: dict[Label, int | None]) -> Partition:
    return Partition(within, name, lambda decision: getattr(decision, name), {label: label for label in told}, told)


def is_open(partition: Partition, label: Label, decisions: Sequence[Decision], below: int, line: bytes) -> bool:
    """Whether other decisions, with another count of this label, give the very same line."""
    count = partition.counts(decisions)[label]
    worlds = other_worlds(partition, label, decisions)
    return any(partition.counts(world)[label] != count and build(world, below) == [line] for world in worlds)


def other_worlds(partition: Partition, label: Label, decisions: Sequence[Decision]) -> Iterator[list[Decision]]:
    """Two labels change places, or one decision gets another label; at last after two outcomes have changed places."""
    others = [other for other, count in partition.told.items() if count is None and other != label]
    for other in others:
        yield exchange(partition, decisions, label, other)
    for source, target in [(label, other) for other in others] + [(other, label) for other in others]:
        yield move_first(partition, decisions, source, target)
    outcomes = simple("outcome", lambda _: True, dict.fromkeys(OUTCOMES))
    for one, other in combinations(OUTCOMES, 2):
        swapped = exchange(outcomes, decisions, one, other)
        yield swapped
        yield from (exchange(partition, swapped, label, another) for another in others)


def exchange(partition: Partition, decisions: Sequence[Decision], one: Label, other: Label) -> list[Decision]:
    return partition.relabel(decisions, lambda _, own: {one: other, other: one}.get(own, own))


def move_first(partition: Partition, decisions: Sequence[Decision], source: Label, target: Label) -> list[Decision]:
    first = next((at for at, decision in enumerate(decisions) if partition.counts([decision])[source]), None)
    return partition.relabel(decisions, lambda at, own: target if at == first else own)


def hidden_labels(partition: Partition, decisions: Sequence[Decision]) -> list[Label]:
    """The labels whose counts are hidden; of those that count nothing, one stands for all."""
    counts = partition.counts(decisions)
    hidden = [label for label, count in partition.told.items() if count is None and label != NOTHING]
    return [label for label in hidden if counts[label]] + [label for label in hidden if not counts[label]][:1]


DECISIONS = st.builds(
    Decision,
    outcome=st.sampled_from(OUTCOMES),
    latency=st.integers(2, 4),
    risk=st.sampled_from([0, 20, 21, 49]),
    looked_on=st.sampled_from(LOOKED_ON[:5]),
    age=st.sampled_from(AGES),
    make=st.sampled_from(MAKES),
)
GROUPS = st.lists(st.tuples(DECISIONS, st.one_of(st.just(1), st.integers(1, 12))), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(GROUPS, st.integers(3, 6))
def test_hidden_count_of_a_line_could_be_another_one(groups: list[tuple[Decision, int]], below: int) -> None:
    decisions = [decision for decision, times in groups for _ in range(times)]
    (line,) = build(decisions, below)
    told = json.loads(line)
    if told["few"]:
        assert len(decisions) < below
        return
    for partition in partitions_of(told):
        for label in hidden_labels(partition, decisions):
            assert is_open(partition, label, decisions, below, line), (partition.field, label)


@settings(deadline=None)
@given(GROUPS, st.integers(3, 6))
def test_told_counts_are_exact_and_none_is_small(groups: list[tuple[Decision, int]], below: int) -> None:
    decisions = [decision for decision, times in groups for _ in range(times)]
    told = json.loads(build(decisions, below)[0])
    if told["few"]:
        return
    assert told["decisions"] == len(decisions)
    for partition in partitions_of(told):
        counts = partition.counts(decisions)
        for label, count in partition.told.items():
            assert count is None or (count == counts[label] and not 0 < count < below), (partition.field, label)
        if None not in [count for label, count in partition.told.items() if label != NOTHING]:
            rest = counts.total() - sum(count for count in partition.told.values() if count)
            assert not 0 < rest < below, partition.field


def test_outcome_that_is_hidden_hides_its_risk_and_its_flips() -> None:
    looked = [Decision(risk=risk, looked_on=("1.1.0", "decline")) for risk in (0, 1) for _ in range(40)]
    told = json.loads(build([*looked, *[Decision("review", risk=45)] * 7, *[Decision("decline", risk=49)] * 3], 5)[0])
    approved, reviewed, declined = told["outcomes"]
    assert (approved["decisions"], reviewed["decisions"], declined["decisions"]) == (80, None, None)
    assert approved["risk"][:3] == [40, 40, 0]
    assert reviewed["risk"] == declined["risk"] == [None] * RISK_BINS
    flips = {(flip["outcome"], flip["shadow_outcome"]): flip["decisions"] for flip in told["flips"]}
    assert (flips["approve", "decline"], flips["approve", "error"]) == (80, 0)
    assert {flips[outcome, said] for outcome in ("review", "decline") for said in (*OUTCOMES, "error")} == {None}


def test_line_of_few_decisions_says_nothing_but_that() -> None:
    (line,) = build([Decision()] * 4, 5)
    assert json.loads(line) == {
        "format": "vouch.performance.v1",
        "region": "westeurope",
        "window": "20261123T210000Z",
        "start": "2026-11-23T21:00:00Z",
        "end": "2026-11-23T22:00:00Z",
        "suppressed_below": 5,
        "model": "deal-fraud",
        "version": "1.0.0",
        "policy": "standard/1",
        "traffic": "live",
        "few": True,
    }


def test_window_without_decisions_has_no_line() -> None:
    counters = Counters()
    counters.add(Tally("vouch.audit.read.v1"))
    assert build_performance("westeurope", WINDOW, counters, FeatureCounts(), 5) == []


def test_versions_policies_and_traffic_have_lines_of_their_own_in_order() -> None:
    tallies = [
        replace(Decision().tally(version, policy, generation), traffic=traffic)
        for version in ("1.1.0", "1.0.0")
        for policy in ("standard/2", "standard/1")
        for generation in (4, 3)
        for traffic in (Traffic.SYNTHETIC, Traffic.LIVE)
        for _ in range(6)
    ]
    lines = count_lines(tallies)
    keys = [(line["version"], line["policy"], line["traffic"]) for line in lines]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys)) == 8
    assert all(line["decisions"] == 12 and line["generations"] == [3, 4] for line in lines)


@given(GROUPS, st.randoms(use_true_random=False))
def test_lines_are_the_same_bytes_whatever_the_order(groups: list[tuple[Decision, int]], random: Any) -> None:
    decisions = [decision for decision, times in groups for _ in range(times)]
    shuffled = list(decisions)
    random.shuffle(shuffled)
    assert build(decisions, 5) == build(shuffled, 5)


def count_lines(tallies: Sequence[Tally]) -> list[dict[str, Any]]:
    counters = Counters()
    for tally in tallies:
        counters.add(tally)
    return [json.loads(line) for line in build_performance("westeurope", WINDOW, counters, FeatureCounts(), 5)]


def test_flips_that_could_be_of_two_policies_are_told_of_neither() -> None:
    looked = Decision(looked_on=("1.1.0", "decline"))
    first, second = count_lines([looked.tally(policy="standard/1")] * 8 + [Decision().tally(policy="standard/2")] * 8)
    assert first["flips"] is second["flips"] is None
    assert first["decisions"] == second["decisions"] == 8


def test_flips_are_told_where_policies_answered_in_different_generations() -> None:
    looked = Decision(looked_on=("1.1.0", "decline"))
    first, second = count_lines(
        [looked.tally(policy="standard/1")] * 8 + [Decision().tally(policy="standard/2", generation=4)] * 8
    )
    assert [flip["decisions"] for flip in first["flips"] if flip["shadow_outcome"] == "decline"] == [8, 0, 0]
    assert second["flips"] == []


def test_failed_shadow_and_failed_candidate_are_counted_as_errors() -> None:
    shadow_failed = Decision(looked_on=("1.1.0", "error"))
    (line,) = count_lines(
        [t.tally() for t in [shadow_failed] * 6 + [Decision(looked_on=FAILED)] * 7 + [Decision()] * 9]
    )
    assert line["outcomes"][0]["candidate_errors"] == 7
    assert [flip["decisions"] for flip in line["flips"] if flip["outcome"] == "approve"] == [0, 0, 0, 6]


def test_traffic_that_is_not_live_has_no_features() -> None:
    features = FeatureCounts()
    features.counted["deal-fraud", "1.0.0", "standard/1"] = Counted(BINS, 20, [20, 0, 0, 0, 0, 20, 0, 0, 0])
    counters = Counters()
    for traffic in (Traffic.LIVE, Traffic.PINNED):
        for _ in range(20):
            counters.add(replace(Decision().tally(), traffic=traffic))
    live, pinned = map(json.loads, build_performance("westeurope", WINDOW, counters, features, 5))
    assert live["features"]["decisions"] == 20
    assert pinned["features"] is None


@pytest.mark.parametrize(
    ("counted", "is_told"), [(4, False), (5, True), (15, True), (16, False), (19, False), (20, True)]
)
def test_features_are_told_only_where_neither_those_counted_nor_the_others_are_few(counted: int, is_told: bool) -> None:
    features = FeatureCounts()
    cells = [counted, 0, 0, 0, 0, counted, 0, 0, 0]
    features.counted["deal-fraud", "1.0.0", "standard/1"] = Counted(BINS, counted, cells)
    counters = Counters()
    for _ in range(20):
        counters.add(Decision().tally())
    (line,) = map(json.loads, build_performance("westeurope", WINDOW, counters, features, 5))
    assert (line["features"] is not None) == is_told
