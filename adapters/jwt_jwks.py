"""JWK Sets (RFC 7517): fetched with limits, and only the keys taken that may sign our tokens."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

TIMEOUT_S = 5.0
MAX_DOCUMENT_BYTES = 256 * 1024
MIN_KEY_BITS = 2048


class InvalidKeys(ValueError):
    """No usable key set; the message says why."""


def parse_jwks(document: bytes) -> dict[str, RSAPublicKey]:
    """The keys, by key id, that may sign tokens: RSA, for signatures, of at least `MIN_KEY_BITS`.

    Raises InvalidKeys where there are none."""
    try:
        entries = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidKeys("no JSON object") from error
    if not isinstance(entries, list):
        raise InvalidKeys("no list of keys")
    keys = {entry["kid"]: key for entry in entries if (key := _parse_key(entry)) is not None}
    if not keys:
        raise InvalidKeys(f"none of {len(entries)} keys is an RSA key for signatures of {MIN_KEY_BITS} bits or more")
    return keys


def _parse_key(entry: Any) -> RSAPublicKey | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use") != "sig":
        return None
    if entry.get("alg", "RS256") != "RS256" or not isinstance(entry.get("kid"), str):
        return None
    try:
        key = RSAAlgorithm.from_jwk(entry)
    except (InvalidKeyError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY_BITS else None


async def fetch_jwks(url: str) -> bytes:
    """The document at `url`; redirects are not followed.

    Raises InvalidKeys, aiohttp.ClientError or TimeoutError."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise InvalidKeys(f"status {response.status}")
        document = bytearray()
        async for chunk in response.content.iter_any():
            document += chunk
            if len(document) > MAX_DOCUMENT_BYTES:
                raise InvalidKeys(f"more than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(document)
