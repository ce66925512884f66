"""One file of a manifest: everything that the manifest says of it, found out again from its bytes.

A block of lines at a time: heads are read, leaves hashed and types counted by the hundred, because calls cost more
than bytes. A file is gone over no further than its first fault, nor beyond the lines that it should have; the rest
is hashed only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from operator import lt
from typing import TypeVar
from uuid import UUID

import msgspec

from audit.ids import time_of
from audit.layout import PERFORMANCE, dataset_of
from audit.segments import DamagedSegment, Facts, FileEntry, SegmentReader, build_entry
from audit.verifying.findings import Exchange, Finding, Kind, Step, list_some, shorten
from audit.verifying.receipts import Receipts
from audit.windows import Window

_RECORD_ID = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{8}"  # and the lane


class _Sealed(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """All that `personal` may hold in the lake."""

    salt: msgspec.Raw = msgspec.Raw(b"")
    box: msgspec.Raw = msgspec.Raw(b"")
    subjects: msgspec.Raw = msgspec.Raw(b"")


class _Data(msgspec.Struct, gc=False):
    personal: _Sealed | None = None


class _Head(msgspec.Struct, gc=False):
    id: str
    type: str
    data: _Data


class _Any(msgspec.Struct, gc=False):
    """A line about nobody."""


_read_heads = msgspec.json.Decoder(_Head).decode_lines
_read_any = msgspec.json.Decoder(_Any).decode_lines


Form = TypeVar("Form")


class FalseLine(ValueError):
    """A line that is not what the specification asks for; the message says why."""


class SurplusLines(FalseLine):
    """More lines than there should be."""


class SegmentCheck:
    """Takes a file's pieces, then compares it with its entry."""

    def __init__(self, entry: FileEntry, window: Window, region: str, receipts: Receipts) -> None:
        self.facts = Facts()
        self._entry = entry
        self._window = window
        self._region = region
        self._receipts = receipts
        self._reader = SegmentReader()
        self._fault: Exception | None = None
        self._is_ours = re.compile(f"{_RECORD_ID}{re.escape(entry.lane)}").fullmatch

    def feed(self, piece: bytes) -> None:
        """Go over the next piece."""
        if self._fault:
            self._reader.pass_over(piece)
            return
        try:
            for block in self._reader.blocks(piece):
                self._take(block)
        except (DamagedSegment, FalseLine) as error:
            self._fault = error

    def finish(self) -> Iterator[Step]:
        """Say what is wrong with the file, if anything."""
        if not self._fault:
            try:
                self._reader.finish()
            except DamagedSegment as error:
                self._fault = error
        entry, found = self._entry, self._reader.sha256
        if found == entry.sha256:
            if fault := shorten(self._fault or self._differences()):
                detail = f"it is the file that was sealed, but {fault}"
                yield Finding(Kind.FALSE_FILE, entry.name, detail, self._region)
            return
        kind, detail = self._describe_change()
        yield Exchange(Finding(kind, entry.name, detail, self._region), entry.sha256, found)

    def _take(self, block: bytes) -> None:
        lines, before = block[:-1].split(b"\n"), self.facts.rows
        if before + len(lines) > self._entry.rows:
            raise SurplusLines(f"it has more than the {self._entry.rows} lines that its manifest says")
        _check_form(block, lines, before)
        if self._entry.dataset == PERFORMANCE:
            count = len(_parse(_read_any, block, lines, before))
            self.facts.add_all(lines, [""] * count, [PERFORMANCE] * count)
            return
        heads = _parse(_read_heads, block, lines, before)
        ids = [head.id for head in heads]
        self._check_ids(ids)
        self._receipts.meet(ids, lines)
        self.facts.add_all(lines, ids, [head.type for head in heads])

    def _check_ids(self, ids: Sequence[str]) -> None:
        """Record ids of the file's lane, rising from the window's start on."""
        if not all(map(self._is_ours, ids)):
            stranger = next(record_id for record_id in ids if not self._is_ours(record_id))
            raise FalseLine(f"it holds the id {shorten(stranger)}, which is none of the lane {self._entry.lane}")
        last = self.facts.last
        if not all(map(lt, ids, ids[1:])) or ids[0] <= last:
            fallen = next(after for before, after in pairwise([last, *ids]) if after <= before)
            raise FalseLine(f"its ids don't rise at {fallen}")
        if not last and time_of(UUID(ids[0])) < self._window.start_s * 1000:
            raise FalseLine(f"its first id, {ids[0]}, is older than its window")

    def _differences(self) -> str:
        """What the manifest says that the lines don't bear out."""
        entry = self._entry
        found = build_entry(entry.dataset, entry.name, entry.lane, self.facts, self._reader.size, entry.sha256)
        differences = [
            f"its {field} is {shorten(getattr(found, field))} and not {shorten(getattr(entry, field))}"
            for field in ("bytes", "rows", "root", "first", "last", "types")
            if getattr(found, field) != getattr(entry, field)
        ]
        if entry.dataset != PERFORMANCE:
            strays = [kind for kind in self.facts.types if dataset_of(kind) != entry.dataset]
            differences += [f"records of type {shorten(list_some(strays))} are no {entry.dataset}"] if strays else []
        return ", ".join(differences)

    def _describe_change(self) -> tuple[Kind, str]:
        """What became of a file that is not the sealed one, as far as its bytes tell."""
        entry, facts = self._entry, self.facts
        size = f"{self._reader.size} bytes" + ("" if self._reader.size == entry.bytes else f" instead of {entry.bytes}")
        if self._fault:
            after = f", after {facts.rows} of {entry.rows} lines" if isinstance(self._fault, DamagedSegment) else ""
            return _kind_of(self._fault), f"{shorten(self._fault)}{after} ({size})"
        if facts.rows < entry.rows:
            return Kind.MISSING_LINES, f"{entry.rows - facts.rows} of its {entry.rows} lines are missing ({size})"
        if facts.tree.root.hex() == entry.root:
            return Kind.REPACKED_FILE, f"its lines are the sealed ones, but they were compressed anew ({size})"
        return Kind.CHANGED_LINES, f"it has {entry.rows} lines, but not the sealed ones ({size})"


def _kind_of(fault: Exception) -> Kind:
    if isinstance(fault, DamagedSegment):
        return Kind.DAMAGED_FILE
    return Kind.ADDED_LINES if isinstance(fault, SurplusLines) else Kind.CHANGED_LINES


def _check_form(block: bytes, lines: Sequence[bytes], before: int) -> None:
    """Every line is one object in UTF-8, as far as that can be seen from outside; so no value spans two lines."""
    if {line[:1] + line[-1:] for line in lines} != {b"{}"}:
        number = next(n for n, line in enumerate(lines, before + 1) if line[:1] + line[-1:] != b"{}")
        raise FalseLine(f"its line {number} is no JSON object")
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError as error:
            number = before + 1 + block.count(b"\n", 0, error.start)
            raise FalseLine(f"its line {number} is no UTF-8") from None


def _parse(read: Callable[[bytes], list[Form]], block: bytes, lines: Sequence[bytes], before: int) -> list[Form]:
    """What was read of every line."""
    try:
        heads = read(block)
    except (msgspec.DecodeError, RecursionError, ValueError):
        heads = []
    if len(heads) == len(lines):
        return heads
    for number, line in enumerate(lines, before + 1):
        try:
            count = len(read(line))
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise FalseLine(f"its line {number} is no record: {error}") from None
        if count != 1:
            raise FalseLine(f"its line {number} is no record: it holds {count} values")
    raise FalseLine(f"its lines after {before} are no records")
