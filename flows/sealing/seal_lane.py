"""Seal one lane of a window: from its rows in the ledger to its segments in the lake.

For each dataset that the lane has records of:

1. read its rows in order, a page of record keys at a time;
2. keys first: the records' keys are written before anything that they encrypt, the subjects' keys are found or made;
   a subject who was erased has none, so that the record goes on without `personal` and its row is blanked;
3. the index rows, then the line;
4. compress, upload in parts, commit create-only.

Whoever finds the file standing (another's, or that of an earlier try) reads it back, holds it against the ledger
record by record and takes its facts. Memory is bounded by a page of keys and a part of the file. Twice is harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from audit.counters import Counters
from audit.feature_counts import FeatureCounts
from audit.ids import time_of
from audit.key_pages import PAGE_SLOTS
from audit.layout import DECISIONS, RELEASES, dataset_of, segment_name
from audit.personal import DECISION, handle_of
from audit.sealing import DamagedRow, LedgerRow, build_line, handles_of, read_row, without_personal
from audit.segments import DamagedSegment, FileEntry, SegmentWriter
from audit.windows import Window
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.ports import Lake
from flows.sealing.known_bins import KnownBins
from flows.sealing.read_back import ReadBack
from flows.trail_ports import Lanes, TrailIndex

LINES_AT_ONCE = 20  # between two turns of the loop, some 3 ms, so that deals are scored meanwhile

ROWS_AT_ONCE = 100
PAGE_ROWS = PAGE_SLOTS
SUBJECTS_AT_ONCE = 16

logger = logging.getLogger("vouch.trail")


class SegmentDiffers(Exception):
    """A segment stands in the lake that is not what the ledger holds. Nothing is written over it. Never shown."""


@dataclass(slots=True)
class SealedLane:
    """What became of a lane: its rows as read, how many of them were not what had been written, its files, what its
    minutes counted, and its features."""

    lane: str
    rows: int = 0
    damaged: int = 0
    files: list[FileEntry] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    features: FeatureCounts = field(default_factory=FeatureCounts)


@dataclass(slots=True)
class _Pass:
    """One reading of a lane for one dataset. `digests` is over the digests of its records, in order."""

    window: Window
    lane: str
    dataset: str
    sealed: SealedLane
    writer: SegmentWriter = field(default_factory=SegmentWriter)
    digests: Any = field(default_factory=sha256)


Keys = tuple[bytes | None, Mapping[str, bytes]]
"""A record's key, None where its person was erased, and its subjects' keys by handle."""


class SealLane:
    def __init__(
        self, region: str, lake: Lake, lanes: Lanes, keyring: Keyring, record_keys: RecordKeyring,
        subject_keys: SubjectKeys, index: TrailIndex, bins: KnownBins,
    ) -> None:  # fmt: skip
        self._region = region
        self._lake = lake
        self._lanes = lanes
        self._keyring = keyring
        self._record_keys = record_keys
        self._subject_keys = subject_keys
        self._index = index
        self._bins = bins

    async def __call__(self, window: Window, lane: str, types: Collection[str]) -> SealedLane:
        """Seal a fenced lane whose head counts records of these types. Raises StorageFailed, VaultFailed or
        SegmentDiffers."""
        sealed = SealedLane(lane, counters=await self._lanes.minutes(window, lane))
        await self._bins.prepare((model, version) for model, version, *_ in sealed.counters.groups)
        for dataset in (DECISIONS, RELEASES):
            if any(dataset_of(kind) == dataset for kind in types):
                sealed.files.append(await self._write(_Pass(window, lane, dataset, sealed)))
        return sealed

    async def _write(self, reading: _Pass) -> FileEntry:
        name = segment_name(reading.dataset, self._region, reading.window, reading.lane)
        if await self._lake.create_from(name, self._parts(reading)):
            return reading.writer.entry(reading.dataset, name, reading.lane)
        entry, digests = await self._read_back(name, reading)
        if digests != reading.digests.hexdigest():
            raise SegmentDiffers(f"{name} stands in the lake and is not what the ledger holds")
        logger.info("%s stood already and is what the ledger holds.", name)
        return entry

    async def _parts(self, reading: _Pass) -> AsyncIterator[bytes]:
        async for rows in self._pages(reading):
            keys = await self._prepare(rows)
            for at, row in enumerate(rows, start=1):
                self._add_line(reading, row, keys[row.record_id])
                if at % LINES_AT_ONCE == 0:
                    await asyncio.sleep(0)
            while (part := reading.writer.take()) is not None:
                yield part
        yield reading.writer.finish()

    async def _pages(self, reading: _Pass) -> AsyncIterator[list[LedgerRow]]:
        """The lane's records of the dataset, in order, a page of record keys at a time."""
        page: list[LedgerRow] = []
        async for entities in self._lanes.rows(reading.window, reading.lane):
            for at, entity in enumerate(entities, start=1):
                row = _read(entity, reading)
                if row is not None:
                    page.append(row)
                if at % ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if len(page) == PAGE_ROWS:
                    yield page
                    page = []
        if page:
            yield page

    async def _prepare(self, rows: Sequence[LedgerRow]) -> dict[UUID, Keys]:
        """The keys of a page's records, and everything that has to be written before its lines."""
        index_key = await self._keyring.index_key()
        handles = {row.record_id: handles_of(row, index_key) for row in rows}
        keyed = [row.record_id for row in rows if row.has_key]
        record_keys = dict(zip(keyed, await self._record_keys.keys_for(keyed), strict=True)) if keyed else {}
        subject_keys = await self._subjects_of(rows, handles)
        keys: dict[UUID, Keys] = {}
        for row in rows:
            found = subject_keys[row.record_id]
            keys[row.record_id] = (record_keys.get(row.record_id), found) if found is not None else (None, {})
        erased = [row for row in rows if row.is_personal and keys[row.record_id][0] is None]
        await self._index.add(_entries(rows, handles, {row.record_id for row in erased}, index_key))
        for row in erased:
            await self._lanes.blank(row.record_id, without_personal(row))
        return keys

    async def _subjects_of(
        self, rows: Sequence[LedgerRow], handles: Mapping[UUID, tuple[list[str], list[str]]]
    ) -> dict[UUID, dict[str, bytes] | None]:
        """The keys of each record's subjects; None where one of them was erased since. Asked for a page at a time and
        no longer kept: a person may come back with another key."""
        asked = {(handle, time_of(row.record_id)) for row in rows for handle in handles[row.record_id][0]}
        left, found = iter(asked), dict[tuple[str, int], bytes | None]()

        async def ask() -> None:
            for handle, recorded_ms in left:
                found[handle, recorded_ms] = await self._subject_keys.key_for(handle, recorded_ms)

        await asyncio.gather(*(ask() for _ in range(SUBJECTS_AT_ONCE)))
        return {
            row.record_id: _whole(
                {handle: found[handle, time_of(row.record_id)] for handle in handles[row.record_id][0]}
            )
            for row in rows
        }

    def _add_line(self, reading: _Pass, row: LedgerRow, keys: Keys) -> None:
        reading.digests.update(row.digest.encode())
        reading.writer.add(build_line(row, *keys), str(row.record_id), row.type)
        if keys[0] is not None:
            reading.sealed.features.add(row, self._bins)

    async def _read_back(self, name: str, reading: _Pass) -> tuple[FileEntry, str]:
        """The facts of a segment as it lies in the lake, and the SHA-256 over its records' digests. Raises
        SegmentDiffers."""
        back, digests = ReadBack(self._lake, reading.dataset, name, reading.lane), sha256()
        try:
            async for _, digest in back.lines():
                digests.update(digest.encode())
        except (DamagedSegment, msgspec.DecodeError) as error:
            raise SegmentDiffers(f"{name} stands in the lake and is damaged: {error}") from error
        return back.entry, digests.hexdigest()


