"""Lanes sealed from memory to nowhere: what sealing itself costs a row, by its parts, and the memory that it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from adapters.azure_storage import connect_by_string
from adapters.blobs_bundles import BlobsBundles
from adapters.folder_models import FolderModels
from adapters.held_models import HeldModels
from adapters.system_entropy import SystemEntropy
from audit.counters import Counters
from audit.feature_counts import FeatureCounts
from audit.personal import KEY_BYTES, SUBJECT, handle_of, wrap_key
from audit.records import Record
from audit.sealing import LedgerRow, build_line, handles_of, read_row
from audit.segments import SegmentWriter
from benchmarks.claims_1996 import ROOT
from benchmarks.composition import STORAGE
from benchmarks.first_decision import read_memory
from benchmarks.in_memory import MemoryRows
from benchmarks.in_process import Work, in_turn
from benchmarks.sealed_lake import FIRST, REGION
from benchmarks.sealing_storage import (
    SCORED,
    CountingIndex,
    CountingLake,
    Entity,
    ForgetfulKeys,
    PlainVault,
    RepeatedLanes,
    as_entity,
    renew_records,
)
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.sealing.known_bins import KnownBins
from flows.sealing.seal_lane import SealLane

KEPT_ROWS = 5_000
PART_ROWS, PART_ROUNDS = 2_000, 9
WHOLE = "the whole lane"


@dataclass(frozen=True, slots=True)
class SealedLane:
    """A lane that was sealed: its rows, seconds, MB of the segment, and resident memory before and at most, in MiB."""

    rows: int
    seconds: float
    written_mb: float
    before_mib: float
    peak_mib: float


async def seal_lane(records: Sequence[Record], rows: int, *, subjects: bool) -> SealedLane:
    """Seal so many rows, which repeat every few thousand. Raises RuntimeError where not all were."""
    entities, lake = _entities(records, KEPT_ROWS, subjects=subjects), CountingLake()
    seal = _compose(lake, records, entities, rows // KEPT_ROWS)
    _forget_peak()
    before_mib, began = read_memory()["VmRSS"], time.perf_counter()
    sealed = await seal(FIRST, "0001", {SCORED})
    seconds = time.perf_counter() - began
    if sum(file.rows for file in sealed.files) != rows or sealed.damaged:
        raise RuntimeError(f"{sealed.rows} rows were read and {sealed.damaged} of them were damaged, not {rows} sealed")
    peak_mib = max(before_mib, read_memory()["VmHWM"])  # the kernel counts both only nearly
    return SealedLane(rows, seconds, lake.written / 1e6, before_mib, peak_mib)


async def time_parts(records: Sequence[Record]) -> dict[str, list[float]]:
    """Microseconds a row, round by round: each part of a row by itself, in turn with the whole lane."""
    entities = _entities(records, PART_ROWS, subjects=True)
    rows, key = [read_row(entity) for entity in entities], bytes(KEY_BYTES)
    subject_keys = {handle_of(key, SUBJECT, "somebody"): key}
    lines = [build_line(row, key, subject_keys) for row in rows]
    bins = _known_bins()
    await bins.prepare([("deal-fraud", "1.0.0")])
    parts: dict[str, Callable[[], object]] = {
        "unpack the row, read it, check its digest": lambda: [read_row(entity) for entity in entities],
        "pseudonyms of deal and subject": lambda: [handles_of(row, key) for row in rows],
        "wrap a key for the record": lambda: [wrap_key(key, key, key[:12], row.record_id.bytes) for row in rows],
        "compress and encrypt what is personal": lambda: [build_line(row, key, subject_keys) for row in rows],
        "hash the line, compress it into the segment": lambda: _write_segment(rows, lines),
        "count its features by bin": lambda: _count_features(rows, bins),
    }
    works = {name: _as_work(part) for name, part in parts.items()}

    async def find_subject_keys() -> None:
        keyring = Keyring(MemoryRows(), PlainVault(), SystemEntropy())
        subjects = SubjectKeys(MemoryRows(), keyring, SystemEntropy())
        for number in range(PART_ROWS):
            await subjects.key_for(f"{number:032x}", 0)

    async def seal() -> None:
        await _compose(CountingLake(), records, entities, 1)(FIRST, "0001", {SCORED})

    works |= {"make a subject's key, in memory": find_subject_keys, WHOLE: seal}
    return await in_turn(works, PART_ROUNDS, PART_ROWS)


def _compose(lake: CountingLake, records: Sequence[Record], entities: Sequence[Entity], times: int) -> SealLane:
    counters, entropy = Counters(), SystemEntropy()
    counters.add(records[0].tally)
    keyring = Keyring(MemoryRows(), PlainVault(), entropy)
    return SealLane(
        REGION,
        lake,
        RepeatedLanes(entities, times, counters),
        keyring,
        RecordKeyring(ForgetfulKeys(), keyring, entropy),
        SubjectKeys(MemoryRows(), keyring, entropy),
        CountingIndex(),
        _known_bins(),
    )


@cache
def _known_bins() -> KnownBins:
    kept = BlobsBundles(connect_by_string(STORAGE).blobs, "versions")
    return KnownBins(HeldModels(FolderModels(ROOT / "model_artifacts"), kept), kept)


def _entities(records: Sequence[Record], count: int, *, subjects: bool) -> list[Entity]:
    return [as_entity(record) for record in renew_records(records, FIRST, 1, count, subjects=subjects)]


def _write_segment(rows: Sequence[LedgerRow], lines: Sequence[bytes]) -> None:
    writer = SegmentWriter()
    for row, line in zip(rows, lines, strict=True):
        writer.add(line, str(row.record_id), row.type)
        writer.take()
    writer.finish()


def _count_features(rows: Sequence[LedgerRow], bins: KnownBins) -> None:
    counts = FeatureCounts()
    for row in rows:
        counts.add(row, bins)


def _as_work(part: Callable[[], object]) -> Work:
    async def work() -> None:
        part()

    return work


def _forget_peak() -> None:
    """Let the kernel's record of this process's peak begin anew (proc_pid_clear_refs(5))."""
    Path("/proc/self/clear_refs").write_text("5")
