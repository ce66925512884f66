"""A little issuer on loopback: it signs tokens with real RSA keys and serves the public ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from flows.errors import StorageFailed
from tests.fakes import FakeClock

ISSUER = "https://issuer.example/v2.0"
AUDIENCE = "api://vouch-westeurope"


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_jwk(key: rsa.RSAPrivateKey, key_id: str, **changes: object) -> dict[str, Any]:
    """The public key as Entra ID publishes it."""
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "kid": key_id, "use": "sig", **changes}


def claims_at(clock: FakeClock, **changes: object) -> dict[str, object]:
    """The claims of a good token of one hour."""
    now = int(clock.now().timestamp())
    good: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "azp": "claims-desk",
        "roles": ["scorer"],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(
    claims: Mapping[str, object], key: Any, key_id: str | None = "k1", algorithm: str = "RS256", **header: Any
) -> str:
    headers = header if key_id is None else {"kid": key_id, **header}
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers=headers)


@dataclass
class Gate:
    """Where a request waits: `reached` is set by the request, `opened` by the test."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class LoopbackIssuer:
    """Serves `document` at `url` and counts how often it was asked. `answer` replaces the answer."""

    keys: dict[str, rsa.RSAPrivateKey]
    asked: int = 0
    is_down: bool = False
    gate: Gate | None = None
    answer: Callable[[], Awaitable[web.StreamResponse]] | None = None
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/keys", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/keys"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def hold(self) -> Gate:
        """Let requests wait from now on."""
        self.gate = Gate()
        return self.gate

    def token(self, clock: FakeClock, key_id: str = "k1", **changes: object) -> str:
        return signed(claims_at(clock, **changes), self.keys[key_id], key_id)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.gate is not None:
            self.gate.reached.set()
            await self.gate.opened.wait()
        if self.is_down:
            return web.Response(status=503)
        if self.answer is not None:
            return await self.answer()
        return web.json_response({"keys": [public_jwk(key, key_id) for key_id, key in self.keys.items()]})


@dataclass
class MemoryDocuments:
    """Documents in memory, which can be told to fail."""

    documents: dict[str, bytes] = field(default_factory=dict)
    is_down: bool = False
    reads: int = 0

    async def read(self, name: str) -> bytes | None:
        self.reads += 1
        self._check()
        return self.documents.get(name)

    async def write(self, name: str, document: bytes) -> None:
        self._check()
        self.documents[name] = document

    def edit(self, name: str, **changes: object) -> None:
        self.documents[name] = json.dumps({**json.loads(self.documents[name]), **changes}).encode()

    def _check(self) -> None:
        if self.is_down:
            raise StorageFailed("the storage is down")
