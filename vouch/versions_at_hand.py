"""What decisions were made with: model versions, policies and reference snapshots, from this folder or the region.

A version that lies under `model_artifacts/` or `policies/` is taken from there; any other is downloaded from the
region, once. Either way it is verified as a region verifies it, and its digest is held against the record's.
"""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from audit.verifying.files import Files, Unreadable
from flows.reference.load_snapshot import load_snapshot
from flows.replaying.replay_decisions import NotAtHand
from scoring.bundle import InvalidBundle
from scoring.lookups import NO_TABLES, Tables
from scoring.model import Model, load_model
from scoring.policy import InvalidPolicy, Policy, parse_policy
from scoring.reference_table import InvalidSnapshot, ReferenceTable
from vouch.calls import Region
from vouch.copies import try_again

T = TypeVar("T")


class _Shelf(Generic[T]):
    """Things that are fetched once, or found once not to be at hand."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], T | NotAtHand] = {}

    def get(self, key: tuple[str, ...], what: str, load: Callable[[], T]) -> T:
        """Raises NotAtHand."""
        if key not in self._found:
            self._found[key] = _try(what, load)
        found = self._found[key]
        if isinstance(found, NotAtHand):
            raise found
        return found


class VersionsAtHand:
    """Implements `flows.replaying.replay_decisions.Versions`. `root` holds `model_artifacts/` and `policies/`."""

    def __init__(self, root: Path, region: Region, files: Files) -> None:
        self._root = root
        self._region = region
        self._files = files
        self._models: _Shelf[Model] = _Shelf()
        self._policies: _Shelf[Policy] = _Shelf()
        self._tables: _Shelf[ReferenceTable] = _Shelf()

    def model(self, name: str, version: str) -> Model:
        """Raises NotAtHand."""
        return self._models.get((name, version), f"{name} {version}", partial(self._load_model, name, version))

    def policy(self, name: str, version: str) -> Policy:
        """Raises NotAtHand."""
        load = partial(self._load_policy, name, version)
        return self._policies.get((name, version), f"policy {name}/{version}", load)

    def tables(self, references: Sequence[Mapping[str, Any]]) -> Tables:
        """The snapshots that a record names; one that it names none of is missing then as it is now. Raises
        NotAtHand."""
        named = [one for one in references if one["snapshot"] is not None]
        return {one["dataset"]: self._table(one) for one in named} if named else NO_TABLES

    def active_tables(self, datasets: Sequence[str]) -> Tables:
        """The snapshots that the region looks into now, of these datasets. Raises NotAtHand."""
        if not datasets:
            return NO_TABLES
        listed = try_again(partial(self._region.ask, "GET", "/api/v1/reference", needs=["datasets"]))
        active = [one for one in listed["datasets"] if one["dataset"] in datasets]
        return {one["dataset"]: self._table(one) for one in active}

    def _table(self, reference: Mapping[str, Any]) -> ReferenceTable:
        dataset, snapshot, digest = (str(reference[name]) for name in ("dataset", "snapshot", "digest"))
        load = partial(_load_table, self._files, dataset, snapshot, digest)
        return self._tables.get((dataset, snapshot, digest), f"snapshot {snapshot} of {dataset}", load)

    def _load_model(self, name: str, version: str) -> Model:
        folder = self._root / "model_artifacts" / name / version
        if folder.is_dir():
            return load_model({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
        path = f"/api/v1/models/{quote(name, safe='')}/versions/{quote(version, safe='')}:download"
        return load_model(_read_archive(try_again(partial(self._region.download, path))))

    def _load_policy(self, name: str, version: str) -> Policy:
        file = self._root / "policies" / name / f"{version}.json"
        if file.is_file():
            return parse_policy(json.loads(file.read_bytes()))
        path = f"/api/v1/policies/{quote(name, safe='')}/versions/{quote(version, safe='')}"
        return parse_policy(try_again(partial(self._region.ask, "GET", path, needs=["name", "thresholds"])))


class _CopiedLake:
    """A copy of a lake, for `load_snapshot`."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        for piece in self._files.read(name) or ():
            yield piece


def _try(what: str, load: Callable[[], T]) -> T | NotAtHand:
    try:
        return load()
    except (Unreadable, InvalidBundle, InvalidPolicy, InvalidSnapshot, tarfile.TarError, OSError, ValueError) as error:
        return NotAtHand(f"{what} is not at hand: {error}")


def _load_table(files: Files, dataset: str, snapshot: str, digest: str) -> ReferenceTable:
    return asyncio.run(load_snapshot(_CopiedLake(files), dataset, snapshot, digest))


def _read_archive(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {member.name: file.read() for member in members if (file := archive.extractfile(member))}
