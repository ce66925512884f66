"""Who calls: bearer JWTs (RFC 6750, RFC 7519), checked in the app itself.

1. One token of the right form and size, signed with RS256 by a key that the issuer publishes: the header's `kid` only
   chooses among those. No other algorithm, and no key or address that the token brings along (`jwk`, `jku`, `x5u`),
   is ever looked at; PyJWT refuses `crit`, since nothing that it could name is understood.
2. The issuer, this region's audience, and the time, with `LEEWAY_S` for clocks that differ.
3. What was found good is remembered by the token's SHA-256, because checking a signature costs more than scoring.
   The time is checked again at each use, and everything is forgotten when the issuer's keys change.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.jwt_keys import Keys
from flows.calls import ROLES, Caller
from flows.errors import Unauthenticated
from flows.ports import Clock

ALGORITHM = "RS256"
LEEWAY_S = 60.0
LAST_TIME = 253402300799.0  # the end of the year 9999, in Unix seconds
MAX_AUTHORIZATION_CHARACTERS = 8 * 1024
MAX_CALLER_CHARACTERS = 256
REMEMBERED_TOKENS = 1000

_BEARER = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]+)", re.IGNORECASE | re.ASCII)
_OPTIONS: Any = {
    "require": ["exp"],
    "verify_exp": False,  # the time is checked by our own clock, here and when a token is remembered
    "verify_nbf": False,
    "verify_iat": False,
}


class KeySource(Protocol):
    async def current(self) -> Keys:
        """The keys by their ids; another object when they changed. Raises KeysUnavailable."""

    async def containing(self, key_id: str) -> Keys:
        """The same, asking the issuer where `key_id` is unknown. Raises KeysUnavailable."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature, issuer and audience are good. Times are in Unix seconds."""

    caller: Caller
    not_before: float
    expires_at: float


class JwtTokens:
    """Checks tokens of one issuer for one audience."""

    def __init__(self, keys: KeySource, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._remembered = RememberedTokens()

    async def authenticate(self, authorization: str | None) -> Caller:
        """The caller whom the header `Authorization` speaks for. Raises Unauthenticated or KeysUnavailable."""
        token = read_bearer(authorization)
        verified = self._remembered.find(token, await self._keys.current())
        if verified is None:
            verified = await self._verify(token)
        check_time(verified, self._clock.now().timestamp())
        return verified.caller

    async def _verify(self, token: str) -> Verified:
        key_id = read_key_id(token)
        keys = await self._keys.containing(key_id)
        if key_id not in keys:
            raise Unauthenticated("the key id is unknown")
        verified = self._check(token, keys[key_id])
        self._remembered.add(token, verified, keys)
        return verified

    def _check(self, token: str, key: RSAPublicKey) -> Verified:
        try:
            claims = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=self._issuer, audience=self._audience, options=_OPTIONS
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated(f"PyJWT: {type(error).__name__}") from None
        return Verified(read_caller(claims), read_time(claims, "nbf", 0), read_time(claims, "exp", 0))


class RememberedTokens:
    """The verified tokens used last, by their digests; they are good only for the keys they were verified with."""

    def __init__(self) -> None:
        self._keys: Keys | None = None
        self._tokens: OrderedDict[bytes, Verified] = OrderedDict()

    def find(self, token: str, keys: Keys) -> Verified | None:
        self._forget_unless(keys)
        digest = _digest(token)
        verified = self._tokens.get(digest)
        if verified is not None:
            self._tokens.move_to_end(digest)
        return verified

    def add(self, token: str, verified: Verified, keys: Keys) -> None:
        self._forget_unless(keys)
        self._tokens[_digest(token)] = verified
        if len(self._tokens) > REMEMBERED_TOKENS:
            self._tokens.popitem(last=False)

    def _forget_unless(self, keys: Keys) -> None:
        if keys is not self._keys:
            self._tokens.clear()
            self._keys = keys


def read_bearer(authorization: str | None) -> str:
    """The token of the header `Authorization`. Raises Unauthenticated."""
    if not authorization:
        raise Unauthenticated("no token")
    if len(authorization) > MAX_AUTHORIZATION_CHARACTERS:
        raise Unauthenticated(f"more than {MAX_AUTHORIZATION_CHARACTERS} characters")
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise Unauthenticated("not one bearer token in the form of a signed JWT")
    return match[1]


def read_key_id(token: str) -> str:
    """The key id of a token whose header may be looked at further. Raises Unauthenticated."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthenticated("the header can't be read") from None
    if header.get("alg") != ALGORITHM:
        raise Unauthenticated(f"not signed with {ALGORITHM}")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise Unauthenticated("the header has no key id")
    return key_id


def read_caller(claims: Mapping[str, Any]) -> Caller:
    """Who it is: the person where one delegated the token (`scp`), so that two people behind one application stay two;
    else the application (`azp`; `appid` in Entra's v1 tokens). Raises Unauthenticated."""
    names = ("oid", "sub") if "scp" in claims else ("azp", "appid", "oid", "sub")
    ids = (claims.get(claim) for claim in names)
    caller_id = next((one for one in ids if isinstance(one, str) and one), "")
    if not 0 < len(caller_id) <= MAX_CALLER_CHARACTERS or not caller_id.isprintable():
        raise Unauthenticated("no claim names the caller")
    roles = claims.get("roles")
    named = {role for role in roles if isinstance(role, str)} if isinstance(roles, list) else set()
    return Caller(caller_id, frozenset(named.intersection(ROLES)))


def read_time(claims: Mapping[str, Any], claim: str, default: float) -> float:
    """A time of the claims in Unix seconds. Raises Unauthenticated."""
    value = claims.get(claim, default)
    if type(value) not in {int, float} or not 0 <= value <= LAST_TIME:
        raise Unauthenticated(f"{claim} is no time")
    return float(value)


def check_time(verified: Verified, now: float) -> None:
    """Raises Unauthenticated before and after the token's time."""
    if now < verified.not_before - LEEWAY_S:
        raise Unauthenticated("not valid yet")
    if now >= verified.expires_at + LEEWAY_S:
        raise Unauthenticated("expired")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
