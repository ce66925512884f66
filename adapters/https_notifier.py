"""Sends notices to the URL that was configured: one POST, taken where the answer says so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from flows.ports import NotTaken

TIMEOUT_S = 10.0


class HttpsNotifier:
    """Implements `flows.ports.Notifier`."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = timeout_s

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send once. Raises NotTaken."""
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                aiohttp.ClientSession() as session,
                session.post(self._url, headers=headers, data=body, allow_redirects=False) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            raise NotTaken(f"no answer: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise NotTaken(f"answered {status}")
