"""The issuer's public keys: had in time, kept against its outage, and never asked for in a storm.

1. Memory serves every request. Keys older than `REFRESH_S` are refreshed in the background.
2. A fresh process takes the keys that are kept in the region's storage, so that it neither waits for the issuer nor
   needs it. What is had from the issuer is written there.
3. A key id that is not among them asks the issuer again, at most every `AGAIN_S`, all callers together.
4. Keys older than `MAX_AGE_S` are trusted no more. A token lives for 24 hours at most (a managed identity's), so that
   an issuer that is down for longer has left no valid token behind anyway; and a key that it withdrew, because it was
   stolen, is not obeyed for ever where the issuer can't be reached.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.jwt_jwks import InvalidKeys, fetch_jwks, parse_jwks
from flows.errors import KeysUnavailable, StorageFailed
from flows.ports import Clock, Documents

DOCUMENT = "issuer-keys.json"
REFRESH_S = 3600.0
MAX_AGE_S = 24 * 3600.0
AGAIN_S = 60.0
AGAIN_WITHOUT_KEYS_S = 5.0
CLOCK_SKEW_S = 60.0

Keys = Mapping[str, RSAPublicKey]

logger = logging.getLogger("vouch.keys")


class _Kept(msgspec.Struct):
    """The document in the region's storage; `fetched_at` is in Unix seconds."""

    url: str
    fetched_at: float
    jwks: msgspec.Raw


class JwtKeys:
    """Keeps the keys that `url` serves."""

    def __init__(self, url: str, documents: Documents, clock: Clock) -> None:
        self._url = url
        self._documents = documents
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at = -math.inf
        self._asked_at = -math.inf
        self._asking: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def current(self) -> Keys:
        """The keys by their ids; the same object as long as they are the same keys. Raises KeysUnavailable."""
        age_s = self._age_s()
        if age_s > MAX_AGE_S:
            await self._wait_for(self._obtain, AGAIN_WITHOUT_KEYS_S)
            if self._age_s() > MAX_AGE_S:
                raise KeysUnavailable("the issuer's keys can't be had")
        elif age_s > REFRESH_S:
            self._start(self._ask_issuer, AGAIN_S)
        return self._keys

    async def containing(self, key_id: str) -> Keys:
        """The keys; where `key_id` is not among them, the issuer is asked first. Raises KeysUnavailable."""
        keys = await self.current()
        if key_id not in keys:
            await self._wait_for(self._ask_issuer, AGAIN_S)
        return self._keys

    async def settle(self) -> None:
        """Wait for what runs in the background, as before an event loop ends."""
        while tasks := {task for task in (self._asking, self._keeping) if task is not None and not task.done()}:
            await asyncio.wait(tasks)

    async def _wait_for(self, work: Callable[[], Coroutine[None, None, None]], pause_s: float) -> None:
        """Wait for `work`; a caller that is cancelled doesn't take it along."""
        task = self._start(work, pause_s)
        if task is not None:
            await asyncio.wait({task})

    def _start(self, work: Callable[[], Coroutine[None, None, None]], pause_s: float) -> asyncio.Task[None] | None:
        """The work under way, or a new one unless the issuer was asked less than `pause_s` ago."""
        if self._asking is None or self._asking.done():
            if self._clock.monotonic() - self._asked_at < pause_s:
                return None
            self._asking = asyncio.create_task(work())
        return self._asking

    async def _obtain(self) -> None:
        await self._read_kept()
        if self._age_s() > MAX_AGE_S:
            await self._ask_issuer()

    async def _ask_issuer(self) -> None:
        self._asked_at = self._clock.monotonic()
        try:
            document = await fetch_jwks(self._url)
            keys = parse_jwks(document)
        except (InvalidKeys, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning(
                "The issuer's keys could not be had from %s (%s: %s). Those known serve until they are %d hours old; "
                "see that the issuer can be reached.",
                self._url,
                type(error).__name__,
                error,
                MAX_AGE_S / 3600,
            )
            return
        self._take(keys, self._clock.now().timestamp())
        self._keeping = asyncio.create_task(self._keep(document))

    def _take(self, keys: Keys, fetched_at: float) -> None:
        self._fetched_at = fetched_at
        if keys != self._keys:
            self._keys = keys

    async def _keep(self, document: bytes) -> None:
        kept = _Kept(self._url, self._fetched_at, msgspec.Raw(document))
        try:
            await self._documents.write(DOCUMENT, msgspec.json.encode(kept))
        except StorageFailed as error:
            logger.warning("The issuer's keys were not kept against its outage: %s.", error)

    async def _read_kept(self) -> None:
        try:
            document = await self._documents.read(DOCUMENT)
            if document is not None:
                self._take_kept(msgspec.json.decode(document, type=_Kept))
        except StorageFailed as error:
            logger.warning("The issuer's keys that are kept could not be read: %s.", error)
        except (InvalidKeys, msgspec.DecodeError, UnicodeDecodeError) as error:
            logger.warning("The issuer's keys that are kept (%s) are broken, and left aside: %s.", DOCUMENT, error)

    def _take_kept(self, kept: _Kept) -> None:
        """Take them unless they are another issuer's, too old, or said to be of the future."""
        age_s = self._clock.now().timestamp() - kept.fetched_at
        if kept.url == self._url and -CLOCK_SKEW_S <= age_s <= MAX_AGE_S:
            self._take(parse_jwks(bytes(kept.jwks)), kept.fetched_at)

    def _age_s(self) -> float:
        return self._clock.now().timestamp() - self._fetched_at
