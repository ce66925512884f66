from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.deals import Deal, is_timestamp, read_deal
from scoring.faults import Fault, pointer_to

SOUND = {
    "deal_id": "D-1",
    "model": "deal-fraud",
    "occurred_at": "2026-11-23T21:00:00Z",
    "residency": "DE",
    "subjects": ["person-1", "person-2", "person-1"],
    "features": {"age": 40},
}


def test_sound_deal_is_read_whole_and_its_subjects_once_each() -> None:
    deal, faults = read_deal(SOUND)
    assert faults == []
    assert deal == Deal("D-1", "deal-fraud", "2026-11-23T21:00:00Z", "DE", ("person-1", "person-2"), {"age": 40})


def test_deal_needs_no_more_than_an_id_and_features() -> None:
    deal, faults = read_deal({"deal_id": "1", "features": {}})
    assert (deal, faults) == (Deal("1", features={}), [])


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"deal_id": None}, "/deal_id"),
        ({"deal_id": 7}, "/deal_id"),
        ({"deal_id": ""}, "/deal_id"),
        ({"deal_id": "x" * 129}, "/deal_id"),
        ({"deal_id": "a\nb"}, "/deal_id"),
        ({"model": "Deal Fraud"}, "/model"),
        ({"model": 3}, "/model"),
        ({"occurred_at": "yesterday"}, "/occurred_at"),
        ({"occurred_at": "2026-11-23"}, "/occurred_at"),
        ({"occurred_at": "2026-11-23T21:00:00"}, "/occurred_at"),
        ({"residency": "de"}, "/residency"),
        ({"residency": "DEU"}, "/residency"),
        ({"residency": "DE\n"}, "/residency"),
        ({"subjects": "person-1"}, "/subjects"),
        ({"subjects": ["p"] * 17}, "/subjects"),
        ({"subjects": ["p", 5]}, "/subjects/1"),
        ({"features": None}, "/features"),
        ({"features": [1]}, "/features"),
        ({"colour/~": 1}, "/colour~1~0"),
    ],
)
def test_field_that_is_wrong_is_pointed_at(change: dict[str, object], pointer: str) -> None:
    _, faults = read_deal(SOUND | change)
    assert [fault.pointer for fault in faults] == [pointer]


@pytest.mark.parametrize("payload", [None, [], "deal", 1, True])
def test_payload_that_is_no_object_is_one_fault(payload: object) -> None:
    assert read_deal(payload) == (Deal(), [Fault("", "A deal is a JSON object.")])


def test_all_faults_of_a_deal_are_listed_at_once() -> None:
    _, faults = read_deal({"deal_id": 1, "residency": "x", "subjects": [""], "extra": 1})
    assert {fault.pointer for fault in faults} == {"/deal_id", "/residency", "/subjects/0", "/extra", "/features"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(JSON | st.dictionaries(st.sampled_from(list(SOUND)), JSON))
def test_reading_never_raises_and_a_deal_without_faults_has_an_id(payload: Any) -> None:
    deal, faults = read_deal(payload)
    assert faults or (deal.deal_id and deal.deal_id == payload["deal_id"])


@pytest.mark.parametrize("text", ["2026-11-23T21:00:00+01:00", "2026-11-23t21:00:00.5z"])
def test_time_with_an_offset_is_one(text: str) -> None:
    assert is_timestamp(text)


def test_pointer_escapes_as_rfc_6901_says() -> None:
    assert pointer_to("a/b", "c~d", 3) == "/a~1b/c~0d/3"
