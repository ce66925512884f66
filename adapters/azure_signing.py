"""How a request to Azure Storage or Key Vault proves who sends it: by account key (local system) or by managed identity
(Azure)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

SCOPE = "https://storage.azure.com/.default"
RENEW_BEFORE_S = 300

logger = logging.getLogger("vouch.storage")


class SigningFailed(Exception):
    """No token could be had; the request was not sent."""


class Signer(Protocol):
    async def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers that prove the sender, to be added. Raises SigningFailed."""


class TableKeySigner:
    """Shared Key Lite for tables: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key"""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)

    async def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        date = formatdate(usegmt=True)
        text = f"{date}\n/{self._account}{urlsplit(url).path}"
        return {"x-ms-date": date, "Authorization": f"SharedKeyLite {self._account}:{_mac(self._key, text)}"}


class BlobKeySigner:
    """Shared Key for blobs, as described at the same place."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)

    async def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        date = formatdate(usegmt=True)
        lowered = {name.lower(): value for name, value in headers.items()} | {"x-ms-date": date}
        own = "".join(f"{name}:{lowered[name]}\n" for name in sorted(lowered) if name.startswith("x-ms-"))
        length = str(len(body)) if body else ""
        parts = urlsplit(url)
        query = "".join(
            f"\n{name.lower()}:{unquote(value)}"
            for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))
        )
        standard = [length, "", lowered.get("content-type", ""), "", "", lowered.get("if-match", "")]
        standard += [lowered.get("if-none-match", ""), "", ""]
        text = "\n".join([method, "", "", *standard]) + f"\n{own}/{self._account}{parts.path}{query}"
        return {"x-ms-date": date, "Authorization": f"SharedKey {self._account}:{_mac(self._key, text)}"}


class IdentitySigner:
    """Bearer tokens of the app's managed identity, renewed five minutes before they run out."""

    def __init__(self, credential: Any, failures: tuple[type[Exception], ...], scope: str = SCOPE) -> None:
        """`credential`: an `azure.core` asynchronous TokenCredential; `failures`: what it raises."""
        self._credential = credential
        self._failures = failures
        self._scope = scope
        self._token = ""
        self._expires_on = 0.0
        self._renewal = asyncio.Lock()

    async def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        if self._expires_on - time.time() < RENEW_BEFORE_S:
            await self._renew()
        return {"x-ms-date": formatdate(usegmt=True), "Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
        async with self._renewal:
            if self._expires_on - time.time() >= RENEW_BEFORE_S:
                return
            try:
                token = await self._credential.get_token(self._scope)
            except self._failures as error:
                if self._expires_on <= time.time():
                    raise SigningFailed(f"no token for {self._scope}: {error}") from error
                logger.warning(
                    "A token for %s could not be renewed; the last one serves until it runs out.", self._scope
                )
                return
            self._token, self._expires_on = token.token, float(token.expires_on)

    async def close(self) -> None:
        await self._credential.close()


def _mac(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
