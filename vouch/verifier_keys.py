"""The public keys that checkpoints are checked with, as people give them: C2SP lines, files of them, or PEM files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit.notes import InvalidNote, VerifierKey, read_spki, read_verifier_key

ADVICE = "Give vouch/<region>+<key id>+<key>, a file of such lines, or vouch/<region>=<file> for a key in PEM."
PEM = "-----BEGIN"


class UnusableKey(ValueError):
    """What was given as a key is none; the message says why and what to give."""


def read_keys(given: Sequence[str]) -> list[VerifierKey]:
    """The keys, in order. Raises UnusableKey."""
    return [key for text in given for key in _read(text)]


def read_nameless(given: Sequence[str]) -> tuple[list[bytes], list[str]]:
    """The keys (SPKI, DER) of files in PEM that were given without a name, and what else was given. Raises
    UnusableKey."""
    keys, others = [], []
    for text in given:
        held = _read_pem(Path(text))
        try:
            keys += [read_spki(held)] if held else []
            others += [] if held else [text]
        except InvalidNote as error:
            raise UnusableKey(f"{text[:80]}: {error}. {ADVICE}") from None
    return keys, others


def _read_pem(path: Path) -> str:
    """What a file in PEM holds; empty where it is no such file."""
    try:
        text = path.read_text() if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""
    return text if text.lstrip().startswith(PEM) else ""


def _read(given: str) -> list[VerifierKey]:
    try:
        name, _, file = given.partition("=")
        if file and Path(file).is_file():
            return [read_verifier_key(Path(file).read_text(), name)]
        return _read_lines(Path(given).read_text()) if Path(given).is_file() else [_read_key(given)]
    except (InvalidNote, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnusableKey(f"{given[:80]}: {reason}. {ADVICE}") from None


def _read_key(text: str) -> VerifierKey:
    if "+" not in text:
        raise InvalidNote("there is no such file, and it is no verifier key")
    return read_verifier_key(text)


def _read_lines(text: str) -> list[VerifierKey]:
    if PEM in text:
        raise InvalidNote("a key in PEM has no name of its own")
    keys = [read_verifier_key(line) for line in text.splitlines() if line.strip()]
    if not keys:
        raise InvalidNote("it holds no key")
    return keys
