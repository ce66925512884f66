"""Segments read as they were written, whatever the pieces; whatever is none is refused, in bounded memory."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import leaf_hashes, root_of
from audit.segments import MAX_LINE_BYTES, PART_BYTES, DamagedSegment, Facts, SegmentReader, SegmentWriter

LINES = [b'{"id":"%d","note":"%b"}' % (number, b"x" * number) for number in range(60)]


def packed(lines: list[bytes]) -> tuple[SegmentWriter, bytes]:
    writer, parts = SegmentWriter(), []
    for number, line in enumerate(lines):
        writer.add(line, f"{number:04}", "even" if number % 2 == 0 else "odd")
        parts.append(writer.take() or b"")
    return writer, b"".join([*parts, writer.finish()])


CONTENT = packed(LINES)[1]


def read(content: bytes, piece_bytes: int = 1 << 20) -> list[bytes]:
    reader, lines = SegmentReader(), []
    for at in range(0, len(content), piece_bytes):
        lines += list(reader.feed(content[at : at + piece_bytes]))
    reader.finish()
    assert reader.size == len(content)
    return lines


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 50))
def test_lines_are_read_as_they_were_written(lines: list[bytes], piece_bytes: int) -> None:
    assert read(packed(lines)[1], piece_bytes) == lines


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 64])
def test_lines_are_the_same_in_pieces_of_any_size(piece_bytes: int) -> None:
    assert read(CONTENT, piece_bytes) == LINES


def test_blocks_are_the_lines_with_their_ends() -> None:
    blocks = list(SegmentReader().blocks(CONTENT))
    assert b"".join(blocks) == b"".join(line + b"\n" for line in LINES)
    assert all(block.endswith(b"\n") for block in blocks)


def test_segment_is_gzip_without_name_and_time() -> None:
    assert gzip.decompress(CONTENT) == b"".join(line + b"\n" for line in LINES)
    assert CONTENT[:4] == b"\x1f\x8b\x08\x00"
    assert CONTENT[4:8] == bytes(4)
    assert packed(LINES)[1] == CONTENT


def test_manifest_s_entry_is_what_the_lines_add_up_to() -> None:
    writer, content = packed(LINES)
    entry = writer.entry("decisions", "name", "9f3a")
    assert (entry.rows, entry.bytes, entry.first, entry.last) == (60, len(content), "0000", "0059")
    assert entry.types == {"even": 30, "odd": 30}
    assert entry.root == root_of(leaf_hashes(LINES)).hex()
    reader = SegmentReader()
    list(reader.feed(content))
    assert reader.sha256 == entry.sha256


@given(st.lists(st.integers(1, 20), max_size=5))
def test_facts_of_many_lines_are_those_of_each(blocks: list[int]) -> None:
    single, many, done = Facts(), Facts(), 0
    for block in blocks:
        lines = LINES[done : done + block] or [b"{}"]
        ids, types = [f"{done + at}" for at in range(len(lines))], ["a" if at % 3 else "b" for at in range(len(lines))]
        for line, record_id, kind in zip(lines, ids, types, strict=True):
            single.add(line, record_id, kind)
        many.add_all(lines, ids, types)
        done += len(lines)
    assert (single.rows, single.types, single.first, single.last) == (many.rows, many.types, many.first, many.last)
    assert single.tree.root == many.tree.root


def test_part_is_handed_out_as_soon_as_it_is_full() -> None:
    chance, writer, parts = random.Random(1), SegmentWriter(), []
    while len(parts) < 2:
        writer.add(chance.randbytes(2**16).replace(b"\n", b" "), "id", "type")
        if part := writer.take():
            parts.append(part)
    assert all(PART_BYTES <= len(part) < PART_BYTES + 2**18 for part in parts)


@pytest.mark.parametrize("length", range(len(CONTENT)))
def test_segment_that_is_cut_off_anywhere_is_damaged(length: int) -> None:
    with pytest.raises(DamagedSegment, match="cut off"):
        read(CONTENT[:length])


@pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
@pytest.mark.parametrize("tail", [b"\0", b"x", CONTENT, gzip.compress(b"")])
def test_whatever_follows_a_segment_is_damage(tail: bytes, piece_bytes: int) -> None:
    with pytest.raises(DamagedSegment, match="bytes follow"):
        read(CONTENT + tail, piece_bytes)


@pytest.mark.parametrize("at", range(len(CONTENT)))
def test_changed_byte_is_damage_or_changes_lines_or_only_the_header(at: int) -> None:
    """The gzip header's time, flags and system are covered by the file's SHA-256 alone."""
    content = bytearray(CONTENT)
    content[at] ^= 0xFF
    if 4 <= at < 10:
        assert read(bytes(content)) == LINES
    else:
        with pytest.raises(DamagedSegment):
            read(bytes(content))


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", zlib.compress(b"{}\n"), gzip.compress(b"{}"), gzip.compress(b"{}\n{}"), b"\x1f\x8b"]
)
def test_content_that_is_no_segment_is_damaged(content: bytes) -> None:
    with pytest.raises(DamagedSegment):
        read(content)


@given(st.binary(max_size=200), st.integers(1, 20))
def test_any_bytes_are_refused_in_a_sentence(content: bytes, piece_bytes: int) -> None:
    with pytest.raises(DamagedSegment):
        read(content, piece_bytes)


def test_empty_segment_has_no_lines() -> None:
    writer, content = packed([])
    assert read(content) == []
    assert writer.entry("decisions", "name", "9f3a").rows == 0


def peak_of(content: bytes) -> int:
    """The most memory that reading took."""
    tracemalloc.start()
    try:
        for block in SegmentReader().blocks(content):
            assert len(block) <= MAX_LINE_BYTES
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_bomb_of_lines_is_read_in_bounded_memory() -> None:
    assert peak_of(gzip.compress(b"\n" * 2**24)) < 4 * MAX_LINE_BYTES


def test_bomb_of_one_line_is_given_up() -> None:
    with pytest.raises(DamagedSegment, match="longer than"):
        peak_of(gzip.compress(b"{" * 2**26))


def test_longest_line_that_may_be_is_read() -> None:
    line = b"x" * MAX_LINE_BYTES
    assert read(packed([line])[1]) == [line]
    with pytest.raises(DamagedSegment, match="longer than"):
        read(packed([line + b"x"])[1], 1 << 16)


def test_damaged_segment_s_rest_is_hashed_all_the_same() -> None:
    reader = SegmentReader()
    with pytest.raises(DamagedSegment):
        list(reader.feed(b"nonsense"))
    reader.pass_over(b" and more")
    assert (reader.size, reader.sha256) == (17, sha256(b"nonsense and more").hexdigest())
