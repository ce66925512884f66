"""Canonical JSON equals the `rfc8785` package's, for everything that has a canonical form."""

from __future__ import annotations

import json
import math
import struct
from types import MappingProxyType
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import MAX_SAFE_INTEGER, Canonical, NotCanonical, canonical_json, format_number, read_canonical
from audit.records import RecordType

ANY_FLOAT = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
FLOATS = st.one_of(
    ANY_FLOAT.filter(math.isfinite), st.floats(-1e7, 1e7), st.floats(-1e-3, 1e-3), st.integers(0, 10**22).map(float)
)
TEXT = st.one_of(st.text(), st.text(st.sampled_from('a"\\\b\f\n\r\t\x00\x1f\x7f/\u2028\u20ac\ud7ff\ue000\uffff😀𐀀')))
INTEGERS = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, TEXT),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)),
    max_leaves=25,
)


@given(VALUES)
def test_canonical_json_of_any_value_equals_the_standards(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(FLOATS)
def test_number_is_written_as_ecmascript_does(number: float) -> None:
    assert canonical_json(number) == rfc8785.dumps(number)
    assert format_number(number).encode() == rfc8785.dumps(number)


@given(VALUES)
def test_canonical_json_read_and_written_again_is_the_same(value: Any) -> None:
    data = canonical_json(value)
    assert canonical_json(read_canonical(data)) == data


@given(st.dictionaries(TEXT, INTEGERS, min_size=2))
def test_order_of_insertion_changes_nothing(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-2.0, "-2"),
        (4.5, "4.5"),
        (1e-5, "0.00001"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (6.11640764281198e-07, "6.11640764281198e-7"),
        (9007199254740994.0, "9007199254740994"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (333333333.33333329, "333333333.3333333"),
    ],
)
def test_number_of_the_standards_table_has_its_text(number: float, text: str) -> None:
    assert canonical_json(number) == text.encode()


@pytest.mark.parametrize("number", [2.0**53, -(2.0**53), 1e20, 123456789012345680000.0, 2.0**53 - 1])
def test_large_integral_number_survives_being_read(number: float) -> None:
    assert canonical_json(read_canonical(canonical_json(number))) == canonical_json(number)


def test_keys_are_sorted_by_utf16_code_units() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "😀", "\u0080", "\u00f6"]
    data = canonical_json({"outer": [dict.fromkeys(keys, 0)]})
    assert list(json.loads(data)["outer"][0]) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "😀", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        MAX_SAFE_INTEGER + 1,
        -MAX_SAFE_INTEGER - 1,
        10**400,
        "\ud800",
        {"\udfff": 1},
        {1: "one"},
        {None: "none"},
        {"a": 1, 2: "b"},
        b"bytes",
        {1, 2},
        1j,
        object(),
    ],
    ids=repr,
)
def test_value_without_a_canonical_form_is_refused_wherever_it_stands(value: Any) -> None:
    for place in (value, [value], {"key": value}, ("text", {"deep": [value]})):
        with pytest.raises(NotCanonical):
            canonical_json(place)


def test_absurd_nesting_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_derived_types_are_written_as_their_json_type() -> None:
    value = MappingProxyType({"type": RecordType.AUDIT_READ, "rows": (1, True)})
    assert canonical_json(value) == b'{"rows":[1,true],"type":"vouch.audit.read.v1"}'


@given(VALUES, TEXT, TEXT)
def test_canonical_part_stands_inside_as_it_is(value: Any, key: str, other: str) -> None:
    whole = {other: 0, key: Canonical(canonical_json(value))}
    assert canonical_json(whole) == rfc8785.dumps({other: 0, key: value})
