"""A zip whose bytes follow from its files alone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can say
READABLE_FILE = 0o100644 << 16


def write_archive(files: Mapping[str, bytes], path: Path) -> dict[str, int]:
    """Write the files, sorted, all with one time and mode; what each takes up in the zip, in bytes, by its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    unfinished.replace(path)
    return sizes


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.create_system = 3  # Unix, whatever the machine: else the mode is lost and the bytes differ
    entry.external_attr = READABLE_FILE
    return entry
