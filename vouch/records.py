"""Recorded decisions, opened: the windows that a copy of a lake holds, and their records with what is personal.

A copy holds boxes. What opens them are the region's keys, so the region is asked: it hands records out window by
window, to an auditor, and records that it did. Each record has to be the one whose line the copy has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from audit.layout import DECISIONS, folder_of, read_name
from audit.manifests import InvalidManifest, Manifest, read_manifest
from audit.records import digest_of_event
from audit.sealing import digest_of_line
from audit.segments import DamagedSegment, SegmentReader, read_head
from audit.verifying.files import Files, Unreadable, read_whole
from vouch.calls import Region
from vouch.copies import try_again

MAX_MANIFEST_BYTES = 64 * 2**20
PAGE_RECORDS = 1_000


class NotAsSealed(Exception):
    """A record that the region opened is not the one that the copy holds."""


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """A window of the copy: its start, RFC 3339, its segments of decisions and how many lines they have."""

    name: str
    start: str
    segments: tuple[str, ...]
    rows: int


def list_windows(files: Files, region: str, first: str = "", last: str = "") -> list[SealedWindow]:
    """The region's windows in the copy, oldest first, that start from `first` on and before `last` (RFC 3339, or a
    beginning of it; empty: no bound). Raises Unreadable."""
    found: dict[str, SealedWindow] = {}
    for listed in files.list(folder_of("manifests", region)):
        place = read_name(listed.name)
        if place is None or not _lies_between(place.window, first, last):
            continue
        manifest = _read_manifest(files, listed.name)
        segments = tuple(file.name for file in manifest.files if file.dataset == DECISIONS)
        rows = sum(file.rows for file in manifest.files if file.dataset == DECISIONS)
        before = found.get(place.window, SealedWindow(place.window, _time_of(place.window), (), 0))
        found[place.window] = SealedWindow(
            place.window, before.start, (*before.segments, *segments), before.rows + rows
        )
    return [found[name] for name in sorted(found)]


class OpenedRecords:
    """Opens the windows of a copy by way of their region."""

    def __init__(self, files: Files, region: Region) -> None:
        self._files = files
        self._region = region

    def of(self, window: SealedWindow) -> Iterator[Mapping[str, Any]]:
        """The records of a window's decisions dataset; one whose person was erased has no `personal`. Raises
        Unreadable or NotAsSealed."""
        left = self._digests(window)
        for event in self._open(window):
            if left.pop(str(event["id"]), None) != digest_of_event(event):
                raise NotAsSealed(f"{event['id']} is not the record that the copy of window {window.name} holds.")
            yield event
        if left:
            raise NotAsSealed(f"{len(left)} records of window {window.name} were not opened by the region.")

    def _open(self, window: SealedWindow) -> Iterator[Mapping[str, Any]]:
        after: str | None = None
        while window.rows:
            body = {"dataset": DECISIONS, "after": after, "limit": PAGE_RECORDS}
            path = f"/api/v1/exports/{window.name}:open"
            page = try_again(partial(self._region.ask, "POST", path, body, needs=["records", "next"]))
            yield from (found["record"] for found in page["records"])
            if page["next"] is None:
                return
            if page["next"] == after:
                raise Unreadable(f"{path} answered the same page twice.")
            after = page["next"]

    def _digests(self, window: SealedWindow) -> dict[str, str]:
        """The digests of the records as their lines stand in the copy, by id."""
        found = {}
        for name in window.segments:
            for line in _read_lines(self._files, name):
                found[read_head(line).id] = digest_of_line(line)
        return found


def _read_lines(files: Files, name: str) -> Iterator[bytes]:
    pieces = files.read(name)
    if pieces is None:
        raise Unreadable(f"{name} is not in the copy. Verify it: python -m vouch verify.")
    reader = SegmentReader()
    try:
        for piece in pieces:
            yield from reader.feed(piece)
        reader.finish()
    except (DamagedSegment, msgspec.DecodeError) as error:
        raise Unreadable(f"{name} is damaged: {error}. Verify the copy: python -m vouch verify.") from error


def _read_manifest(files: Files, name: str) -> Manifest:
    try:
        return read_manifest(read_whole(files, name, MAX_MANIFEST_BYTES) or b"")
    except InvalidManifest as error:
        raise Unreadable(f"{name} is damaged: {error}. Verify the copy: python -m vouch verify.") from error


def _lies_between(window: str, first: str, last: str) -> bool:
    start = _time_of(window)
    return (not first or start >= first) and (not last or start < last)


def _time_of(window: str) -> str:
    """`2026-11-23T21:00:00Z` of `20261123T210000Z`."""
    return f"{window[:4]}-{window[4:6]}-{window[6:8]}T{window[9:11]}:{window[11:13]}:{window[13:15]}Z"
