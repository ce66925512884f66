"""What is wrong with an input, said where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input. `pointer` is a JSON Pointer (RFC 6901) into it."""

    pointer: str
    detail: str


def pointer_to(*steps: str | int) -> str:
    """Build a JSON Pointer (RFC 6901) from its unescaped steps."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
