"""Manifests: what was sealed of a window, and the four counts that have to agree.

A manifest's file is the canonical JSON of its value; whole, it is a leaf of the region's tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from audit.canonical import canonical_json
from audit.layout import PERFORMANCE
from audit.segments import Count, FileEntry
from audit.times import format_second
from audit.windows import DAY_S, Window, parse_window

FORMAT = "vouch.manifest.v1"


class InvalidManifest(ValueError):
    """Bytes that are no manifest; the message says why."""


@dataclass(frozen=True, slots=True)
class LaneEntry:
    """What a lane's head says: its records, by type."""

    lane: str
    records: Count
    types: Mapping[str, Count]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two counts that should be one. `lane` is empty where it is about the window."""

    lane: str
    what: str
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The same records, counted four times: rows read from the ledger, by the lanes' heads, by their minutes, and
    lines written."""

    rows: Count = 0
    heads: Count = 0
    minutes: Count = 0
    lines: Count = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """`correction` 0: the window's own."""

    region: str
    window: Window
    correction: int = 0
    lanes: Sequence[LaneEntry] = ()
    files: Sequence[FileEntry] = ()
    counts: Counts = field(default_factory=Counts)
    differences: Sequence[Difference] = ()

    @property
    def kind(self) -> str:
        return "correction" if self.correction else "window"

    def to_bytes(self) -> bytes:
        return canonical_json(
            {
                "format": FORMAT,
                "kind": self.kind,
                "region": self.region,
                "correction": self.correction,
                "window": {
                    "name": self.window.name,
                    "start": format_second(self.window.start_s),
                    "end": format_second(self.window.end_s),
                    "seconds": self.window.length_s,
                },
                "lanes": [msgspec.to_builtins(lane) for lane in sorted(self.lanes, key=lambda lane: lane.lane)],
                "files": [msgspec.to_builtins(file) for file in sorted(self.files, key=lambda file: file.name)],
                "counts": msgspec.to_builtins(self.counts),
                "differences": [msgspec.to_builtins(difference) for difference in self.differences],
            }
        )


class _WindowForm(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    start: str
    end: str
    seconds: Annotated[int, msgspec.Meta(ge=1, le=DAY_S)]


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    kind: str
    region: str
    correction: Annotated[int, msgspec.Meta(ge=0)]
    window: _WindowForm
    lanes: list[LaneEntry]
    files: list[FileEntry]
    counts: Counts
    differences: list[Difference]


def read_manifest(content: bytes) -> Manifest:
    """The manifest of a file's bytes, which are exactly those that it would be written as. Raises InvalidManifest."""
    try:
        form = msgspec.json.decode(content, type=_Form)
        manifest = Manifest(
            region=form.region,
            window=parse_window(form.window.name, form.window.seconds),
            correction=form.correction,
            lanes=form.lanes,
            files=form.files,
            counts=form.counts,
            differences=form.differences,
        )
        is_exact = manifest.to_bytes() == content
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidManifest(f"it is no manifest: {error}") from None
    if not is_exact:
        raise InvalidManifest("it is no manifest in canonical form")
    return manifest


def compare_counts(
    lanes: Sequence[LaneEntry], rows: Mapping[str, int], minutes: Mapping[str, int], files: Sequence[FileEntry]
) -> tuple[Counts, list[Difference]]:
    """The counts of a window and where they differ, lane by lane. `rows` and `minutes`: by lane."""
    lines: dict[str, int] = {}
    for file in files:
        if file.dataset != PERFORMANCE:
            lines[file.lane] = lines.get(file.lane, 0) + file.rows
    differences = [
        Difference(lane.lane, what, lane.records, found)
        for lane in sorted(lanes, key=lambda lane: lane.lane)
        for what, found in (
            ("rows", rows.get(lane.lane, 0)),
            ("minutes", minutes.get(lane.lane, 0)),
            ("lines", lines.get(lane.lane, 0)),
        )
        if found != lane.records
    ]
    heads = sum(lane.records for lane in lanes)
    return Counts(sum(rows.values()), heads, sum(minutes.values()), sum(lines.values())), differences
