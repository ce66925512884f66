"""Recorded decisions, opened: the windows that a copy of a lake holds, and their records with what is personal.

A copy holds boxes. What opens them are the region's keys, so the region is asked: it hands records out window by
window, to an auditor, and records that it did. Each record has to be the one whose line the copy has, and what is
personal in it what that line is committed to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from audit.canonical import NotCanonical
from audit.chain import ChainEntry, InvalidEntry, read_entry
from audit.ids import lane_of, time_of
from audit.lanes import lane_name
from audit.layout import CHAIN, DECISIONS, Place, chain_name, folder_of, manifest_name, read_name
from audit.manifests import InvalidManifest, Manifest, read_manifest
from audit.records import digest_of_event, keeps_commitment
from audit.sealing import digest_of_line
from audit.segments import DamagedSegment, FileEntry, SegmentReader, read_head
from audit.times import format_second
from audit.verifying.chain import MAX_ENTRY_BYTES, MAX_MANIFEST_BYTES
from audit.verifying.entries import tree_of
from audit.verifying.files import Files, Unreadable, read_whole
from audit.windows import DAY_S, LAST_S, Window
from vouch.calls import Region
from vouch.copies import try_again

PAGE_RECORDS = 1_000
WINDOW_KIND = "window"
VERIFY = "Verify the copy: python -m vouch verify."
UNREAD = (DamagedSegment, msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a line that is no record may raise."""

Read = TypeVar("Read")


class NotAsSealed(Exception):
    """A record that the region opened is not the one that the copy holds."""


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """A window of the copy: its start and end, RFC 3339, and its segments of decisions as manifests name them."""

    name: str
    start: str
    end: str
    segments: tuple[FileEntry, ...] = ()

    @property
    def rows(self) -> int:
        """How many lines the segments have."""
        return sum(file.rows for file in self.segments)


def list_windows(files: Files, region: str, first: str = "", last: str = "") -> list[SealedWindow]:
    """The region's windows in the copy, oldest first, that start from `first` on and before `last` (RFC 3339, or a
    beginning of it; empty: no bound). Raises Unreadable."""
    found: dict[str, SealedWindow] = {}
    for listed in files.list(folder_of("manifests", region)):
        place = read_name(listed.name)
        if place is None or not _lies_between(place.window, first, last):
            continue
        manifest = _read_manifest(files, listed.name, region)
        segments = _segments_of(manifest)
        before = found.get(place.window, _without_segments(manifest.window))
        found[place.window] = replace(before, segments=(*before.segments, *segments))
    return [found[name] for name in sorted(found)]


class OpenedRecords:
    """Opens the windows of a copy by way of their region. `damaged` are the ids of records that it has the keys of and
    could not open all the same: they come without `personal`, as if their person had been erased."""

    def __init__(self, files: Files, region: Region) -> None:
        self._files = files
        self._region = region
        self.damaged: set[str] = set()

    def of(self, window: SealedWindow) -> Iterator[Mapping[str, Any]]:
        """The records of a window's decisions dataset; one whose person was erased has no `personal`. Raises
        Unreadable or NotAsSealed."""
        left = self._digests(window)
        for event in self._open(window):
            if not _is_record(event, left.pop(str(event["id"]), "")):
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
            for event, is_damaged in _read_page(page["records"], path):
                if is_damaged:
                    self.damaged.add(str(event["id"]))
                yield event
            if page["next"] is None:
                return
            if page["next"] == after:
                raise Unreadable(f"{path} answered the same page twice.")
            after = page["next"]

    def _digests(self, window: SealedWindow) -> dict[str, str]:
        """The digests of the records as their lines stand in the copy, by id."""
        return {
            record_id: digest for file in window.segments for record_id, digest in read_lines(self._files, file, _name)
        }


def find_decision(files: Files, region: Region, name: str, record_id: UUID) -> tuple[Mapping[str, Any], bool]:
    """A decision as the region opens it, and whether the copy holds it, which then has to be the same one; false where
    its window is not sealed in the copy. Raises Refused, Unreadable or NotAsSealed."""
    event = region.ask("GET", f"/api/v1/decisions/{record_id}", needs=["decision"])["decision"]
    sealed = _find_digest(files, name, record_id)
    if not isinstance(event, dict) or event.get("id") != str(record_id) or not _is_record(event, sealed):
        raise NotAsSealed(f"What the region opened as {record_id} is not the record that the copy holds.")
    return event, sealed is not None


