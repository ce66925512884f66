"""A dataset's files: its rows, as gzipped JSON Lines or as CSV, and its datasheet, which says what it was made from.

    spool   rows go into a new file beside the place where they are to stand, which nobody else may read
    finish  CSV: every column is known now, so the rows are written once more, as a table
    place   both are renamed into their places, the datasheet last: it holds the SHA-256 of the rows

So a file that stands in its place is whole, and one whose datasheet doesn't name it was not finished.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from audit.canonical import canonical_json, read_canonical
from flows.replaying.dataset_rows import PLAIN

LINES, TABLE = ".jsonl.gz", ".csv"
ENDINGS = (LINES, TABLE)
LEVEL = 6
PIECE_BYTES = 2**20
FEATURE, LOOKED_UP = "feature.", "looked_up."
RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def datasheet_of(rows: Path) -> Path:
    """Where the datasheet of a file of rows lies."""
    return rows.with_name(f"{rows.name}.datasheet.json")


class DatasetWriter:
    """Writes one dataset, whole or not at all. Every method raises OSError."""

    def __init__(self, out: Path) -> None:
        """`out` has one of ENDINGS."""
        self._out = out
        self._pending: list[Path] = []

    def __enter__(self) -> DatasetWriter:
        self._spool, self._file = self._create()
        self._lines = gzip.GzipFile("", "wb", LEVEL, self._file, mtime=0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):  # what can't be written any more is thrown away here
            self._lines.close()
        with suppress(OSError):
            self._file.close()
        for path in self._pending:
            path.unlink(missing_ok=True)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row, as canonical JSON (RFC 8785)."""
        self._lines.write(canonical_json(row) + b"\n")

    def finish(self, features: Iterable[str], looked_up: Iterable[str], datasheet: dict[str, Any]) -> dict[str, Any]:
        """Put both files into their places; the datasheet as it was written. The names are those of all rows."""
        self._lines.close()
        _keep(self._file)
        self._file.close()
        rows, said = self._spool, {}
        if self._out.name.endswith(TABLE):
            columns = [*_columns(FEATURE, features), *_columns(LOOKED_UP, looked_up)]
            rows, said["quoted_texts"] = self._tabulate(columns)
        about = {"name": self._out.name, "bytes": rows.stat().st_size, "sha256": digest_file(rows), **said}
        whole = {**datasheet, "file": about}
        sheet, file = self._create()
        with file:
            file.write(json.dumps(whole, indent=1, ensure_ascii=False).encode() + b"\n")
            _keep(file)
        rows.replace(self._out)
        sheet.replace(datasheet_of(self._out))
        return whole

    def _create(self) -> tuple[Path, BinaryIO]:
        """A new file that its owner alone reads; it is removed in the end unless it was put into its place."""
        descriptor, name = tempfile.mkstemp(".part", f".{self._out.name}.", self._out.parent)
        self._pending.append(Path(name))
        return Path(name), os.fdopen(descriptor, "wb")

    def _tabulate(self, named: Sequence[str]) -> tuple[Path, int]:
        """The rows as a table, and how many texts got a quote before them."""
        path, file = self._create()
        quoted = 0
        with file:
            table = csv.writer(_Utf8(file), lineterminator="\n")
            table.writerow([*PLAIN, *named])
            for row in read_rows(self._spool):
                flat = _flatten(row)
                table.writerow([_write_cell(flat.get(name)) for name in (*PLAIN, *named)])
                quoted += sum(_is_run_by_spreadsheets(value) for value in flat.values())
            _keep(file)
        return path, quoted


class _Utf8:
    """A binary file as `csv` writes to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of gzipped JSON Lines. Raises OSError (of which gzip's faults are), EOFError or ValueError."""
    with gzip.open(path) as lines:
        for line in lines:
            row: dict[str, Any] = read_canonical(line)
            yield row


def digest_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(file: BinaryIO) -> None:
    """What was written is to be there after a power cut."""
    file.flush()
    os.fsync(file.fileno())


def _columns(beginning: str, names: Iterable[str]) -> list[str]:
    return [f"{beginning}{name}" for name in sorted(names)]


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: row[name] for name in PLAIN}
    features = {f"{FEATURE}{name}": value for name, value in row["features"].items()}
    return {**plain, **features, **{f"{LOOKED_UP}{name}": value for name, value in row["looked_up"].items()}}


def _write_cell(value: object) -> str:
    """Nothing where nothing is known, JSON for what is no text, and a quote before what a spreadsheet would run."""
    if isinstance(value, str):
        return f"'{value}" if _is_run_by_spreadsheets(value) else value
    return "" if value is None else json.dumps(value)


def _is_run_by_spreadsheets(value: object) -> bool:
    return isinstance(value, str) and value.startswith(RUN_BY_SPREADSHEETS)
