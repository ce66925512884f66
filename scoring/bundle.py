"""A model bundle: a folder that describes itself and can't be changed unnoticed.

The manifest pins every other file by size and SHA-256, and the manifest's own digest names the model. Reading
goes from the outside in, so that the first error names the file that is to blame:

1. the files are exactly those that belong there;
2. the manifest is sound;
3. every file is, byte for byte, the one the manifest was written for;
4. the golden deals can be read (`scoring.model` then scores them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from scoring.manifest import (
    BUNDLE_FILES,
    FILE_NAME,
    GOLDEN_FILE,
    MODEL_FILE,
    FileEntry,
    InvalidManifest,
    Manifest,
    parse_manifest,
)


class InvalidBundle(ValueError):
    """A bundle that must not be served. `file` is to blame, `difference` says what differs."""

    def __init__(self, file: str, difference: str) -> None:
        super().__init__(f"{file}: {difference}")
        self.file = file
        self.difference = difference


@dataclass(frozen=True, slots=True)
class GoldenDeal:
    """A deal with the answer that the model gave when the bundle was made; one line of `golden.jsonl`.

    `referenced` are the values of its looked-up features, so that a bundle is verified without any snapshot."""

    name: str
    features: dict[str, object]
    score: float
    risk_score: int
    contributions: tuple[float, ...]
    imputed: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()
    referenced: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says. `digest` is `sha256:` and the manifest's SHA-256 in hex."""

    manifest: Manifest
    document: Mapping[str, object]
    digest: str
    model_text: str
    golden: tuple[GoldenDeal, ...]


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Verify the files of a bundle, by name. Raises InvalidBundle."""
    _check_names(files)
    content = files[FILE_NAME]
    try:
        manifest, document = parse_manifest(content)
    except InvalidManifest as error:
        raise InvalidBundle(FILE_NAME, str(error)) from error
    for name, entry in manifest.files.items():
        _check_content(name, files[name], entry)
    return Bundle(
        manifest=manifest,
        document=document,
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
        model_text=_decode(MODEL_FILE, files[MODEL_FILE]),
        golden=parse_golden(files[GOLDEN_FILE]),
    )


def describe_file(content: bytes) -> FileEntry:
    """The manifest's entry for a file."""
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def parse_golden(content: bytes) -> tuple[GoldenDeal, ...]:
    """Read `golden.jsonl`. Raises InvalidBundle with the line."""
    deals = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            deals.append(msgspec.json.decode(line, type=GoldenDeal))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidBundle(GOLDEN_FILE, f"line {number}: {error}") from error
    if not deals:
        raise InvalidBundle(GOLDEN_FILE, "holds no deal, so nothing shows that the model answers as it did")
    return tuple(deals)


def _check_names(files: Mapping[str, bytes]) -> None:
    expected = {FILE_NAME, *BUNDLE_FILES}
    for name in sorted(expected - files.keys()):
        raise InvalidBundle(name, "is missing")
    for name in sorted(files.keys() - expected):
        raise InvalidBundle(name, "is extra: the manifest doesn't list it. Remove it")


def _check_content(name: str, content: bytes, entry: FileEntry) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest == entry.sha256 and len(content) == entry.bytes:
        return
    if len(content) < entry.bytes:
        raise InvalidBundle(name, f"is truncated or foreign: {len(content)} bytes of {entry.bytes}")
    if len(content) > entry.bytes:
        raise InvalidBundle(name, f"is longer than it was or foreign: {len(content)} bytes instead of {entry.bytes}")
    raise InvalidBundle(name, f"is changed or foreign: SHA-256 is {digest}, the manifest says {entry.sha256}")


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidBundle(name, f"is not UTF-8: {error}") from error
