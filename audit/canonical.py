"""Canonical JSON (RFC 8785): the same value is the same bytes, whoever writes it.

Every decision goes through it twice, for its digests, so it is built for speed: `msgspec` writes JSON in C with
sorted keys, and what its form and the standard's differ in is put right before:

1. numbers: an integral float becomes an integer, and a float that ECMAScript writes otherwise than msgspec (very
   small or very large ones) becomes its finished text;
2. key order: msgspec sorts by code point, the standard by UTF-16 code unit. These differ only for characters beyond
   the Basic Multilingual Plane; where the output holds one, it is written again in the exact order;
3. a part that is canonical already (`Canonical`) is taken over as it is;
4. what the standard has no form for is refused: NaN, integers beyond 2^53 - 1, lone surrogates, keys that are no text.

Tests hold the result equal to the `rfc8785` package's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any

import msgspec

MAX_SAFE_INTEGER = 2**53 - 1

Canonical = msgspec.Raw
"""Bytes that `canonical_json` wrote, to stand inside another value."""

_write_sorted = msgspec.json.Encoder(order="sorted").encode
_write = msgspec.json.Encoder().encode
_WRITTEN_AS_THEY_ARE = frozenset({str, bool, NoneType, msgspec.Raw})
_ASTRAL = re.compile(rb"[\xf0-\xf4]")


class NotCanonical(ValueError):
    """A value that has no canonical JSON."""


def canonical_json(value: object) -> bytes:
    """RFC 8785 bytes of a value made of mappings, lists, tuples, text, numbers, booleans and None.

    Raises NotCanonical."""
    try:
        plain = _plain(value)
        data = _write_sorted(plain)
        return data if data.isascii() or not _ASTRAL.search(data) else _write(_in_utf16_order(plain))
    except UnicodeEncodeError as error:
        raise NotCanonical("text holds a lone surrogate") from error
    except RecursionError as error:
        raise NotCanonical("nested too deeply") from error


def read_canonical(data: bytes) -> Any:
    """The value of JSON text as RFC 8785 means it: all numbers are doubles, so one beyond 2^53 - 1 is a float.

    What is read this way is written again as the same bytes."""
    return json.loads(data, parse_int=_parse_integer)


def format_number(number: float) -> str:
    """A finite number as ECMAScript writes it (RFC 8785, section 3.2.2.3). Raises NotCanonical."""
    text = repr(number)
    if "n" in text:
        raise NotCanonical(f"{text} is no JSON number")
    if "e" in text:
        return _format_exponent(text)
    if text.endswith(".0"):
        return text[:-2] if number else "0"
    return text


def _plain(value: Any) -> Any:
    """The value in types whose form msgspec and the standard agree on."""
    kind = type(value)
    if kind in _WRITTEN_AS_THEY_ARE:
        return value
    if kind is float:
        return _plain_float(value)
    if kind is int:
        return _plain_integer(value)
    if kind is list or kind is tuple:
        return [item if type(item) in _WRITTEN_AS_THEY_ARE else _plain(item) for item in value]
    if kind is dict:
        _check_keys(value)
        return {key: item if type(item) in _WRITTEN_AS_THEY_ARE else _plain(item) for key, item in value.items()}
    return _plain(_as_json_type(value))


def _plain_float(value: float) -> float | int | Canonical:
    size = abs(value)
    if 1e-5 <= size < 1e15:
        return value if value % 1 else int(value)
    if size < 1e-6:
        return value or 0
    return Canonical(format_number(value).encode())


def _plain_integer(value: int) -> int:
    if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    raise NotCanonical("an integer beyond 2^53 - 1 loses digits in JSON")


def _parse_integer(text: str) -> int | float:
    value = float(text)
    return int(text) if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else value


def _check_keys(value: Mapping[Any, object]) -> None:
    try:
        "".join(value)
    except TypeError as error:
        raise NotCanonical("an object's keys are text") from error


def _as_json_type(value: Any) -> object:
    """A value of a derived type (an enumeration of text, a read-only mapping) as its JSON type."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise NotCanonical(f"{type(value).__name__} is no JSON type")


def _format_exponent(text: str) -> str:
    """Python's `1e-07` or `1.5e+16` as ECMAScript's `1e-7` or `15000000000000000`."""
    mantissa, _, exponent_text = text.partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits, point = whole + fraction, int(exponent_text) + 1
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}e{'+' if point > 1 else '-'}{abs(point - 1)}"


def _in_utf16_order(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _in_utf16_order(plain[key]) for key in sorted(plain, key=_utf16_units)}
    return [_in_utf16_order(item) for item in plain] if isinstance(plain, list) else plain


def _utf16_units(key: str) -> bytes:
    return key.encode("utf-16-be")
