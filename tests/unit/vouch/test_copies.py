"""Copies read the same from a folder and over HTTP, and what can't be read is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.verifying.files import Files, ListedFile, Unreadable, in_order, read_whole
from tests.desk import Desk
from tests.lakes import write_lake
from tests.unit.vouch.desk_region import desk_region
from tests.unit.vouch.loopback_region import TOKEN, LoopbackRegion, loopback_region, problem
from vouch.calls import Region
from vouch.copies import FolderFiles, RegionFiles, open_copy

FILES = {
    "audit/a/1": b"one",
    "audit/a-b/1": b"",
    "audit/a.b": b"x" * 10_000,
    "audit/a0": b"y",
    "audit/b/c/d": b"deep",
    "other/1": b"z",
}


@pytest.fixture(params=["folder", "region"])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    if request.param == "folder":
        yield FolderFiles(write_lake(FILES, tmp_path))
        return
    monkeypatch.setattr("vouch.copies.RANGE_BYTES", 999)
    desk = Desk()
    desk.lake.files |= FILES
    with desk_region(desk) as url:
        yield RegionFiles(Region(url, "auditor"))


@pytest.mark.parametrize("prefix", ["audit/", "audit/a", "audit/a/", "audit/b/c/", "audit/none/"])
def test_files_are_listed_by_prefix_in_order_of_names(files: Files, prefix: str) -> None:
    wanted = [ListedFile(name, len(FILES[name])) for name in sorted(FILES) if name.startswith(prefix)]
    assert list(files.list(prefix)) == wanted


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("audit/")])
def test_file_is_read_whole(files: Files, name: str) -> None:
    assert read_whole(files, name, 1 << 20) == FILES[name]


@pytest.mark.parametrize("name", ["audit/none", "audit/a", "audit/a/1/2"])
def test_file_that_is_not_there_is_none(files: Files, name: str) -> None:
    assert files.read(name) is None


def test_small_file_that_is_large_is_read_no_further(files: Files) -> None:
    content = read_whole(files, "audit/a.b", 10)
    assert content is not None
    assert 10 < len(content) <= 10_000


def test_pages_of_a_list_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers.lake.MOST_FILES", 2)
    desk = Desk()
    desk.lake.files |= FILES
    with desk_region(desk) as url:
        listed = list(RegionFiles(Region(url, "auditor")).list("audit/"))
    assert [file.name for file in listed] == sorted(name for name in FILES if name.startswith("audit/"))


@given(st.lists(st.text("ab./-0", min_size=1, max_size=6), max_size=8, unique=True))
def test_folder_lists_any_names_as_text_sorts_them(names: list[str]) -> None:
    import tempfile

    usable = [name for name in names if not {"", ".", ".."} & set(name.split("/"))]
    usable = [name for name in usable if not any(other.startswith(f"{name}/") for other in usable)]
    with tempfile.TemporaryDirectory() as folder:
        write_lake({f"audit/{name}": b"" for name in usable}, Path(folder))
        listed = [file.name for file in in_order(FolderFiles(Path(folder)).list("audit/"))]
    assert listed == sorted(f"audit/{name}" for name in usable)


def test_list_that_is_out_of_order_is_not_believed() -> None:
    with pytest.raises(Unreadable, match="not in order"):
        list(in_order(iter([ListedFile("b", 1), ListedFile("a", 1)])))


def test_pipe_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    os.mkfifo(tmp_path / "audit" / "pipe")
    assert FolderFiles(tmp_path).read("audit/pipe") is None


def test_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "circle").symlink_to(tmp_path / "audit")
    assert list(FolderFiles(tmp_path).list("audit/")) == [ListedFile("audit/circle", 0)]


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackRegion]:
    monkeypatch.setattr("vouch.copies.PAUSES_S", (0, 0))
    with loopback_region() as running:
        yield running


NAME = "audit/a"
PATH = f"/api/v1/lake/{NAME}"
BUSY = problem(503, "Busy", "Try again.")


def test_region_that_is_busy_is_asked_again(region: LoopbackRegion) -> None:
    region.answer("GET", PATH, BUSY, BUSY, b"content")
    assert read_whole(RegionFiles(Region(region.url, TOKEN)), NAME, 100) == b"content"


def test_region_that_stays_busy_is_unreadable(region: LoopbackRegion) -> None:
    region.answer("GET", PATH, BUSY)
    with pytest.raises(Unreadable, match="Try again"):
        RegionFiles(Region(region.url, TOKEN)).read(NAME)
    assert len(region.asked) == 3


def test_refusal_is_not_tried_again(region: LoopbackRegion) -> None:
    region.answer("GET", PATH, problem(409, "Archived", "It lies in the platform's archive tier."))
    with pytest.raises(Unreadable, match="archive tier"):
        RegionFiles(Region(region.url, TOKEN)).read(NAME)
    assert len(region.asked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 1-7/7"},
        {"Content-Range": "bytes 0-3/7"},
        {"Content-Range": "nonsense"},
        {"Content-Range": "bytes */7"},
    ],
)
def test_range_that_was_not_asked_for_is_unreadable(region: LoopbackRegion, headers: dict[str, str]) -> None:
    region.headers = headers
    region.answer("GET", PATH, b"content")
    with pytest.raises(Unreadable, match="another range"):
        RegionFiles(Region(region.url, TOKEN)).read(NAME)


def test_file_that_comes_short_is_unreadable(region: LoopbackRegion) -> None:
    region.headers = {"Content-Range": "bytes 0-6/20"}
    region.answer("GET", PATH, b"content")
    pieces = RegionFiles(Region(region.url, TOKEN)).read(NAME)
    assert pieces is not None
    with pytest.raises(Unreadable):
        list(pieces)


@pytest.mark.parametrize(
    "answer",
    [
        {"files": [{}], "next": None},
        {"files": [{"name": "a", "size": "many"}], "next": None},
        {"files": None, "next": None},
        {"files": []},
        [],
    ],
)
def test_answer_that_is_no_list_is_unreadable(region: LoopbackRegion, answer: object) -> None:
    region.answer("GET", "/api/v1/lake?prefix=audit%2F", answer)
    with pytest.raises(Unreadable):
        list(RegionFiles(Region(region.url, TOKEN)).list("audit/"))


def test_list_without_an_end_is_left(region: LoopbackRegion) -> None:
    page = {"files": [], "next": "again"}
    region.answer("GET", "/api/v1/lake?prefix=audit%2F", page)
    region.answer("GET", "/api/v1/lake?prefix=audit%2F&after=again", page)
    with pytest.raises(Unreadable, match="twice"):
        list(RegionFiles(Region(region.url, TOKEN)).list("audit/"))


def test_copy_is_a_folder_or_a_url(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "token").write_text(TOKEN)
    assert isinstance(open_copy(str(tmp_path), tmp_path / "token"), FolderFiles)
    assert isinstance(open_copy("http://127.0.0.1:1", tmp_path / "token"), RegionFiles)
