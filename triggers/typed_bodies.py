"""Small typed bodies: from decoded JSON to a msgspec type, faults with JSON pointers."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from flows.errors import InvalidRequest
from scoring.faults import Fault

T = TypeVar("T")
_PATH = re.compile(r"^(?P<detail>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def read_typed(body: object, kind: type[T]) -> T:
    """Raises InvalidRequest with the first fault and where it is."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_fault(str(error))]) from None


def _fault(message: str) -> Fault:
    match = _PATH.match(message)
    assert match is not None
    pointer = re.sub(r"\.|\[(?=\d)", "/", match["path"] or "").replace("]", "")
    return Fault(pointer, f"{match['detail']}.")
