"""From a request's bytes to JSON values, strictly: what two readers could read differently is refused.

The standard library's parser does the work, because it alone tells of duplicate names; with the hooks below a deal of
1 KB takes it some ten microseconds. Whatever needs a second look (nesting, escaped surrogates, the place of a fault)
is looked at only where a search in C says that there may be something to see.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Never

from flows.errors import InvalidBody, WrongContentType

MAX_DEPTH = 32
MAX_NUMBER_CHARACTERS = 400  # no double needs more, even written out without an exponent

_CONTAINERS = frozenset({dict, list})
_BOM = b"\xef\xbb\xbf"
_JSON_TYPE = re.compile(r"application/json[ \t]*(;.*)?", re.IGNORECASE)
_TOKEN = re.compile(r'(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")(?P<is_name>\s*:)?|[{}]|[-+.\w]+', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>u[dD][89a-fA-F])|.)", re.DOTALL)


class _OddNumber(ValueError):
    """A number that is refused; `literal` is how it is written."""

    def __init__(self, literal: str, fault: str) -> None:
        super().__init__(fault)
        self.literal = literal


class _DuplicateName(ValueError):
    """An object has one name twice."""


def require_json(content_type: str | None) -> None:
    """Raises WrongContentType unless it is `application/json`, with whatever parameters."""
    if not _JSON_TYPE.fullmatch((content_type or "").strip(" \t")):
        raise WrongContentType("application/json")


def require_type(content_type: str | None, wanted: str) -> None:
    """Raises WrongContentType unless it is the type that is wanted."""
    if (content_type or "").partition(";")[0].strip(" \t").lower() != wanted:
        raise WrongContentType(wanted)


def decode_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises InvalidBody, which repeats nothing of the body."""
    text = _decode_text(body)
    value = _decode_value(text)
    if "\\u" in text:
        _check_surrogates(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def _decode_text(body: bytes) -> str:
    if body.startswith(_BOM):
        raise InvalidBody("It starts with a byte order mark; send UTF-8 without one.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidBody(f"It is not UTF-8 at byte {error.start}.") from None
    if not text.strip(" \t\r\n"):
        raise InvalidBody("It is empty; send a JSON value.")
    return text


def _decode_value(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        fault, position = f"It is not JSON ({error.msg.removesuffix(' at').rstrip(': ')})", error.pos
    except _OddNumber as error:
        fault, position = str(error), _find_literal(text, error.literal)
    except _DuplicateName:
        fault, position = "An object has the same name twice", _find_duplicate(text)
    except RecursionError:
        raise _too_deep() from None
    raise InvalidBody(f"{fault}, {_place(text, position)}.")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _DuplicateName
    return value


def _parse_integer(literal: str) -> int:
    _check_length(literal)
    return int(literal)


def _parse_float(literal: str) -> float:
    _check_length(literal)
    value = float(literal)
    if math.isinf(value):
        raise _OddNumber(literal, "A number is beyond the range of doubles")
    return value


def _check_length(literal: str) -> None:
    if len(literal) > MAX_NUMBER_CHARACTERS:
        raise _OddNumber(literal, f"A number has more than {MAX_NUMBER_CHARACTERS} characters")


def _refuse_constant(literal: str) -> Never:
    raise _OddNumber(literal, "NaN and Infinity are no JSON numbers")


_decoder = json.JSONDecoder(
    object_pairs_hook=_build_object,
    parse_int=_parse_integer,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
)


def _check_surrogates(text: str) -> None:
    """Half a surrogate pair is no character: UTF-8 and canonical JSON have no form for it."""
    for escape in _ESCAPE.finditer(text):
        if escape["lone"]:
            raise InvalidBody(f"An escape is half a surrogate pair, {_place(text, escape.start())}.")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if type(child) in _CONTAINERS]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> Any:
    return value.values() if type(value) is dict else value


def _too_deep() -> InvalidBody:
    return InvalidBody(f"It is nested deeper than {MAX_DEPTH} levels.")


def _find_literal(text: str, literal: str) -> int:
    return next(token.start() for token in _TOKEN.finditer(text) if token[0].startswith(literal))


def _find_duplicate(text: str) -> int:
    """Where the first name stands that its object had before."""
    names: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            names.append(set())
        elif token[0] == "}":
            names.pop()
        elif token["is_name"]:
            name = json.loads(token["text"])
            if name in names[-1]:
                return token.start()
            names[-1].add(name)
    raise AssertionError("the parser found a duplicate name")


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"at line {line}, column {position - text.rfind(chr(10), 0, position)}"
