"""What runs touch, in memory: accounts of files by name, which may die at any of the calls they get."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.factory.outside import STORAGE_RESOURCE, Blob, Refused

WRITTEN = datetime(2026, 11, 23, 22, tzinfo=UTC)


class Killed(Exception):
    """The run is gone, in the middle of what it did."""


@dataclass
class MemoryOutside:
    """`files` by account and container. The run is killed at call `dies_at`; a write has happened by then, or not."""

    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    dies_at: int | None = None
    dies_after_writing: bool = False
    calls: int = 0

    def container(self, url: str, name: str) -> dict[str, bytes]:
        return self.files.setdefault((url, name), {})

    async def list(self, url: str, container: str, prefix: str) -> list[Blob]:
        await self._count()
        held = self.container(url, container)
        return [Blob(name, len(held[name]), WRITTEN) for name in sorted(held) if name.startswith(prefix)]

    async def read(self, url: str, container: str, name: str) -> bytes:
        await self._count()
        if name not in self.container(url, container):
            raise Refused(f"The required blob is missing: {container}/{name}")
        return self.container(url, container)[name]

    async def write(self, url: str, container: str, name: str, content: bytes) -> None:
        if not self.dies_after_writing:
            await self._count()
        self.container(url, container)[name] = content
        if self.dies_after_writing:
            await self._count()

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: str, resource: str) -> str:
        if (method, resource, headers["x-ms-blob-type"]) != ("PUT", STORAGE_RESOURCE, "BlockBlob"):
            raise Refused(f"{method} {url}")
        scheme, _, rest = url.partition("://")
        host, container, name = rest.split("/", 2)
        await self.write(f"{scheme}://{host}", container, name, body.encode())
        return ""

    async def _count(self) -> None:
        await asyncio.sleep(0)  # others go on meanwhile
        self.calls += 1
        if self.calls == self.dies_at:
            raise Killed
