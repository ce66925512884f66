"""Strict JSON: what it refuses, where it says the fault is, and that it agrees with the standard's parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import InvalidBody, WrongContentType
from triggers.bodies import MAX_DEPTH, MAX_NUMBER_CHARACTERS, decode_json, require_json

REFUSED = {
    "empty": (b"", "It is empty; send a JSON value."),
    "blank": (b" \r\n\t", "It is empty; send a JSON value."),
    "byte order mark": (b"\xef\xbb\xbf{}", "It starts with a byte order mark; send UTF-8 without one."),
    "invalid UTF-8": (b'{"a": "\xff"}', "It is not UTF-8 at byte 7."),
    "overlong UTF-8": (b'"\xc0\xaf"', "It is not UTF-8 at byte 1."),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "It is not UTF-8 at byte 1."),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "It is not UTF-8 at byte 0."),
    "UTF-16 without a mark": ("1".encode("utf-16-le"), "It is not JSON (Extra data), at line 1, column 2."),
    "cut off": (b'{"a": [1, 2', "at line 1, column 12."),
    "open text": (b'{"a": "b', "at line 1, column 7."),
    "trailing comma": (b'{"a": 1,\n}', "It is not JSON ("),
    "no quotes": (b"{a: 1}", "at line 1, column 2."),
    "single quotes": (b"{'a': 1}", "at line 1, column 2."),
    "comment": (b"{} // done", "It is not JSON (Extra data), at line 1, column 4."),
    "two values": (b"{} {}", "It is not JSON (Extra data), at line 1, column 4."),
    "line break in text": (b'"a\nb"', "at line 1, column 3."),
    "leading zero": (b"[01]", "at line 1, column 3."),
    "leading plus": (b"[+1]", "at line 1, column 2."),
    "bare point": (b"[.5]", "at line 1, column 2."),
    "hexadecimal": (b"[0x10]", "at line 1, column 3."),
    "form": (b"a=1&b=2", "at line 1, column 1."),
    "NaN": (b'{"a": 1,\n "NaN": NaN}', "NaN and Infinity are no JSON numbers, at line 2, column 9."),
    "NaN with a tail": (b"[NaNs]", "NaN and Infinity are no JSON numbers, at line 1, column 2."),
    "Infinity": (b"[Infinity]", "NaN and Infinity are no JSON numbers, at line 1, column 2."),
    "-Infinity": (b'["-Infinity", -Infinity]', "NaN and Infinity are no JSON numbers, at line 1, column 15."),
    "1e999": (b'{"a": "1e999", "b": 1e999}', "A number is beyond the range of doubles, at line 1, column 21."),
    "-1e999": (b"-1e999", "A number is beyond the range of doubles, at line 1, column 1."),
    "1e999 with a tail": (b"[1e999x", "A number is beyond the range of doubles, at line 1, column 2."),
    "long integer": (b"[" + b"9" * 401 + b"]", "A number has more than 400 characters, at line 1, column 2."),
    "absurd integer": (b"[1, -" + b"9" * 5000 + b"]", "A number has more than 400 characters, at line 1, column 5."),
    "absurd fraction": (b"0." + b"1" * 5000, "A number has more than 400 characters, at line 1, column 1."),
    "absurd exponent": (b"1e-" + b"1" * 5000, "A number has more than 400 characters, at line 1, column 1."),
    "duplicate name": (b'{"a": 1,\n "b": {"a": 1}, "a": 1}', "same name twice, at line 2, column 17."),
    "duplicate name inside": (b'[{"a": {"c": 1, "c" : 2}, "b": "c"}]', "same name twice, at line 1, column 17."),
    "duplicate name, escaped": (rb'{"a\"": 1, "\u0061\u0022": 2}', "same name twice, at line 1, column 12."),
    "duplicate empty name": (b'{"": 1, "": 1}', "same name twice, at line 1, column 9."),
    "duplicate name, then no JSON": (b'{"a": {"b": 1, "b": 1}, oops', "same name twice, at line 1, column 16."),
    "lone high surrogate": (rb'"ab\ud800"', "An escape is half a surrogate pair, at line 1, column 4."),
    "lone low surrogate": (rb'"\udc00"', "An escape is half a surrogate pair, at line 1, column 2."),
    "surrogates the wrong way round": (rb'"\udc00\ud800"', "half a surrogate pair, at line 1, column 2."),
    "high surrogate before a pair": (rb'"\uD83D\uD83D\uDE00"', "half a surrogate pair, at line 1, column 2."),
    "lone surrogate in a name": (rb'{"\\\ud800": 1}', "half a surrogate pair, at line 1, column 5."),
    "lists too deep": (b"[" * 33 + b"]" * 33, "It is nested deeper than 32 levels."),
    "objects too deep": (b'{"a":' * 33 + b"1" + b"}" * 33, "It is nested deeper than 32 levels."),
    "depth on one branch": (b'[{}, {"a": ' + b"[" * 31 + b"]" * 31 + b"}]", "It is nested deeper than 32 levels."),
    "absurd lists": (b"[" * 200_000, "It is nested deeper than 32 levels."),
    "absurd lists, closed": (b"[" * 900 + b"]" * 900, "It is nested deeper than 32 levels."),
    "absurd objects": (b'{"a":' * 200_000, "It is nested deeper than 32 levels."),
}


@pytest.mark.parametrize(("body", "detail"), REFUSED.values(), ids=REFUSED)
def test_unsound_body_is_refused_with_what_and_where(body: bytes, detail: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        decode_json(body)
    assert detail in refused.value.detail
    assert str(refused.value) == refused.value.detail


ACCEPTED = {
    "escaped pair": (rb'"\ud83d\ude00"', "😀"),
    "escaped pair in capitals": (rb'"\uD83D\uDE00"', "😀"),
    "escaped backslash before what looks like a surrogate": (rb'"\\ud800"', "\\ud800"),
    "escapes": (rb'"\u0061\n\"\/\\"', 'a\n"/\\'),
    "same name in two objects": (b'[{"a": 1}, {"a": {"a": 2}}]', [{"a": 1}, {"a": {"a": 2}}]),
    "text that looks like NaN": (b'["NaN", "Infinity", "1e999"]', ["NaN", "Infinity", "1e999"]),
    "brackets in text": (b'"' + b"[{" * 50 + b'"', "[{" * 50),
    "deepest lists": (b"[" * 31 + b"[]" + b"]" * 31, json.loads("[" * 32 + "]" * 32)),
    "deepest list beside another": (
        b"[[], " + b"[" * 31 + b"]" * 31 + b"]",
        json.loads("[[], " + "[" * 31 + "]" * 31 + "]"),
    ),
    "longest integer": (b"9" * 400, 10**400 - 1),
    "largest double": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "smallest double": (b"1e-999", 0.0),
    "white space around": (b" \r\n\t{} \n", {}),
    "scalar": (b"null", None),
}


@pytest.mark.parametrize(("body", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_sound_body_is_decoded(body: bytes, value: object) -> None:
    assert decode_json(body) == value


def test_limits_are_those_that_the_cases_are_written_for() -> None:
    assert (MAX_DEPTH, MAX_NUMBER_CHARACTERS) == (32, 400)


def test_refusal_repeats_nothing_of_the_body() -> None:
    for body, _ in REFUSED.values():
        for secret in (b"Ann-Margret", b"4711-0815"):
            with pytest.raises(InvalidBody) as refused:
                decode_json(b'{"name": "' + secret + b'", "more": ' + body)
            assert secret.decode() not in str(refused.value)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=5)),
    max_leaves=25,
)
fragments = st.sampled_from(
    [
        *rb'{ } [ ] " : , \ \u d800 \udc00 1 - 1e999 .5 NaN Infinity null true "a" "a": {"a":1}'.split(),
        *(b" ", b"\n", b"\xff", "é😀".encode(), b"9" * 401),
    ]
)
soup = st.one_of(st.binary(max_size=40), st.lists(fragments, max_size=14).map(b"".join))


@given(values, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_as_json_is_read_as_it_was(value: Any, ensure_ascii: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent).encode()
    assert decode_json(body) == value


@given(soup)
@settings(max_examples=1500, deadline=None)
def test_any_bytes_are_refused_or_read_as_the_standard_parser_does(body: bytes) -> None:
    check_against_the_standard_parser(body)


@given(values, st.integers(0, 400), fragments)
@settings(max_examples=500, deadline=None)
def test_sound_json_with_a_piece_put_in_is_refused_or_read_as_the_standard_parser_does(
    value: Any, place: int, piece: bytes
) -> None:
    body = json.dumps(value, indent=1).encode()
    place = min(place, len(body))
    check_against_the_standard_parser(body[:place] + piece + body[place:])


def check_against_the_standard_parser(body: bytes) -> None:
    try:
        value = decode_json(body)
    except InvalidBody:
        return
    assert value == json.loads(body.decode())
    assert json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # fails for NaN and lone surrogates


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        " application/json ; x=y; z=1",
    ],
)
def test_content_type_json_is_accepted(content_type: str) -> None:
    require_json(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/json-seq",
        "application/problem+json",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/plain; application/json",
        "application/json, text/plain",
        "application",
        "json",
    ],
)
def test_content_type_that_is_not_json_is_refused(content_type: str | None) -> None:
    with pytest.raises(WrongContentType):
        require_json(content_type)
