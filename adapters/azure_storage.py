"""The region's storage account over its REST interface: one HTTP session for tables and blobs.

Nothing is sent twice from here: each port has its own rules for what a lost answer means. Every request has a
time-out of its own. Why not the SDK: docs/decisions/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import aiohttp
from yarl import URL

from adapters.azure_credential import open_credential
from adapters.azure_signing import BlobKeySigner, IdentitySigner, Signer, SigningFailed, TableKeySigner

MAX_CONNECTIONS = 64
LARGE_BODY_BYTES = 2**20  # larger ones are written in pieces, so that the loop is not held up


class Unanswered(Exception):
    """No whole answer came; the request may have been carried out unless `unsent`."""

    def __init__(self, reason: str, *, unsent: bool = False) -> None:
        super().__init__(reason)
        self.unsent = unsent


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_passing(self) -> bool:
        """Whether this is a fault that may pass: busy, timed out, failed inside. What was asked may have been done."""
        return is_passing(self.status)


def is_passing(status: int) -> bool:
    """Whether a status says that the service was busy, timed out or failed inside."""
    return status in {408, 429} or status >= 500


class StorageService:
    """Tables or blobs of one account, or a key vault. `base_url` has no slash at its end."""

    def __init__(self, base_url: str, signer: Signer) -> None:
        self.base_url = base_url.rstrip("/")
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float
    ) -> Answer:
        """Send once. `path` starts with a slash and is percent-encoded. Raises Unanswered."""
        url = f"{self.base_url}{path}"
        try:
            async with asyncio.timeout(timeout_s):
                signed = {**headers, **await self._signer.sign(method, url, headers, body)}
                return await self._send(method, url, signed, body)
        except (aiohttp.ClientConnectorError, SigningFailed) as error:
            raise Unanswered(f"not sent: {error}", unsent=True) from error
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise Unanswered(f"{type(error).__name__}: {error}") from error

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        session = self._session or self._open()
        data = BytesIO(body) if len(body) > LARGE_BODY_BYTES else body or None
        async with session.request(method, URL(url, encoded=True), headers=headers, data=data) as response:
            return Answer(response.status, response.headers, await response.read())

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Content-Type"),
            auto_decompress=True,
        )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        if isinstance(self._signer, IdentitySigner):
            await self._signer.close()


@dataclass(frozen=True, slots=True)
class AzureStorage:
    """A storage account: its tables and its blobs."""

    tables: StorageService
    blobs: StorageService

    async def close(self) -> None:
        await self.tables.close()
        await self.blobs.close()


def connect_by_string(connection_string: str) -> AzureStorage:
    """By account key, as for Azurite. Raises ValueError with what the string lacks."""
    parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
    wanted = ("AccountName", "AccountKey", "TableEndpoint", "BlobEndpoint")
    if missing := [name for name in wanted if not parts.get(name)]:
        raise ValueError(
            f"The storage connection string lacks {', '.join(missing)}. Add it to VOUCH_STORAGE_CONNECTION."
        )
    account, key = parts["AccountName"], parts["AccountKey"]
    return AzureStorage(
        tables=StorageService(parts["TableEndpoint"], TableKeySigner(account, key)),
        blobs=StorageService(parts["BlobEndpoint"], BlobKeySigner(account, key)),
    )


def connect_by_identity(tables_url: str, blobs_url: str, client_id: str = "") -> AzureStorage:
    """By the app's managed identity; `client_id` is that of a user-assigned one."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    signer = IdentitySigner(open_credential(client_id), (AzureError,))
    return AzureStorage(tables=StorageService(tables_url, signer), blobs=StorageService(blobs_url, signer))