def _find_digest(files: Files, name: str, record_id: UUID) -> str | None:
    """The digest of a record as its line stands in the copy; None where its window is not there. Raises Unreadable or
    NotAsSealed."""
    wanted, made_s = str(record_id), time_of(record_id) // 1000
    windows = list_windows(files, name, format_second(max(0, made_s - DAY_S)), format_second(min(made_s + 1, LAST_S)))
    for window in windows:
        for file in window.segments:
            if file.first <= wanted <= file.last and file.lane == lane_name(lane_of(record_id)):
                digest = dict(read_lines(files, file, _name)).get(wanted)
                if digest is not None:
                    return digest
    if any(window.start <= format_second(made_s) < window.end for window in windows):
        raise NotAsSealed(f"The window of {record_id} is sealed in the copy, and the record is in none of its files.")
    return None


def read_lines(files: Files, file: FileEntry, read: Callable[[bytes], Read]) -> Iterator[Read]:
    """What is read of every line of a segment of the copy, without its newline. Raises Unreadable, in the end, where it
    is not the file that its manifest names."""
    pieces = files.read(file.name)
    if pieces is None:
        raise Unreadable(f"{file.name} is not in the copy. {VERIFY}")
    reader = SegmentReader()
    try:
        for piece in pieces:
            for line in reader.feed(piece):
                yield read(line)
        reader.finish()
    except UNREAD as error:
        raise Unreadable(f"{file.name} is damaged: {error}. {VERIFY}") from error
    if reader.sha256 != file.sha256:
        raise Unreadable(f"{file.name} is not the file that its manifest names. {VERIFY}")


def read_end_of_chain(files: Files, region: str) -> tuple[ChainEntry, str]:
    """The newest entry of the region's chain in the copy, and the name of the last window that the chain reaches.
    Raises Unreadable."""
    places = [read_name(listed.name) for listed in files.list(folder_of(CHAIN, region))]
    numbers = [place.number for place in places if place]
    if not numbers:
        raise Unreadable(
            f"There is no chain of {region} in the copy: nothing of it is sealed, or it is a copy of others."
        )
    newest = entry = _read_entry(files, region, numbers[-1])
    while entry.kind != WINDOW_KIND:
        entry = _read_entry(files, region, entry.sequence - 1)
    return newest, entry.window


def _is_record(event: Mapping[str, Any], digest: str | None) -> bool:
    """Whether it has this digest (None: any), and what is personal in it is what it is committed to."""
    try:
        return digest in {None, digest_of_event(event)} and keeps_commitment(event)
    except (NotCanonical, KeyError, TypeError, AttributeError):
        return False


def _name(line: bytes) -> tuple[str, str]:
    """The id of a line's record, and its digest."""
    return read_head(line).id, digest_of_line(line)


def _read_page(records: Sequence[Any], path: str) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The records of a page, and whether each is damaged."""
    try:
        yield from [(found["record"], bool(found["record"]["id"] and found.get("damaged"))) for found in records]
    except (TypeError, KeyError, AttributeError):
        raise Unreadable(f"{path} answered no records. Is this the URL of a region?") from None


def _read_entry(files: Files, region: str, sequence: int) -> ChainEntry:
    """An entry that lies where it should, and whose tree is one."""
    name = chain_name(region, sequence)
    try:
        entry = read_entry(read_whole(files, name, MAX_ENTRY_BYTES) or b"")
    except InvalidEntry as error:
        raise Unreadable(f"{name} is damaged: {error}. {VERIFY}") from error
    if (entry.region, entry.sequence) != (region, sequence) or tree_of(entry) is None:
        raise Unreadable(f"{name} is damaged: it is another entry, or contradicts itself. {VERIFY}")
    return entry


def _read_manifest(files: Files, name: str, region: str) -> Manifest:
    """A manifest that lies where it should, and names files of its window alone."""
    try:
        manifest = read_manifest(read_whole(files, name, MAX_MANIFEST_BYTES) or b"")
    except InvalidManifest as error:
        raise Unreadable(f"{name} is damaged: {error}. {VERIFY}") from error
    wanted = {Place(DECISIONS, region, manifest.window.name, file.lane) for file in _segments_of(manifest)}
    is_ours = name == manifest_name(region, manifest.window, manifest.correction) and manifest.region == region
    if not is_ours or wanted != {read_name(file.name) for file in _segments_of(manifest)}:
        raise Unreadable(f"{name} is damaged: it is another manifest, or names files of another one. {VERIFY}")
    return manifest


def _segments_of(manifest: Manifest) -> list[FileEntry]:
    return [file for file in manifest.files if file.dataset == DECISIONS]


def _without_segments(window: Window) -> SealedWindow:
    return SealedWindow(window.name, format_second(window.start_s), format_second(window.end_s))


def _lies_between(window: str, first: str, last: str) -> bool:
    start = _time_of(window)
    return (not first or start >= first) and (not last or start < last)


def _time_of(window: str) -> str:
    """`2026-11-23T21:00:00Z` of `20261123T210000Z`."""
    return f"{window[:4]}-{window[4:6]}-{window[6:8]}T{window[9:11]}:{window[11:13]}:{window[13:15]}Z"
