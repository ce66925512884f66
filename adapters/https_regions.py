"""The other regions over HTTPS, called with this app's own identity: a managed identity in Azure, a file locally."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import msgspec

from adapters.azure_credential import open_credential
from flows.ports import RegionAnswer, RegionUnreachable
from flows.regions import Region

TIMEOUT_S = 10.0
NO_JSON = "the region answered with no JSON object: see what stands at its URL in its place"


class AppTokens(Protocol):
    async def token_for(self, audience: str) -> str:
        """A bearer token of this app for another one. Raises TokenUnavailable."""


class TokenUnavailable(Exception):
    """This app can't be given a token now; the message says why."""


class FileAppTokens:
    """A token that lies in a file, good for every region; for local use. It is read anew each time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def token_for(self, audience: str) -> str:
        try:
            return self._file.read_text().strip()
        except OSError as error:
            raise TokenUnavailable(f"VOUCH_APP_TOKEN_FILE can't be read: {error}") from error


class IdentityAppTokens:
    """The app's managed identity; `azure-identity` is imported on first need, and keeps tokens itself."""

    def __init__(self, client_id: str = "") -> None:
        self._client_id = client_id
        self._credential: Any = None

    async def token_for(self, audience: str) -> str:
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        if self._credential is None:
            self._credential = open_credential(self._client_id)
        try:
            token = await self._credential.get_token(f"{audience}/.default")
        except AzureError as error:
            raise TokenUnavailable(f"the managed identity got no token: {error}") from error
        return str(token.token)


class HttpsRegions:
    """Implements `flows.ports.RegionCalls`. Nothing is asked twice from here."""

    def __init__(self, regions: Mapping[str, Region], tokens: AppTokens, timeout_s: float = TIMEOUT_S) -> None:
        self._regions = regions
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self,
        region: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RegionAnswer:
        """Ask once. Raises RegionUnreachable."""
        try:
            async with asyncio.timeout(self._timeout_s):
                token = await self._tokens.token_for(self._regions[region].audience)
                return await self._send(
                    region, method, path, body, {**(headers or {}), "Authorization": f"Bearer {token}"}
                )
        except TokenUnavailable as error:
            raise RegionUnreachable(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RegionUnreachable(f"the region {self._describe(error)}: see that its app runs") from error

    async def _send(
        self, region: str, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> RegionAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        data = None if body is None else msgspec.json.encode(body)
        given = {**headers, "Content-Type": "application/json"} if data is not None else headers
        url = f"{self._regions[region].base_url}{path}"
        async with self._session.request(method, url, headers=given, data=data, allow_redirects=False) as response:
            return RegionAnswer(response.status, _decode(await response.read()))

    def _describe(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorError):
            return "can't be connected to"
        if isinstance(error, TimeoutError):
            return f"did not answer in {self._timeout_s:g} s"
        return f"broke off its answer ({type(error).__name__})"

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _decode(content: bytes) -> Mapping[str, Any]:
    """The JSON object; what is none came from something between us and the region."""
    try:
        decoded = msgspec.json.decode(content) if content else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RegionUnreachable(NO_JSON) from error
    if not isinstance(decoded, dict):
        raise RegionUnreachable(NO_JSON)
    return decoded
