"""Snapshots of a small reference dataset: what a delivery leaves in the lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.reference.load_snapshot import snapshot_folder
from scoring.reference_table import MANIFEST_FILE, Column, ColumnType, digest_of_manifest
from tests.fakes_trail import MemoryLake
from vouch.snapshots import build_snapshot

DATASET, KEY = "agents", "rep_number"
COLUMNS = (Column("claims_last_year", ColumnType.NUMBER), Column("office", ColumnType.CATEGORY))
ROWS: Sequence[Mapping[str, object]] = (
    {"rep_number": "7", "claims_last_year": 20, "office": "north"},
    {"rep_number": "8", "claims_last_year": 40, "office": None},
)
Files = dict[str, bytes]


def snapshot_of(
    snapshot: str = "s1",
    rows: Sequence[Mapping[str, object]] = ROWS,
    rows_per_file: int = 100,
    dataset: str = DATASET,
) -> Files:
    """The files of a snapshot."""
    return build_snapshot(dataset, snapshot, "2026-11-01T00:00:00Z", KEY, COLUMNS, rows, rows_per_file)


def change_manifest(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    """The same files under another manifest."""
    document = json.loads(files[MANIFEST_FILE])
    change(document)
    return {**files, MANIFEST_FILE: json.dumps(document).encode()}


def digest_of(files: Files) -> str:
    return digest_of_manifest(files[MANIFEST_FILE])


def put(lake: MemoryLake, files: Files, snapshot: str = "s1", dataset: str = DATASET) -> str:
    """Lay a snapshot into the lake; returns its digest."""
    lake.files.update({snapshot_folder(dataset, snapshot) + name: content for name, content in files.items()})
    return digest_of(files)
