"""A snapshot of a reference dataset: what a region knows by key, for models to look up.

A snapshot is a folder of the lake that never changes: gzipped JSON Lines, one object a row with its key and its
columns, and a manifest that pins every file by size and SHA-256. The manifest's own digest names the snapshot's
content. Reading goes from the outside in, so that the first error names the file that is to blame:

1. the manifest is the one that was meant, sound, and of this dataset and snapshot;
2. every file is, byte for byte, the one that the manifest was written for;
3. every row has a key of its own and values of its columns' types, and there are as many as the manifest says.

A key is a text or a whole number, and is compared as text: systems disagree about whether 7 is a number. Errors name
lines, never keys or values, because those may say something about a person.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from scoring.deals import is_identifier, is_timestamp
from scoring.features import LARGEST_INTEGER, MAX_CATEGORY_CHARACTERS, ReferenceUsed

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
DATASET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
PART_NAME = re.compile(r"part-[0-9]{5}\.jsonl\.gz\Z")

MAX_ROWS = 500_000
MAX_COLUMNS = 32
MAX_FILES = 1_000
MAX_PACKED_BYTES = 64 * 2**20
MAX_BYTES = 256 * 2**20  # unpacked
MAX_MANIFEST_BYTES = 2**20
GZIP = 16 + zlib.MAX_WBITS
PIECE_BYTES = 2**20
INPUT_BYTES = 2**12

Value = str | float | None


class InvalidSnapshot(ValueError):
    """A snapshot that must not be used. `file` is to blame, `difference` says what differs."""

    def __init__(self, file: str, difference: str) -> None:
        super().__init__(f"{file}: {difference}")
        self.file = file
        self.difference = difference


class ColumnType(StrEnum):
    NUMBER = "number"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Column:
    """One column besides the key. A category is a text."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """`sha256` is 64 hex digits; `bytes` as the file lies there, packed."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What a snapshot says of itself. `key` is the name of the key's column."""

    dataset: str
    schema_version: int
    snapshot: str
    created_at: str
    key: str
    columns: tuple[Column, ...]
    rows: int
    files: tuple[SnapshotFile, ...]


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """A snapshot in memory. `digest` is `sha256:` and the manifest's SHA-256 in hex; `rows` by key hold the values of
    the columns, in their order. `used` is how a record names it."""

    dataset: str
    snapshot: str
    digest: str
    key: str
    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[Value, ...]]
    used: ReferenceUsed = field(init=False, repr=False, compare=False)
    _places: dict[tuple[str, ColumnType], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "used", ReferenceUsed(self.dataset, self.snapshot, self.digest))
        places = {(column.name, column.type): place for place, column in enumerate(self.columns)}
        object.__setattr__(self, "_places", places)

    def place_of(self, column: str, kind: ColumnType) -> int | None:
        """Where a column of this type stands in a row, or None where there is none."""
        return self._places.get((column, kind))


