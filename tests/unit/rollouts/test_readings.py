"""Readings: what a region answers, believed only where it can be true."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.readings import MOST, OUTCOMES, RISK_BINS, Counts, InvalidReading, Reading, parse_reading, reading_data

BOUNDS = (1.0, 2.0, 5.0)
SIDE: dict[str, Any] = {"decisions": 1, "errors": 2, "outcomes": {"approve": 1}, "latency": [[3, 1]], "risk": [[0, 1]]}
WHOLE: dict[str, Any] = {
    "stable": SIDE,
    "candidate": SIDE,
    "flips": [["approve", "", 4], ["approve", "decline", 1]],
    "latency_bounds_ms": list(BOUNDS),
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The whole reading, but for one place."""
    document = copy.deepcopy(WHOLE)
    *way, last = path.split(".")
    place = document
    for step in way:
        place = place[step]
    place[last] = value
    return document


def test_reading_is_read_off_what_a_region_answers() -> None:
    side = Counts(1, 2, {"approve": 1}, {3: 1}, {0: 1})
    expected = Reading(side, side, {("approve", ""): 4, ("approve", "decline"): 1}, BOUNDS)
    assert parse_reading(WHOLE) == expected


def test_reading_of_a_newer_region_may_say_more() -> None:
    assert parse_reading(WHOLE | {"model": "deal-fraud", "weather": "fair"}) == parse_reading(WHOLE)


@pytest.mark.parametrize("document", [None, 1, "reading", [], {}, {"stable": {}}, [WHOLE]])
def test_what_is_no_reading_is_told(document: object) -> None:
    with pytest.raises(InvalidReading):
        parse_reading(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stable", []),
        ("candidate.decisions", -1),
        ("candidate.decisions", True),
        ("candidate.decisions", 1.0),
        ("candidate.decisions", "1"),
        ("candidate.decisions", float("inf")),
        ("candidate.errors", MOST + 1),
        ("candidate.errors", None),
        ("candidate.outcomes", [["approve", 1]]),
        ("candidate.outcomes", {"maybe": 1}),
        ("candidate.outcomes", {"approve": -1}),
        ("candidate.latency", {"3": 1}),
        ("candidate.latency", [[4, 1]]),
        ("candidate.latency", [[-1, 1]]),
        ("candidate.latency", [[1, -1]]),
        ("candidate.latency", [[1, 1], [1, 1]]),
        ("candidate.latency", ["31"]),
        ("candidate.latency", [[1]]),
        ("candidate.risk", [[RISK_BINS, 1]]),
        ("flips", [["approve", "decline"]]),
        ("flips", [["", "decline", 1]]),
        ("flips", [["approve", None, 1]]),
        ("flips", [[["approve"], "decline", 1]]),
        ("flips", 7),
        ("latency_bounds_ms", [1, 2, 2]),
        ("latency_bounds_ms", [0, 1, 2]),
        ("latency_bounds_ms", [1, float("nan"), 2]),
        ("latency_bounds_ms", [1, 2, float("inf")]),
        ("latency_bounds_ms", [1, 2, 10**400]),
        ("latency_bounds_ms", [1, 2, True]),
        ("latency_bounds_ms", "123"),
        ("latency_bounds_ms", list(range(1, 2_000))),
    ],
)
def test_number_that_cannot_be_a_count_is_no_reading(path: str, value: object) -> None:
    with pytest.raises(InvalidReading):
        parse_reading(changed(path, value))


COUNT = st.integers(0, MOST)
COUNTS = st.builds(
    Counts,
    COUNT,
    COUNT,
    st.dictionaries(st.sampled_from(OUTCOMES), COUNT),
    st.dictionaries(st.integers(0, len(BOUNDS)), COUNT),
    st.dictionaries(st.integers(0, RISK_BINS - 1), COUNT),
)
FLIPS = st.dictionaries(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(["", *OUTCOMES])), COUNT)


@given(st.builds(Reading, COUNTS, COUNTS, FLIPS, st.just(BOUNDS)))
def test_reading_written_as_json_and_read_is_the_same(reading: Reading) -> None:
    assert parse_reading(json.loads(json.dumps(reading_data(reading)))) == reading


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PLACES = [*WHOLE, *(f"{side}.{name}" for side in ("stable", "candidate") for name in SIDE)]


@given(st.sampled_from(PLACES), JUNK)
def test_junk_anywhere_is_read_or_told_and_nothing_else(place: str, junk: object) -> None:
    try:
        parse_reading(changed(place, junk))
    except InvalidReading as error:
        told = str(error)
    else:
        told = ""
    assert told == "" or told.startswith("the region's answer is no reading: ")
