"""`vouch copy`: what is copied, what is left alone, and what a broken copy leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.verifying.files import ListedFile, Unreadable
from tests.lakes import MemoryFiles
from vouch.commands.copy import copy_lake

FILES = {"audit/chain/v1/region=westeurope/000000000000.json": b"{}", "audit/decisions/v1/a.jsonl.gz": b"a" * 1000}
REFERENCE = {"reference/agents/v1/snapshot=s1/manifest.json": b"[]"}


class Breaking(MemoryFiles):
    """Breaks in the middle of every file."""

    def read(self, name: str) -> Iterator[bytes] | None:
        def pieces() -> Iterator[bytes]:
            yield b"half"
            raise Unreadable("the connection is gone")

        return pieces()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_copy_is_every_file_of_the_trail_and_of_reference_data(tmp_path: Path) -> None:
    files, size, kept = copy_lake(MemoryFiles({**FILES, **REFERENCE, "other/x": b"x"}), tmp_path)
    assert (files, size, kept) == (3, 1004, 0)
    assert contents(tmp_path) == {**FILES, **REFERENCE}


def test_second_copy_fetches_only_what_is_new_or_of_another_size(tmp_path: Path) -> None:
    copy_lake(MemoryFiles(FILES), tmp_path)
    (tmp_path / "audit/decisions/v1/a.jsonl.gz").write_bytes(b"cut off")
    assert copy_lake(MemoryFiles({**FILES, **REFERENCE}), tmp_path) == (2, 1002, 1)
    assert contents(tmp_path) == {**FILES, **REFERENCE}


def test_copy_that_breaks_leaves_no_file_under_its_name_and_goes_on_later(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        copy_lake(Breaking(FILES), tmp_path)
    assert not set(contents(tmp_path)) & set(FILES)
    copy_lake(MemoryFiles(FILES), tmp_path)
    assert {name: content for name, content in contents(tmp_path).items() if "unfinished" not in name} == FILES


def test_file_that_is_listed_and_gone_is_told(tmp_path: Path) -> None:
    class Forgetful(MemoryFiles):
        def list(self, prefix: str) -> Iterator[ListedFile]:
            yield from [ListedFile("audit/gone", 1)] if prefix == "audit/" else []

    with pytest.raises(Unreadable, match="audit/gone"):
        copy_lake(Forgetful({}), tmp_path)


@pytest.mark.parametrize("name", ["audit/../../x", "audit/..", "audit//etc/x", "audit/a\\b", "audit/a\nb", "/audit/x"])
def test_name_that_would_lead_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    class Hostile(MemoryFiles):
        def list(self, prefix: str) -> Iterator[ListedFile]:
            yield from [ListedFile(name, 1)] if prefix == "audit/" else []

    folder = tmp_path / "copy"
    with pytest.raises(Unreadable, match="no name"):
        copy_lake(Hostile({name: b"x"}), folder)
    assert contents(tmp_path) == {}
