"""What `vouch verify` is given beside the copy: public keys, and what a witness has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from audit.layout import WITNESS, read_name
from audit.notes import MAX_NOTE_BYTES, InvalidNote, VerifierKey, read_spki, read_verifier_key
from audit.verifying.files import Files, Unreadable, read_whole
from audit.verifying.lake import DEFAULT_ORIGIN, Keys
from audit.verifying.witness import WitnessNote
from vouch.calls import is_url
from vouch.copies import open_copy

NOTES = f"audit/{WITNESS}/v1/"
PEM = "-----BEGIN"


class InvalidKey(ValueError):
    """What was given is no public key; the message says what one is."""


def read_keys(given: Sequence[str], origin: str = DEFAULT_ORIGIN) -> Keys:
    """Keys from verifier key lines, or from files of such lines or of PEM. Raises InvalidKey."""
    named: list[VerifierKey] = []
    nameless: list[bytes] = []
    for text in given:
        try:
            held = _read_key_file(text) if not _is_line(text) else text
            if held.lstrip().startswith(PEM):
                nameless.append(read_spki(held))
            else:
                named += [read_verifier_key(line) for line in held.splitlines() if line.strip()]
        except InvalidNote as error:
            raise InvalidKey(
                f"{text} is no key: {error}. Give a verifier key line, or a file with one or PEM."
            ) from error
    if not named and not nameless:
        raise InvalidKey("No key was given, only empty files.")
    return Keys(named, nameless, origin)


def _is_line(text: str) -> bool:
    """Whether it reads as a verifier key itself: a name, a key id and base64 between pluses. A file may be named so."""
    return text.count("+") >= 2 and not Path(text).is_file()


def _read_key_file(name: str) -> str:
    try:
        return Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidKey(f"{name} is neither a verifier key nor a file that can be read as one: {error}") from error


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
                f"{path_or_url} holds no checkpoint. Name the witness's lake, its audit/witness or one of its notes."
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
