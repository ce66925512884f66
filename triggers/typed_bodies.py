"""Small typed bodies: from decoded JSON to a msgspec type, faults with JSON pointers."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from flows.errors import InvalidRequest
from scoring.deals import NO_IDENTIFIER, is_identifier
from scoring.faults import Fault

T = TypeVar("T")
NAMING = ("subject", "deal_id")
_PATH = re.compile(r"^(?P<detail>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def read_typed(body: object, kind: type[T]) -> T:
    """Raises InvalidRequest with the first fault and where it is. Who or what is named is named as in a deal."""
    try:
        typed = msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_fault(str(error))]) from None
    for name in NAMING:
        if not is_identifier(getattr(typed, name, name)):
            raise InvalidRequest([Fault(f"/{name}", NO_IDENTIFIER)])
    return typed


def _fault(message: str) -> Fault:
    match = _PATH.match(message)
    assert match is not None
    pointer = re.sub(r"\.|\[(?=\d)", "/", match["path"] or "").replace("]", "")
    return Fault(pointer, f"{match['detail']}.")
