"""Releases on Azure Tables: one row a model, changed only with If-Match. The table is created on first need."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_asking import ask
from adapters.tables_creating import insert_into
from adapters.tables_rest import Entity, Read, Table, Written
from flows.errors import StorageFailed, Superseded
from scoring.release import Release, Target

RELEASES_TABLE = "releases"
ROW = "release"


class TablesReleases:
    """Implements `flows.ports.ReleaseStore`."""

    def __init__(self, storage: AzureStorage, limits: AskLimits | None = None) -> None:
        self._table = Table(storage.tables, RELEASES_TABLE)
        self._limits = limits or AskLimits()

    async def read(self, model: str) -> Release | None:
        """The row, or None where storage says that there is none. Raises StorageFailed."""
        read = await self._read(model)
        return _release(read) if read is not None else None

    async def create(self, release: Release) -> None:
        """Insert-only. Raises Superseded where another row stands, or StorageFailed."""
        entity = _entity(release)
        written = await ask(lambda timeout_s: insert_into(self._table, entity, timeout_s), self._limits)
        if not written.is_done:
            await self._settle(release, written)

    async def replace(self, release: Release, expected_generation: int) -> None:
        """Change the row. Raises Superseded where its generation is another, or StorageFailed. A row that already
        carries this very change counts as success."""
        read = await self._read(release.model)
        if read is None:
            raise Superseded(f"{release.model} has no release")
        standing = _release(read)
        if standing.generation != expected_generation:
            return _check_own(standing, release)
        entity, etag = _entity(release), read.etag
        written = await ask(lambda timeout_s: self._table.replace(entity, etag, timeout_s), self._limits)
        if not written.is_done:
            await self._settle(release, written)
        return None

    async def _read(self, model: str) -> Read | None:
        return await ask(lambda timeout_s: self._table.read(model, ROW, timeout_s), self._limits)

    async def _settle(self, release: Release, written: Written) -> None:
        if written.status not in {404, 409, 412}:
            raise StorageFailed(f"the release was refused: {written.detail}")
        standing = await self.read(release.model)
        if standing is None:
            raise Superseded(f"{release.model} has no release")
        _check_own(standing, release)


def _check_own(standing: Release, wanted: Release) -> None:
    if not wanted.change_id or standing.change_id != wanted.change_id:
        raise Superseded(f"{wanted.model} stands at generation {standing.generation}")


def _entity(release: Release) -> Entity:
    return {
        "PartitionKey": release.model,
        "RowKey": ROW,
        "generation": release.generation,
        "release": msgspec.json.encode(asdict(release)).decode(),
    }


def _release(read: Read) -> Release:
    fields: dict[str, Any] = msgspec.json.decode(read.entity["release"])
    candidate, valid_until, previous = fields["candidate"], fields["valid_until"], fields["previous"]
    return Release(
        **fields
        | {
            "stable": Target(**fields["stable"]),
            "candidate": Target(**candidate) if candidate else None,
            "valid_until": datetime.fromisoformat(valid_until) if valid_until else None,
            "withdrawn": tuple(fields["withdrawn"]),
            "previous": Target(**previous) if previous else None,
        }
    )