def _read(entity: Mapping[str, Any], reading: _Pass) -> LedgerRow | None:
    """The record, if it is one of the dataset. One that can't be read is counted where decisions are."""
    dataset = dataset_of(str(entity.get("type", "")))
    if dataset != reading.dataset:
        return None
    reading.sealed.rows += 1
    try:
        row = read_row(entity)
    except DamagedRow:
        logger.exception("A row of lane %s can't be sealed.", reading.lane)
        reading.sealed.damaged += 1
        return None
    if not row.is_sound:
        logger.error("The row %s of lane %s is not what was written.", row.record_id, reading.lane)
        reading.sealed.damaged += 1
    return row


def _whole(keys: Mapping[str, bytes | None]) -> dict[str, bytes] | None:
    found = {handle: key for handle, key in keys.items() if key is not None}
    return found if len(found) == len(keys) else None


def _entries(
    rows: Sequence[LedgerRow], handles: Mapping[UUID, tuple[list[str], list[str]]], erased: Set[UUID], index_key: bytes
) -> list[tuple[str, UUID]]:
    """The index rows of a page. Of a record whose person was erased only the decision that it speaks of is kept."""
    entries = []
    for row in rows:
        found_by = handles[row.record_id][1]
        if row.record_id in erased:
            found_by = [handle_of(index_key, DECISION, row.decision_id)] if row.decision_id else []
        entries += [(handle, row.record_id) for handle in found_by]
    return entries
