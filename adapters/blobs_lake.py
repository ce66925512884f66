"""The region's lake: files that are written once, in one container.

A large file goes up in blocks under ids of its own attempt, so that two who write the same file at once don't mix
theirs; whoever commits first has written it.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

from adapters.azure_asking import AskLimits
from adapters.azure_storage import StorageService
from adapters.blobs_rest import LIMITS, Container
from flows.ports import LakeFile, LakePage, Span

CONTAINER = "lake"
READ_BYTES = 4 * 2**20


class BlobsLake:
    """Implements `flows.ports.Lake`."""

    def __init__(self, blobs: StorageService, limits: AskLimits = LIMITS, container: str = CONTAINER) -> None:
        self._container = Container(blobs, container, limits)

    async def read(self, name: str) -> bytes | None:
        """The file, or None where there is none. Raises StorageFailed."""
        return await self._container.read(name)

    async def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        """The file from a byte on, in pieces of at most 4 MiB; nothing where there is none. Raises StorageFailed."""
        while piece := await self._container.read(name, start, READ_BYTES):
            yield piece
            if len(piece) < READ_BYTES:
                return
            start += len(piece)

    async def read_span(self, name: str, start: int, size: int) -> Span | None:
        """At most `size` bytes from a byte on, none past the end; None where there is no such file. Raises
        StorageFailed."""
        found = await self._container.read_span(name, start, size)
        return None if found is None else Span(*found)

    async def create(self, name: str, content: bytes) -> bool:
        """Write a file; False where one stands already, perhaps from a try of this very call. Raises StorageFailed."""
        return await self._container.create(name, content)

    async def create_from(self, name: str, parts: AsyncIterator[bytes]) -> bool:
        """Write a file part by part, each at most 100 MiB; False as above. Raises StorageFailed."""
        attempt = secrets.token_hex(8)
        blocks: list[str] = []
        async for part in parts:
            blocks.append(f"{attempt}-{len(blocks):06}")
            await self._container.stage(name, blocks[-1], part)
        return await self._container.commit(name, blocks)

    async def list(self, prefix: str) -> AsyncIterator[LakeFile]:
        """Every file whose name starts so, in order of names. Raises StorageFailed."""
        async for name, size in self._container.list(prefix):
            yield LakeFile(name, size)

    async def list_page(self, prefix: str, after: str, most: int) -> LakePage:
        """The same, a page at a time. Raises ValueError where no page begins at `after`, or StorageFailed."""
        listed = await self._container.list_page(prefix, after, most)
        return LakePage([LakeFile(name, size) for name, size in listed.blobs], listed.marker)
