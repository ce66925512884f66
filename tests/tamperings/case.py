"""What is tampered with, and how a tampering says what has to be found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import canonical_json
from audit.chain import read_entry
from audit.layout import chain_name, manifest_name, segment_name
from audit.manifests import Manifest, read_manifest
from audit.verifying.findings import Kind
from tests.lakes import FIRST, KINDS, Region, after, copy_of, sound_lake

REGION = "westeurope"
THIRD, FOURTH = after(FIRST, 2), after(FIRST, 3)
SEGMENT = segment_name("decisions", REGION, FIRST, "9f3a")
OTHER = segment_name("decisions", REGION, THIRD, "00ab")
LONG = segment_name("decisions", REGION, FOURTH, "00ab")
MANIFEST = manifest_name(REGION, FIRST)
CORRECTION = manifest_name(REGION, FIRST, 1)
EMPTY = manifest_name(REGION, after(FIRST))
SCORED, *_, CHANGED = KINDS


SOUND = sound_lake()
SEALED_ID = next(iter(SOUND.receipts))
NEVER_SEALED_ID = f"{SEALED_ID[:-8]}00000001"
LATER_ID = f"01b{SEALED_ID[3:]}"


@dataclass
class Case:
    """A copy, the witness's notes (None: no witness is asked) and receipts."""

    region: Region = field(default_factory=lambda: copy_of(SOUND))
    notes: dict[str, bytes] | None = None
    receipts: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, bytes]:
        return self.region.files

    def edit(self, number: int, change: Callable[[dict[str, Any]], None]) -> str:
        """Change an entry of the chain as a forger without the key would; its name."""
        name = chain_name(REGION, number)
        value = json.loads(self.files[name])
        change(value)
        self.files[name] = canonical_json(value)
        return name


@dataclass(frozen=True)
class Tampering:
    what: str
    do: Callable[[Case], None]
    found: tuple[tuple[Kind, str], ...]

    def __str__(self) -> str:
        return self.what


ALL: list[Tampering] = []


def finds(*found: tuple[Kind, str]) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Say what has to be found once a tampering was done."""

    def note(do: Callable[[Case], None]) -> Callable[[Case], None]:
        ALL.append(Tampering(do.__name__, do, found))
        return do

    return note


def lines_of(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines(keepends=True)


def packed(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), 4, mtime=0)


def resealed(case: Case, change: Callable[[Manifest], Manifest], at: int = 4) -> None:
    """Let who holds the key commit another last manifest: what is signed is not believed for that alone."""
    sealed = case.region
    entry = read_entry(sealed.files[chain_name(REGION, at)])
    manifest = change(read_manifest(sealed.files[entry.manifest.name]))
    sealed.last = read_entry(sealed.files[chain_name(REGION, at - 1)])
    del sealed.files[entry.manifest.name]
    sealed.commit(manifest)
