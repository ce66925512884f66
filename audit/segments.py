"""Segments: gzip of JSON Lines, written and read in pieces of bounded memory, with what a manifest says of them.

`Facts` adds up lines, whoever wrote or reads them; `SegmentWriter` compresses lines into parts, `SegmentReader` makes
lines of pieces again. A reader believes nothing: neither that a segment ends where it should nor that a line is short.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated

import msgspec

from audit.merkle import Tree, leaf_hash, leaf_hashes

COMPRESSION_LEVEL = 4
GZIP = 31  # window bits of zlib, 16 more for the gzip form; it writes no name and the time 0
PART_BYTES = 4 * 2**20
INFLATE_BYTES = 2**18
MAX_LINE_BYTES = 2**20


Count = Annotated[int, msgspec.Meta(ge=0)]


class DamagedSegment(ValueError):
    """Bytes that are no segment; the message says what is wrong and where."""


class LineHead(msgspec.Struct):
    """What every line has."""

    id: str
    type: str


read_head = msgspec.json.Decoder(LineHead).decode


@dataclass(slots=True)
class Facts:
    """What lines add up to: count, types, first and last id, Merkle tree."""

    rows: int = 0
    types: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    tree: Tree = field(default_factory=Tree)

    def add(self, line: bytes, record_id: str, record_type: str) -> None:
        """Count a line, without its newline."""
        self.rows += 1
        self.types[record_type] = self.types.get(record_type, 0) + 1
        self.first = self.first or record_id
        self.last = record_id
        self.tree.append(leaf_hash(line))

    def add_all(self, lines: Sequence[bytes], record_ids: Sequence[str], record_types: Iterable[str]) -> None:
        """Count lines, at least one."""
        self.rows += len(lines)
        for record_type, count in Counter(record_types).items():
            self.types[record_type] = self.types.get(record_type, 0) + count
        self.first = self.first or record_ids[0]
        self.last = record_ids[-1]
        self.tree.extend(leaf_hashes(lines))


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as its manifest names it. `sha256` and `root` are hex, `bytes` is the size of the file."""

    dataset: str
    name: str
    lane: str
    rows: Count
    bytes: Count
    sha256: str
    root: str
    first: str
    last: str
    types: dict[str, Count]


class SegmentWriter:
    """Compresses the lines of one segment. `take` hands out a part as soon as one is full."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._deflate = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP)
        self._pending = bytearray()
        self._sha256 = sha256()
        self._size = 0

    def add(self, line: bytes, record_id: str, record_type: str) -> None:
        """Add a line, without its newline."""
        self.facts.add(line, record_id, record_type)
        self._pending += self._deflate.compress(line)
        self._pending += self._deflate.compress(b"\n")

    def take(self) -> bytes | None:
        """The next part if it is full."""
        return self._hand_out() if len(self._pending) >= PART_BYTES else None

    def finish(self) -> bytes:
        """The last part; may be shorter than the others."""
        self._pending += self._deflate.flush()
        return self._hand_out()

    def entry(self, dataset: str, name: str, lane: str) -> FileEntry:
        """What the manifest says of it, once it is finished."""
        return build_entry(dataset, name, lane, self.facts, self._size, self._sha256.hexdigest())

    def _hand_out(self) -> bytes:
        part = bytes(self._pending)
        self._pending.clear()
        self._sha256.update(part)
        self._size += len(part)
        return part


class SegmentReader:
    """Makes lines of a segment's pieces. Raises DamagedSegment."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(GZIP)
        self._rest = b""
        self._sha256 = sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of everything that was fed, hex."""
        return self._sha256.hexdigest()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in the next piece of the file, without their newlines."""
        for block in self.blocks(piece):
            yield from block[:-1].split(b"\n")

    def blocks(self, piece: bytes) -> Iterator[bytes]:
        """The same lines by the hundred, each with its newline."""
        self.pass_over(piece)
        while piece:
            if self._inflate.eof:
                raise DamagedSegment("bytes follow its end")
            text = self._inflated(piece)
            end = text.rfind(b"\n") + 1
            if len(self._rest) + (text.index(b"\n") if end else len(text)) > MAX_LINE_BYTES:
                raise DamagedSegment(f"a line is longer than {MAX_LINE_BYTES} bytes")
            if end:
                yield self._rest + text[:end]
                self._rest = text[end:]
            else:
                self._rest += text
            piece = self._inflate.unconsumed_tail or self._inflate.unused_data

    def pass_over(self, piece: bytes) -> None:
        """Count and hash the next piece only, as where an earlier one was damaged."""
        self._sha256.update(piece)
        self.size += len(piece)

    def finish(self) -> None:
        """To be called once, after the last piece."""
        if not self._inflate.eof:
            raise DamagedSegment("it is cut off")
        if self._rest:
            raise DamagedSegment("its last line has no end")

    def _inflated(self, piece: bytes) -> bytes:
        try:
            return self._inflate.decompress(piece, INFLATE_BYTES)
        except zlib.error as error:
            raise DamagedSegment(f"it is no sound gzip: {error}") from None


def build_entry(dataset: str, name: str, lane: str, facts: Facts, size: int, digest: str) -> FileEntry:
    """What a manifest says of a file with these facts, size and SHA-256 (hex)."""
    return FileEntry(
        dataset=dataset,
        name=name,
        lane=lane,
        rows=facts.rows,
        bytes=size,
        sha256=digest,
        root=facts.tree.root.hex(),
        first=facts.first,
        last=facts.last,
        types=dict(sorted(facts.types.items())),
    )
