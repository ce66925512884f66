"""Small JSON documents of the region, each a blob in one container; the last write stands."""

from __future__ import annotations

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.blobs_rest import Container

CONTAINER = "documents"


class BlobsDocuments:
    """Implements `flows.ports.Documents`. `timeout_s` is that of one call, with every try: what lives here is a copy
    of something that can be had again."""

    def __init__(self, storage: AzureStorage, timeout_s: float = 2.0, container: str = CONTAINER) -> None:
        self._container = Container(storage.blobs, container, AskLimits(timeout_s, timeout_s))

    async def read(self, name: str) -> bytes | None:
        """The document, or None where there is none. Raises StorageFailed."""
        return await self._container.read(name)

    async def write(self, name: str, document: bytes) -> None:
        """Write or replace the document. Raises StorageFailed."""
        await self._container.write(name, document, "application/json")
