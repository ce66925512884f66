"""Makes a snapshot of a reference dataset, as `flows/reference/load_snapshot.py` reads it; pure, files by name.

The manifest comes last, as it is to be written last: a snapshot without one isn't there yet.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from scoring.reference_table import GZIP, MANIFEST_FILE, SCHEMA_VERSION, Column, SnapshotFile, SnapshotManifest

ROWS_PER_FILE = 100_000

Row = Mapping[str, object]


def build_snapshot(
    dataset: str,
    snapshot: str,
    created_at: str,
    key: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    rows_per_file: int = ROWS_PER_FILE,
) -> dict[str, bytes]:
    """The files of a snapshot, in the order in which they are to be written. A row holds the key and the columns;
    `created_at` is RFC 3339."""
    files: dict[str, bytes] = {}
    entries: list[SnapshotFile] = []
    for number, start in enumerate(range(0, max(len(rows), 1), rows_per_file)):
        part = rows[start : start + rows_per_file]
        name = f"part-{number:05}.jsonl.gz"
        files[name] = pack_rows(part)
        digest = hashlib.sha256(files[name]).hexdigest()
        entries.append(SnapshotFile(name, len(part), len(files[name]), digest))
    manifest = SnapshotManifest(
        dataset, SCHEMA_VERSION, snapshot, created_at, key, tuple(columns), len(rows), tuple(entries)
    )
    files[MANIFEST_FILE] = json.dumps(asdict(manifest), indent=1).encode()
    return files


def pack_rows(rows: Sequence[Row]) -> bytes:
    """Gzipped JSON Lines, the same bytes for the same rows and the same zlib. (Module `gzip` writes another header from
    Python 3.13 on.)"""
    lines = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    return zlib.compress(lines.encode(), 9, GZIP)
