"""From a request's bytes to JSON values, strictly: what two readers could read differently is refused.

The standard library's parser does the work. What RFC 8259 leaves to chance is refused by its hooks (duplicate keys,
NaN, numbers without end) or seen in the bytes beforehand (nesting, lone surrogates), where one search in C tells that
there is nothing to look for.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Never

from flows.errors import InvalidBody, WrongContentType

MAX_DEPTH = 32
MAX_NUMBER_CHARACTERS = 400  # the longest doubles, written out without an exponent, have some 330

_BOM = b"\xef\xbb\xbf"
_JSON_TYPE = re.compile(r"application/json[ \t]*(;.*)?", re.IGNORECASE)


def require_json(content_type: str | None) -> None:
    """Raises WrongContentType unless it is `application/json`, with whatever parameters."""
    if not _JSON_TYPE.fullmatch((content_type or "").strip(" \t")):
        raise WrongContentType("the content type is not application/json")


def decode_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises InvalidBody."""
    text = _decode_text(body)
    _check_depth(text)
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidBody(f"It is no JSON at line {error.lineno}, column {error.colno}.") from None
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _decode_text(body: bytes) -> str:
    if body.startswith(_BOM):
        raise InvalidBody("It starts with a byte order mark; send plain UTF-8.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidBody(f"It is not UTF-8 at byte {error.start}.") from None
    if not text.strip(" \t\r\n"):
        raise InvalidBody("It is empty; a JSON value is needed.")
    return text