def key_text(value: object) -> str | None:
    """A key as it is compared, or None for what can't be one."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) <= LARGEST_INTEGER else None
    return value if isinstance(value, str) and is_identifier(value) else None


def digest_of_manifest(content: bytes) -> str:
    """`sha256:<hex>`: what names a snapshot's content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parse_snapshot_manifest(content: bytes, dataset: str, snapshot: str) -> SnapshotManifest:
    """The manifest of this snapshot. Raises InvalidSnapshot."""
    try:
        manifest = msgspec.json.decode(content, type=SnapshotManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSnapshot(MANIFEST_FILE, str(error)) from error
    if (manifest.dataset, manifest.snapshot) != (dataset, snapshot):
        raise InvalidSnapshot(MANIFEST_FILE, "is foreign: it is of another dataset or snapshot")
    faults = list(find_manifest_faults(manifest))
    if faults:
        raise InvalidSnapshot(MANIFEST_FILE, "; ".join(faults))
    return manifest


def find_manifest_faults(manifest: SnapshotManifest) -> Iterator[str]:
    """What is wrong in a manifest whose types are right."""
    if manifest.schema_version != SCHEMA_VERSION:
        yield f"schema_version: is {manifest.schema_version}, this version of Vouch reads {SCHEMA_VERSION}"
    if not is_timestamp(manifest.created_at):
        yield "created_at: must be an RFC 3339 time with its offset"
    names = [manifest.key, *(column.name for column in manifest.columns)]
    if len(set(names)) != len(names) or not all(map(COLUMN_NAME.match, names)):
        yield "key and columns: must have names of their own, of letters, digits and underscores"
    if not 0 < len(manifest.columns) <= MAX_COLUMNS:
        yield f"columns: must be 1 to {MAX_COLUMNS}"
    yield from _find_file_faults(manifest)


def _find_file_faults(manifest: SnapshotManifest) -> Iterator[str]:
    files = manifest.files
    names = [file.name for file in files]
    if not 0 < len(files) <= MAX_FILES or len(set(names)) != len(names) or not all(map(PART_NAME.match, names)):
        yield f"files: must be 1 to {MAX_FILES}, named part-00000.jsonl.gz and so on, each once"
    if any(file.rows < 0 or file.bytes < 0 for file in files) or manifest.rows != sum(file.rows for file in files):
        yield "rows: must be the sum of the files' rows"
    if manifest.rows > MAX_ROWS:
        yield f"rows: {manifest.rows} are more than the {MAX_ROWS} that an instance holds; deliver fewer keys"
    if sum(file.bytes for file in files) > MAX_PACKED_BYTES:
        yield f"files: are larger than {MAX_PACKED_BYTES} bytes together; deliver fewer keys or columns"


def build_table(manifest: SnapshotManifest, digest: str, files: Mapping[str, bytes]) -> ReferenceTable:
    """The snapshot in memory, every file and row of it checked. Raises InvalidSnapshot."""
    reader = _Reader(manifest)
    for file in manifest.files:
        reader.read(file, files.get(file.name))
    return ReferenceTable(
        manifest.dataset, manifest.snapshot, digest, manifest.key, manifest.columns, reader.rows
    )  # fmt: skip


class _Reader:
    """Gathers rows, file by file."""

    def __init__(self, manifest: SnapshotManifest) -> None:
        self.rows: dict[str, tuple[Value, ...]] = {}
        self._key = manifest.key
        self._columns = manifest.columns
        self._names = frozenset({manifest.key, *(column.name for column in manifest.columns)})
        self._decode = msgspec.json.Decoder(dict[str, object]).decode
        self._left = MAX_BYTES

    def read(self, file: SnapshotFile, content: bytes | None) -> None:
        check_file(file, content)
        for number, line in enumerate(self._lines(file, content or b""), start=1):
            fault = self._add(line)
            if fault:
                raise InvalidSnapshot(file.name, f"line {number}: {fault}")

    def _lines(self, file: SnapshotFile, content: bytes) -> Sequence[bytes]:
        """As many as the manifest says, which is what keeps them few."""
        unpacked = unpack(file.name, content, self._left)
        self._left -= len(unpacked)
        count = unpacked.count(b"\n") + (not unpacked.endswith(b"\n")) if unpacked else 0
        if count != file.rows:
            raise InvalidSnapshot(file.name, f"has {count} rows, the manifest says {file.rows}")
        return unpacked.removesuffix(b"\n").split(b"\n") if unpacked else ()

    def _add(self, line: bytes) -> str | None:
        """Take a row over, or say what is wrong with it."""
        try:
            row = self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "is no JSON object"
        if not self._names.issuperset(row):
            return "has a column that the manifest doesn't list"
        key = key_text(row.get(self._key))
        if key is None:
            return f"{self._key}: must be a text of 1 to 128 printable characters or a whole number"
        if key in self.rows:
            return f"{self._key}: stands in an earlier row already"
        values = tuple([row.get(column.name) for column in self._columns])
        for column, value in zip(self._columns, values, strict=True):
            if value is not None and not _is_of(column.type, value):
                return f"{column.name}: must be {_EXPECTED[column.type]}"
        self.rows[key] = values  # type: ignore[assignment]  # each was looked at just now
        return None


def check_file(file: SnapshotFile, content: bytes | None) -> None:
    """Raises InvalidSnapshot unless it is the file that the manifest was written for."""
    if content is None:
        raise InvalidSnapshot(file.name, "is missing; deliver the snapshot again under a new name")
    if len(content) != file.bytes:
        raise InvalidSnapshot(file.name, f"has {len(content)} bytes, the manifest says {file.bytes}")
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise InvalidSnapshot(file.name, f"is changed or foreign: SHA-256 is {found}, the manifest says {file.sha256}")


def unpack(name: str, content: bytes, limit: int) -> bytes:
    """What a gzip file holds, of one member or several. Raises InvalidSnapshot, also beyond `limit` bytes."""
    pieces: list[bytes] = []
    size = at = 0
    member, given = zlib.decompressobj(GZIP), b""
    while given or at < len(content):
        if not given:  # little at a time: what a member leaves is copied, and there may be millions of them
            given = content[at : at + INPUT_BYTES]
            at += len(given)
        try:
            pieces.append(member.decompress(given, PIECE_BYTES))
        except zlib.error as error:
            raise InvalidSnapshot(name, f"is not gzip: {error}") from error
        size += len(pieces[-1])
        if size > limit:
            raise InvalidSnapshot(name, f"holds more than {limit} bytes; deliver fewer keys or columns")
        given = member.unused_data or member.unconsumed_tail
        is_whole = member.eof
        member = zlib.decompressobj(GZIP) if is_whole else member
    if content and not is_whole:
        raise InvalidSnapshot(name, "is cut off: its gzip stream has no end")
    return b"".join(pieces)


def _is_of(kind: ColumnType, value: object) -> bool:
    if kind is ColumnType.CATEGORY:
        return isinstance(value, str) and len(value) <= MAX_CATEGORY_CHARACTERS
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST_INTEGER if isinstance(value, int) else math.isfinite(value)


_EXPECTED = {
    ColumnType.NUMBER: "a finite number, a whole one at most 2^53 - 1, or null",
    ColumnType.CATEGORY: f"a text of at most {MAX_CATEGORY_CHARACTERS} characters, or null",
}
