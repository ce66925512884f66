"""Reads JSON values into what they mean, and gathers the faults of those that mean nothing.

What is faulty reads as its default, so that reading goes on and every fault is told at once. Null is as good as absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from rollouts.durations import parse_duration
from scoring.faults import Fault, pointer_to

LONGEST_S = 30 * 86_400.0
MOST_UNKNOWN_FIELDS = 20
"""So many are named; a hostile document must not make the answer many times its own size."""
LONGEST_FIELD = 64

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


class Reader:
    """Reads one document; `faults` are told in the order in which they were met."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, pointer: str, detail: str, instead: T) -> T:
        self.faults.append(Fault(pointer, detail))
        return instead

    def has_fault_under(self, *pointers: str) -> bool:
        return any(f"{fault.pointer}/".startswith(f"{pointer}/") for fault in self.faults for pointer in pointers)

    def check_fields(self, pointer: str, document: Mapping[str, object], known: Sequence[str]) -> None:
        unknown = [str(field) for field in document if field not in known]
        for field in unknown[:MOST_UNKNOWN_FIELDS]:
            at = pointer + pointer_to(field[:LONGEST_FIELD])
            self.fault(at, f"Unknown field. Known are {', '.join(known)}.", None)
        if len(unknown) > MOST_UNKNOWN_FIELDS:
            self.fault(pointer, f"{len(unknown) - MOST_UNKNOWN_FIELDS} more fields are unknown.", None)

    def text(self, pointer: str, value: object, pattern: re.Pattern[str], expected: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not pattern.match(value):
            return self.fault(pointer, f"Must be {expected}.", None)
        return value

    def choice(self, pointer: str, value: object, kind: type[Choice], default: Choice) -> Choice:
        if value is None:
            return default
        if not isinstance(value, str) or value not in list(kind):
            return self.fault(pointer, f"Must be one of {', '.join(kind)}.", default)
        return kind(value)

    def duration(self, pointer: str, value: object, default: float) -> float:
        """Seconds."""
        if value is None:
            return default
        seconds = parse_duration(value)
        if seconds is None or not 0 < seconds <= LONGEST_S:
            return self.fault(pointer, "Must be an ISO 8601 duration such as PT10M, above 0 and up to P30D.", default)
        return seconds

    def whole(self, pointer: str, value: object, highest: int, default: int) -> int:
        if value is None:
            return default
        if type(value) is not int or not 1 <= value <= highest:
            return self.fault(pointer, f"Must be a whole number of 1 to {highest:,}.", default)
        return value

    def number(self, pointer: str, value: object) -> float | None:
        if value is None:
            return None
        number = _finite(value)
        return number if number is not None else self.fault(pointer, "Must be a number.", None)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
