"""A copy of a lake with the region that opens it: what every command over recorded decisions takes and begins with."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from audit.verifying.files import Files
from vouch.calls import LOCAL_URL, Region, is_url, read_token
from vouch.copies import AUDITOR_TOKEN, open_copy

_BEGINNING = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\dZ?)?)?)?)?)?", re.ASCII)
_EARLIEST = "0001-01-01T00:00:00Z"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenedCopy:
    """`name` is the region's."""

    files: Files
    region: Region
    name: str


def add_copy_arguments(parser: argparse.ArgumentParser) -> None:
    """Which copy, which windows of it, and who opens them."""
    parser.add_argument("copy", metavar="PATH_OR_URL", help="a folder that is a copy of a lake, or a region's base URL")
    parser.add_argument(
        "--from", dest="first", type=read_time, default="", metavar="TIME", help="windows from this time on (RFC 3339)"
    )
    parser.add_argument(
        "--to", dest="last", type=read_time, default="", metavar="TIME", help="windows before this time"
    )
    parser.add_argument(
        "--region", metavar="URL", help=f"who opens what is personal (default: the URL, else {LOCAL_URL})"
    )
    parser.add_argument(
        "--token-file", type=Path, default=AUDITOR_TOKEN, help=f"a bearer token (default {AUDITOR_TOKEN})"
    )
    parser.add_argument("--json", action="store_true", help="answer one JSON document")


def read_time(text: str) -> str:
    """A time in UTC, or the beginning of one: `2026-11`, `2026-11-23T21:00:00Z`; nothing: no bound."""
    if text and not _is_time(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time in UTC; one reads 2026-11-23 or 2026-11-23T21:00:00Z")
    return text


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text + _EARLIEST[len(text) :])
    except ValueError:
        return False
    return bool(_BEGINNING.fullmatch(text))


def open_with_region(arguments: argparse.Namespace) -> OpenedCopy:
    """Raises Unreadable or Refused."""
    url = arguments.region or (arguments.copy if is_url(arguments.copy) else LOCAL_URL)
    region = Region(url, read_token(arguments.token_file))
    files = open_copy(arguments.copy, arguments.token_file)
    return OpenedCopy(files, region, region.ask("GET", "/health/live", needs=["region"])["region"])


def show_progress(things: Sequence[T], what: str = "Windows") -> Iterator[T]:
    """The things, with a bar meanwhile where somebody sees it."""
    console = Console(stderr=True)
    return iter(track(things, what, console=console, transient=True, disable=not console.is_terminal))
