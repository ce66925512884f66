"""Load a snapshot of a reference dataset from the region's lake, every byte of it checked.

    reference/<dataset>/v1/snapshot=<snapshot>/part-00000.jsonl.gz     and more parts
    reference/<dataset>/v1/snapshot=<snapshot>/manifest.json           written last

What was activated stays there, so that whoever replays a decision loads the snapshot that its record names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from scoring.reference_table import (
    DATASET_NAME,
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    SNAPSHOT_NAME,
    InvalidSnapshot,
    ReferenceTable,
    build_table,
    check_file,
    digest_of_manifest,
    parse_snapshot_manifest,
)


class Streaming(Protocol):
    """What is needed of a lake, or of a copy of one."""

    def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The file from a byte on, in pieces; nothing where there is none."""


def snapshot_folder(dataset: str, snapshot: str) -> str:
    """Where a snapshot lies in the lake; ends with a slash."""
    return f"reference/{dataset}/v1/snapshot={snapshot}/"


async def load_snapshot(lake: Streaming, dataset: str, snapshot: str, digest: str) -> ReferenceTable:
    """The snapshot whose manifest has this digest (`sha256:<hex>`). Raises InvalidSnapshot or StorageFailed."""
    if not DATASET_NAME.match(dataset) or not SNAPSHOT_NAME.match(snapshot):
        raise InvalidSnapshot(MANIFEST_FILE, "no dataset or snapshot can have such a name")
    folder = snapshot_folder(dataset, snapshot)
    content = await _read_up_to(lake, folder + MANIFEST_FILE, MAX_MANIFEST_BYTES)
    if content is None:
        raise InvalidSnapshot(MANIFEST_FILE, f"is not in the lake under {folder}; it is delivered last of all")
    if len(content) > MAX_MANIFEST_BYTES:
        raise InvalidSnapshot(MANIFEST_FILE, f"has more than {MAX_MANIFEST_BYTES} bytes")
    found = digest_of_manifest(content)
    if found != digest:
        raise InvalidSnapshot(MANIFEST_FILE, f"is another one than was meant: it is {found}, not {digest}")
    manifest = parse_snapshot_manifest(content, dataset, snapshot)
    files: dict[str, bytes] = {}
    for file in manifest.files:
        packed = await _read_up_to(lake, folder + file.name, file.bytes)
        check_file(file, packed)
        files[file.name] = packed or b""
    return await asyncio.to_thread(build_table, manifest, digest, files)


async def _read_up_to(lake: Streaming, name: str, limit: int) -> bytes | None:
    """A file, cut off a piece beyond `limit` bytes; None where there is none, or an empty one."""
    content = bytearray()
    async for piece in lake.stream(name):
        content += piece
        if len(content) > limit:
            break
    return bytes(content) or None
