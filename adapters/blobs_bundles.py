"""Versions in blob storage, by content: the registry's and each region's own copy have the same shape.

    sha256/<hex>                     a file, whoever's it is, created only
    models/<name>/<version>.json     which files a version is made of, created only
    policies/<name>/<version>.json

The files come first: a version that was published by half has no second kind of blob, is not there, and can be
published again. What is read is checked against its name, so that a blob that was changed is no version at all.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from urllib.parse import quote, unquote

import msgspec

from adapters.azure_asking import AskLimits
from adapters.azure_storage import StorageService
from adapters.blobs_rest import Container
from flows.errors import StorageFailed, Superseded
from flows.ports import Kept

FILE_LIMITS = AskLimits(deadline_s=30.0, attempt_s=30.0)
"""For files of up to 64 MiB."""

DOCUMENT_LIMITS = AskLimits(deadline_s=8.0, attempt_s=4.0)
"""For what tells which files those are: somebody waits who is better told soon that the registry is away."""

PAUSE_S = 0.01
"""After each file that is written: the same account takes the records that callers wait for."""


class BlobsBundles:
    """Implements `flows.ports.BundleStore`."""

    def __init__(self, blobs: StorageService, container: str, document_limits: AskLimits = DOCUMENT_LIMITS) -> None:
        self._files = Container(blobs, container, FILE_LIMITS)
        self._documents = Container(blobs, container, document_limits)

    async def find(self, kind: str, name: str, version: str) -> Kept | None:
        """What a version is made of, or None. Raises StorageFailed."""
        document = await self._documents.read(_version_blob(kind, name, version))
        return None if document is None else msgspec.convert(msgspec.json.decode(document), Kept)

    async def read(self, kept: Kept) -> dict[str, bytes]:
        """The version's files, by name, each checked against its digest. Raises StorageFailed."""
        contents = await asyncio.gather(*(self._read_file(sha256) for sha256 in kept.files.values()))
        return dict(zip(kept.files, contents, strict=True))

    async def write(self, kind: str, name: str, version: str, files: Mapping[str, bytes], digest: str) -> None:
        """Keep a version, once. Raises Superseded where another one stands under its name, or StorageFailed."""
        kept = Kept(digest, {file: hashlib.sha256(content).hexdigest() for file, content in files.items()})
        for file, content in files.items():
            await self._files.create(f"sha256/{kept.files[file]}", content)
            await asyncio.sleep(PAUSE_S)
        if not await self._documents.create(_version_blob(kind, name, version), msgspec.json.encode(kept)):
            standing = await self.find(kind, name, version)
            if standing != kept:
                raise Superseded(f"{name} {version} stands as {standing.digest if standing else 'another'}")

    async def list(self, kind: str) -> list[tuple[str, str]]:
        """Every version there is, as (name, version). Raises StorageFailed."""
        found: list[tuple[str, str]] = []
        async for path, _ in self._documents.list(f"{kind}/"):
            name, _, version = path.removeprefix(f"{kind}/").removesuffix(".json").partition("/")
            found.append((unquote(name), unquote(version)))
        return found

    async def _read_file(self, sha256: str) -> bytes:
        content = await self._files.read(f"sha256/{sha256}")
        if content is None:
            raise StorageFailed(f"the blob sha256/{sha256} is not there")
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise StorageFailed(f"the blob sha256/{sha256} is damaged: its content is {found}")
        return content


def _version_blob(kind: str, name: str, version: str) -> str:
    return f"{kind}/{quote(name, safe='')}/{quote(version, safe='')}.json"
