"""`python -m vouch copy`: copy a region's lake into a folder, for verifying, replaying and keeping.

What the folder has already in the same size is left as it is: files of a lake never change, and `verify` tells whether
a copy is whole. A file appears under its name once it is all there.

Exit codes: 0 copied; 2 it could not be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

from audit.verifying.files import Files, ListedFile, Unreadable
from vouch.calls import Refused
from vouch.copies import AUDITOR_TOKEN, open_copy
from vouch.opened_copies import show_progress

COPIED, NOT_COPIED = 0, 2
PREFIXES = ("audit/", "reference/")
UNFINISHED = ".unfinished"
NAME = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, to where."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument("source", metavar="URL", help="a region's base URL")
    parser.add_argument("folder", type=Path, help="where the copy goes; made where it is not there")
    parser.add_argument(
        "--token-file", type=Path, default=AUDITOR_TOKEN, help=f"a bearer token (default {AUDITOR_TOKEN})"
    )
    parser.add_argument("--json", action="store_true", help="answer JSON")


def run(arguments: argparse.Namespace) -> int:
    """Copy; the exit code."""
    try:
        files, size, kept = copy_lake(open_copy(arguments.source, arguments.token_file), arguments.folder)
    except (Refused, Unreadable, OSError) as error:
        print(f"Not copied. {error}", file=sys.stderr)
        return NOT_COPIED
    if arguments.json:
        print(json.dumps({"files": files, "bytes": size, "kept": kept}))
    else:
        print(f"{files:,} files copied to {arguments.folder}, {size:,} bytes; {kept:,} were there already.")
    return COPIED


def copy_lake(source: Files, folder: Path) -> tuple[int, int, int]:
    """How many files were copied, their bytes, and how many were there. Raises Refused, Unreadable or OSError."""
    listed = [_checked(file, prefix) for prefix in PREFIXES for file in source.list(prefix)]
    wanted = [file for file in listed if not _is_there(folder / file.name, file)]
    for file in show_progress(wanted, "Files"):
        _copy(source, file, folder / file.name)
    return len(wanted), sum(file.size for file in wanted), len(listed) - len(wanted)


def _checked(file: ListedFile, prefix: str) -> ListedFile:
    """A name that would lead out of the folder is none of a lake's."""
    if not file.name.startswith(prefix) or not NAME.fullmatch(file.name) or ".." in file.name.split("/"):
        raise Unreadable(f"{file.name!r} is no name of a file in a lake. Is this the URL of a region?")
    return file


def _is_there(path: Path, file: ListedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _copy(source: Files, file: ListedFile, path: Path) -> None:
    pieces = source.read(file.name)
    if pieces is None:
        raise Unreadable(f"{file.name} is listed and not there.")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + UNFINISHED)
    with draft.open("wb") as out:
        for piece in pieces:
            out.write(piece)
    os.replace(draft, path)
