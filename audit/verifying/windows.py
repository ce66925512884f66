"""The second pass: window by window, every manifest that the chain names and every file that a manifest names.

The names of manifests and of each dataset's files sort by window, so that their lists are merged and one window at
a time is in memory; what lies there and no manifest names was added.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from audit.layout import DATASETS, MANIFESTS, Place, folder_of, manifest_name, read_name
from audit.manifests import Difference, InvalidManifest, read_manifest
from audit.segments import FileEntry
from audit.verifying.chain import MAX_MANIFEST_BYTES
from audit.verifying.chained import Chained
from audit.verifying.files import Files, in_order, read_whole
from audit.verifying.findings import Finding, Kind, Progress, Step, list_some, shorten
from audit.verifying.manifests import Held, faults_of
from audit.verifying.receipts import Receipts
from audit.verifying.segments import SegmentCheck
from audit.windows import Window, parse_window


@dataclass(slots=True)
class Counted:
    """What was gone over. `unproven`: files of windows whose manifest is not to be had; `pending`: files of windows
    that the chain has not reached."""

    manifests: int = 0
    files: int = 0
    rows: int = 0
    bytes: int = 0
    unproven: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file by its place."""

    place: Place
    name: str
    size: int


class WindowsCheck:
    """Goes over one region's windows. `counted` is whole once `run` has ended."""

    def __init__(self, files: Files, region: str, chained: Chained, receipts: Receipts) -> None:
        self.counted = Counted()
        self._files = files
        self._region = region
        self._chained = chained
        self._receipts = receipts
        self._unplaced = chained.unplaced

    def run(self) -> Iterator[Step]:
        lists = [self._list(kind) for kind in (MANIFESTS, *DATASETS)]
        merged = heapq.merge(*lists, key=lambda listed: listed.place.window)
        for name, listed in groupby(merged, key=lambda listed: listed.place.window):
            yield from self._check_window(parse_window(name, 1), list(listed))

    def _list(self, kind: str) -> Iterator[_Listed]:
        for file in in_order(self._files.list(folder_of(kind, self._region))):
            place = read_name(file.name)
            if place is not None:
                yield _Listed(place, file.name, file.size)

    def _check_window(self, window: Window, listed: Sequence[_Listed]) -> Iterator[Step]:
        chained = self._chained
        if chained.end_s is not None and window.start_s >= chained.end_s:
            self.counted.pending += len(listed)
            yield Progress(sum(file.size for file in listed))
            return
        unnamed = {file.name: file.size for file in listed if file.place.kind != MANIFESTS}
        was_proven = is_proven = chained.end_s is not None and not chained.is_spoiled(window)
        held = Held()
        for file in sorted(listed, key=lambda file: file.place.correction):
            if file.place.kind == MANIFESTS:
                is_proven &= yield from self._check_manifest(file, was_proven, held, unnamed)
        for name, size in unnamed.items():
            if is_proven:
                detail = "no manifest names it: it was added, or a correction was being sealed when the copy was made"
                yield Finding(Kind.ADDED_FILE, name, detail, self._region)
            else:
                self.counted.unproven += 1
            yield Progress(size)

    def _check_manifest(
        self, file: _Listed, was_proven: bool, held: Held, unnamed: dict[str, int]
    ) -> Generator[Step, None, bool]:
        """Check a manifest and the files that it names, which `unnamed` loses. Whether its window can still be
        proven."""
        content = read_whole(self._files, file.name, MAX_MANIFEST_BYTES) or b""
        yield Progress(len(content))
        if sha256(content).digest() not in self._chained.named:
            if was_proven and self._unplaced == 0:
                yield Finding(Kind.ADDED_MANIFEST, file.name, "no entry of the chain names it", self._region)
                return True
            self._unplaced -= was_proven
            return False
        try:
            manifest = read_manifest(content)
        except InvalidManifest as error:
            yield Finding(Kind.FALSE_MANIFEST, file.name, shorten(error), self._region)
            return False
        name = manifest_name(manifest.region, manifest.window, manifest.correction)
        if name != file.name:
            if was_proven:
                yield Finding(
                    Kind.FALSE_MANIFEST, file.name, f"it belongs under the name {shorten(name)}", self._region
                )
            return False
        self.counted.manifests += 1
        if faults := faults_of(manifest, held):
            yield Finding(Kind.FALSE_MANIFEST, name, shorten("; ".join(faults)), self._region)
        if manifest.differences:
            yield Finding(Kind.RECORDED_DIFFERENCE, name, _tell(manifest.differences), self._region)
        for entry in manifest.files:
            yield from self._check_file(entry, manifest.window, unnamed)
        return True

    def _check_file(self, entry: FileEntry, window: Window, unnamed: dict[str, int]) -> Iterator[Step]:
        pieces = self._files.read(entry.name) if unnamed.pop(entry.name, None) is not None else None
        if pieces is None:
            detail = f"its manifest says that it holds {entry.rows} lines"
            yield Finding(Kind.MISSING_FILE, shorten(entry.name), detail, self._region)
            return
        check = SegmentCheck(entry, window, self._region, self._receipts)
        for piece in pieces:
            check.feed(piece)
            yield Progress(len(piece))
        yield from check.finish()
        self.counted.files += 1
        self.counted.rows += check.facts.rows
        self.counted.bytes += entry.bytes


def _tell(differences: Sequence[Difference]) -> str:
    told = [f"{d.lane or 'window'}: {d.expected} {d.what} expected, {d.found} found" for d in differences]
    return shorten(f"its counts differed when it was sealed ({list_some(told)})")
