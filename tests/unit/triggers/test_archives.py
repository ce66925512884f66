"""A bundle as one body: what is taken, and what is refused without harm."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import InvalidBody
from triggers.archives import MAX_FILES, check_digest, digest_header, read_archive, write_archive
from triggers.problems import InvalidParameter

FILES = {"manifest.json": b"{}", "model.txt": b"tree\n" * 1000, "CARD.md": b""}


def archive(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as written:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            written.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_files_are_read_back_as_they_were_written() -> None:
    assert read_archive(write_archive(FILES)) == FILES


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 10_240,
        b"no tar at all" * 100,
        write_archive(FILES)[:3000],
        archive(member("../manifest.json")),
        archive(member("/etc/passwd")),
        archive(member("folder/model.txt")),
        archive(member("model.txt", tarfile.SYMTYPE, "/etc/passwd")),
        archive(member("model.txt", tarfile.LNKTYPE, "manifest.json")),
        archive(member("folder", tarfile.DIRTYPE)),
        archive(member("pipe", tarfile.FIFOTYPE)),
        archive(member("model.txt"), member("model.txt")),
        archive(*(member(f"file-{number}") for number in range(MAX_FILES + 1))),
    ],
    ids=["empty", "zeros", "text", "truncated", "above", "absolute", "nested", "symlink", "hard link", "folder", "pipe",
         "twice", "many"],
)  # fmt: skip
def test_what_is_no_plain_archive_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        read_archive(body)


@given(st.binary(max_size=2000), st.integers(0, 5000))
def test_no_damage_to_an_archive_does_more_than_be_refused(damage: bytes, at: int) -> None:
    whole = write_archive(FILES)
    body = whole[:at] + damage + whole[at + len(damage) :]
    try:
        read_archive(body)
    except InvalidBody:
        return
    assert len(body) >= len(whole)


@pytest.mark.parametrize("header", [None, "", "sha-256=abc", "md5=:abcd:", "sha-256=:AAAA:", "sha-256=:====:"])
def test_body_without_its_digest_is_refused(header: str | None) -> None:
    with pytest.raises(InvalidParameter):
        check_digest(header, b"body")


@pytest.mark.parametrize("extra", ["", "sha-512=:abc=:, "])
def test_body_with_its_digest_is_taken(extra: str) -> None:
    check_digest(extra + digest_header(b"body"), b"body")
