"""Copies of a lake: a folder, or a region's API. Both are read as `audit.verifying.files.Files`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

from audit.verifying.files import Files, ListedFile, Unreadable
from vouch.calls import LOCAL_TOKENS, Refused, Region, is_url, read_token

PIECE_BYTES = 2**20
RANGE_BYTES = 4 * 2**20
LAKE = "/api/v1/lake"
AUDITOR_TOKEN = LOCAL_TOKENS / "auditor.jwt"
PASSING = frozenset({0, 429, 500, 502, 503, 504})
PAUSES_S = (1, 5, 15)
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class FolderFiles:
    """A folder that holds `audit/` and its partitions. Links to folders are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, prefix: str) -> Iterator[ListedFile]:
        return (file for file in self._walk(prefix.rpartition("/")[0]) if file.name.startswith(prefix))

    def read(self, name: str) -> Iterator[bytes] | None:
        path = self._root / name
        try:
            return _pieces(path.open("rb", buffering=0), name) if path.is_file() else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{path} can't be read: {error.strerror}.") from error

    def _walk(self, folder: str) -> Iterator[ListedFile]:
        """Everything under a folder, in order of whole names: `a-b` comes before `a/b`."""
        for name, size in sorted(self._entries(folder)):
            if name.endswith("/"):
                yield from self._walk(name[:-1])
            else:
                yield ListedFile(name, size)

    def _entries(self, folder: str) -> Sequence[tuple[str, int]]:
        """Names of what lies in a folder: folders with a slash, files with their sizes."""
        path = self._root / folder
        try:
            with os.scandir(path) as entries:
                return [_describe(entry, f"{folder}/{entry.name}") for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise Unreadable(f"{path} can't be listed: {error.strerror}.") from error


class RegionFiles:
    """A region's lake, through its API."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def list(self, prefix: str) -> Iterator[ListedFile]:
        after = ""
        while True:
            asked = urlencode({"prefix": prefix, **({"after": after} if after else {})})
            page = try_again(partial(self._region.ask, "GET", f"{LAKE}?{asked}", needs=["files", "next"]))
            try:
                files = [ListedFile(str(file["name"]), int(file["size"])) for file in page["files"]]
            except (TypeError, KeyError, ValueError):
                raise Unreadable(f"{LAKE} answered no list of files. Is this the URL of a region?") from None
            yield from files
            before, after = after, str(page["next"] or "")
            if not after:
                return
            if after == before:
                raise Unreadable(f"{LAKE} answered the same page of files twice.")

    def read(self, name: str) -> Iterator[bytes] | None:
        first = self._read(name, 0)
        return None if first is None else self._rest(name, *first)

    def _rest(self, name: str, piece: bytes, size: int) -> Iterator[bytes]:
        """The first piece of a file, then the others."""
        done = 0
        while piece:
            yield piece
            done += len(piece)
            if done >= size:
                return
            following = self._read(name, done)
            if following is None or following[1] != size:
                raise Unreadable(f"{name} has changed while it was read.")
            piece = following[0]
        if done < size:
            raise Unreadable(f"{name} came short: {done} of {size} bytes.")

    def _read(self, name: str, start: int) -> tuple[bytes, int] | None:
        """A piece of a file and the size of the whole; None where there is no such file."""
        path = f"{LAKE}/{quote(name, safe='/=')}"
        try:
            content, content_range = try_again(partial(self._region.read, path, start, RANGE_BYTES))
        except Unreadable as error:
            status = getattr(error.__cause__, "status", 0)
            if status == 416 and start == 0:
                return b"", 0
            if status == 404:
                return None
            raise Unreadable(f"{name} can't be read: {error}") from error
        if not content_range and start == 0:
            return content, len(content)
        said = _RANGE.fullmatch(content_range)
        if not said or (int(said[1]), int(said[2]) + 1) != (start, start + len(content)):
            raise Unreadable(f"{name} came in another range than was asked for ({content_range or 'none'}).")
        return content, int(said[3])


Answer = TypeVar("Answer")


def try_again(ask: Callable[[], Answer]) -> Answer:
    """Ask, and again after a pause where that may help. Raises Unreadable from what was refused."""
    for pause_s in (*PAUSES_S, None):
        try:
            return ask()
        except Refused as error:
            if pause_s is None or error.status not in PASSING:
                raise Unreadable(str(error)) from error
            time.sleep(pause_s)
    raise AssertionError


def open_copy(path_or_url: str, token_file: Path) -> Files:
    """The copy at a path (a folder with `audit/` in it, or `audit` itself) or behind a region's base URL. Raises
    Unreadable or Refused."""
    if is_url(path_or_url):
        return RegionFiles(Region(path_or_url, read_token(token_file)))
    path = Path(path_or_url)
    if not path.is_dir():
        raise Unreadable(f"{path} is no folder. Name one that holds audit/, or the URL of a region.")
    if (path / "audit").is_dir():
        return FolderFiles(path)
    if path.resolve().name == "audit":
        return FolderFiles(path.resolve().parent)
    raise Unreadable(f"{path} holds no audit/, which is where a lake's audit trail lies.")


def _pieces(file: FileIO, name: str) -> Iterator[bytes]:
    try:
        with file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise Unreadable(f"{name} can't be read: {error.strerror}.") from error


def _describe(entry: os.DirEntry[str], name: str) -> tuple[str, int]:
    """The name with a slash after it where it is a folder; the size of a file, 0 of anything else."""
    if entry.is_dir(follow_symlinks=False):
        return f"{name}/", 0
    try:
        return name, entry.stat().st_size if entry.is_file() else 0
    except OSError:  # a link that leads in a circle: it is listed, and there is nothing to read
        return name, 0
