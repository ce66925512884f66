"""What runs touch: storage accounts, web endpoints, and time.

A storage account is reached by its URL. The managed identity signs a web call for the resource that the activity names,
and has nothing for any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import quote
from xml.etree import ElementTree

import aiohttp

from adapters.azure_storage import StorageService
from adapters.blobs_rest import VERSION, Container

STORAGE_RESOURCE = "https://storage.azure.com/"


class Refused(Exception):
    """An endpoint or account that said no; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Blob:
    name: str
    size: int
    modified: datetime


@dataclass(slots=True)
class Clock:
    """A time that passes only where something waits. `on_wait` is told before each wait, with its seconds."""

    moment: datetime = datetime(2026, 11, 23, 22, 15, tzinfo=UTC)
    on_wait: Callable[[int], Awaitable[None]] | None = None
    waited: list[int] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    async def wait(self, seconds: int) -> None:
        self.waited.append(seconds)
        if self.on_wait is not None:
            await self.on_wait(seconds)
        self.moment += timedelta(seconds=seconds)


class Outside(Protocol):
    """Storage accounts by URL, and web endpoints. Every call raises Refused."""

    async def list(self, url: str, container: str, prefix: str) -> list[Blob]: ...

    async def read(self, url: str, container: str, name: str) -> bytes: ...

    async def write(self, url: str, container: str, name: str, content: bytes) -> None: ...

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: str, resource: str) -> str:
        """What was answered; every status from 400 on is a refusal. The managed identity's token is for `resource`."""


class AzureOutside:
    """Accounts by URL, and the tokens that the managed identity gets, by resource."""

    def __init__(self, accounts: Sequence[StorageService], tokens: Mapping[str, str] | None = None) -> None:
        self._accounts = {account.base_url: account for account in accounts}
        self._tokens = tokens or {}

    async def list(self, url: str, container: str, prefix: str) -> list[Blob]:
        query = f"/{container}?restype=container&comp=list&prefix={quote(prefix, safe='')}"
        answer = await self._account(url).request("GET", query, VERSION, timeout_s=10)
        if answer.status == 404:
            return []
        return [
            Blob(
                node.findtext("Name", ""),
                int(node.findtext("Properties/Content-Length", "")),
                parsedate_to_datetime(node.findtext("Properties/Last-Modified", "")),
            )
            for node in ElementTree.fromstring(answer.body).iter("Blob")
        ]

    async def read(self, url: str, container: str, name: str) -> bytes:
        content = await Container(self._account(url), container).read(name)
        if content is None:
            raise Refused(f"The required blob is missing: {container}/{name}")
        return content

    async def write(self, url: str, container: str, name: str, content: bytes) -> None:
        await Container(self._account(url), container).write(name, content)

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: str, resource: str) -> str:
        if resource == STORAGE_RESOURCE:
            base = next((base for base in self._accounts if url.startswith(f"{base}/")), "")
            path = quote(url.removeprefix(base), safe="/")
            answer = await self._account(base).request(method, path, headers, body.encode(), timeout_s=10)
            status, text = answer.status, answer.body.decode()
        else:
            if resource not in self._tokens:
                raise Refused(f"The managed identity gets no token for {resource}")
            status, text = await _call(
                method, url, {**headers, "Authorization": f"Bearer {self._tokens[resource]}"}, body
            )
        if status >= 400:
            raise Refused(f"{method} {url} answered {status}: {text}")
        return text

    def _account(self, url: str) -> StorageService:
        if url not in self._accounts:
            raise Refused(f"There is no account at {url or 'that address'}")
        return self._accounts[url]


async def _call(method: str, url: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers=headers, data=body) as answer,
        ):
            return answer.status, await answer.text()
    except aiohttp.ClientError as error:
        raise Refused(f"{method} {url} was not answered: {error}") from error
