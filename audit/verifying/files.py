"""The files of a copy, wherever they lie. Names are paths from the lake's root on, such as `audit/chain/...`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Unreadable(Exception):
    """A copy that can't be read; the message says which part of it, and why."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """`size` in bytes."""

    name: str
    size: int


class Files(Protocol):
    def list(self, prefix: str) -> Iterator[ListedFile]:
        """Every file whose name starts so, in ascending order of names. Raises Unreadable."""

    def read(self, name: str) -> Iterator[bytes] | None:
        """The file in pieces of at most some MiB; None where there is none. Raises Unreadable, also while reading."""


def read_whole(files: Files, name: str, at_most: int) -> bytes | None:
    """A small file; None where there is none. Of one that is larger, a little more than `at_most` bytes."""
    pieces = files.read(name)
    if pieces is None:
        return None
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > at_most:
            break
    return bytes(content)


def in_order(listed: Iterator[ListedFile]) -> Iterator[ListedFile]:
    """The same, held to its promise of ascending names. Raises Unreadable."""
    last = ""
    for file in listed:
        if file.name <= last:
            raise Unreadable(f"The list of files is not in order of names at {file.name}")
        last = file.name
        yield file
