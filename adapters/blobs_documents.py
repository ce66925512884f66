"""Small JSON documents of the region, each a blob in one container; the last write stands.

https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from adapters.azure_storage import Answer, AzureStorage, Unanswered
from flows.errors import StorageFailed

CONTAINER = "documents"
VERSION = {"x-ms-version": "2021-12-02"}


class BlobsDocuments:
    """`timeout_s` is that of one request. The container is created on first need. Nothing is tried again: what
    lives here is a copy of something that can be had again."""

    def __init__(self, storage: AzureStorage, timeout_s: float = 2.0, container: str = CONTAINER) -> None:
        self._blobs = storage.blobs
        self._timeout_s = timeout_s
        self._container = container

    async def read(self, name: str) -> bytes | None:
        """The document, or None where there is none. Raises StorageFailed."""
        answer = await self._ask("GET", self._path(name), VERSION)
        if answer.status == 404:
            return None
        return _checked(answer).body

    async def write(self, name: str, document: bytes) -> None:
        """Write or replace the document. Raises StorageFailed."""
        headers = {**VERSION, "x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"}
        answer = await self._ask("PUT", self._path(name), headers, document)
        if answer.status == 404:
            await self._create_container()
            answer = await self._ask("PUT", self._path(name), headers, document)
        _checked(answer)

    async def _create_container(self) -> None:
        answer = await self._ask("PUT", f"/{self._container}?restype=container", VERSION)
        if answer.status != 409:
            _checked(answer)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        try:
            return await self._blobs.request(method, path, headers, body, timeout_s=self._timeout_s)
        except Unanswered as error:
            raise StorageFailed(f"blob storage did not answer: {error}") from error

    def _path(self, name: str) -> str:
        return f"/{self._container}/{quote(name)}"


def _checked(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise StorageFailed(f"blob storage refused: {answer.status} {answer.body[:300].decode(errors='replace')}")
    return answer
