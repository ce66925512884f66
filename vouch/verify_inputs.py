"""What `vouch verify` is given beside the copy: public keys, and what a witness has kept."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from audit.layout import WITNESS, read_name
from audit.notes import MAX_NOTE_BYTES
from audit.verifying.files import Files, Unreadable, read_whole
from audit.verifying.lake import DEFAULT_ORIGIN, Keys
from audit.verifying.witness import WitnessNote
from vouch.calls import is_url
from vouch.copies import open_copy
from vouch.verifier_keys import read_keys, read_nameless

NOTES = f"audit/{WITNESS}/v1/"


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose signatures are believed."""
    parser.add_argument(
        "--key", action="append", required=True, metavar="KEY",
        help="a public key that is believed: a C2SP verifier key, a file of them, or a file with PEM; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--origin", default=DEFAULT_ORIGIN, help=f"the origin of the checkpoints (default {DEFAULT_ORIGIN})"
    )


def read_trusted(given: Sequence[str], origin: str = DEFAULT_ORIGIN) -> Keys:
    """The keys that are believed; one in PEM without a name is that of every region. Raises UnusableKey."""
    nameless, others = read_nameless(given)
    return Keys(read_keys(others), nameless, origin)


class WitnessCopy:
    """Every checkpoint that a witness has kept, read anew each time that it is gone over.

    From a copy of its lake (a folder or its API), a folder of notes such as its `audit/witness`, or one note."""

    def __init__(self, path_or_url: str, token_file: Path) -> None:
        """Raises Unreadable where there is none, or Refused."""
        self._path = Path(path_or_url)
        is_lake = is_url(path_or_url) or (self._path / "audit").is_dir() or self._path.resolve().name == "audit"
        self._files = open_copy(path_or_url, token_file) if is_lake else None
        if not any(True for _ in self):
            raise Unreadable(
                f"{path_or_url} holds no checkpoint. Name the witness's lake, its audit/witness or one of its notes; a "
                "young region's first checkpoint is there once its first window was sealed."
            )

    def __iter__(self) -> Iterator[WitnessNote]:
        return _notes_of_lake(self._files) if self._files else _notes_of_folder(self._path)


def _notes_of_lake(files: Files) -> Iterator[WitnessNote]:
    for file in files.list(NOTES):
        if place := read_name(file.name):
            content = read_whole(files, file.name, MAX_NOTE_BYTES) or b""
            yield WitnessNote(file.name, content.decode(errors="replace"), place.region)


def _notes_of_folder(path: Path) -> Iterator[WitnessNote]:
    """The notes under a folder, or the one that is named."""
    for file in sorted(path.rglob("*.note")) if path.is_dir() else [path]:
        region = file.parent.name.removeprefix("region=") if file.parent.name.startswith("region=") else ""
        try:
            with file.open("rb") as opened:
                content = opened.read(MAX_NOTE_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"{file} can't be read: {error.strerror}.") from error
        yield WitnessNote(str(file), content.decode(errors="replace"), region)
