"""A small key vault that keeps to the documented contract: real keys behind a real HTTP server, and faults on demand.

https://learn.microsoft.com/rest/api/keyvault/keys: get-key, sign, wrap-key, unwrap-key (api-version 7.4)
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

TOKEN = "token-of-the-identity"
OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
SIGNING, WRAPPING = "trail-signing", "trail-wrapping"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    if "=" in text:
        raise ValueError("base64url comes without padding")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@dataclass
class KeyVault:
    """`keys` are the versions of each key, the newest last. `faults` are met one after another: a status, or None for
    no answer at all. `disabled` versions are refused; `answer` replaces what a POST is answered."""

    keys: dict[str, list[tuple[str, PrivateKey]]] = field(default_factory=dict)
    url: str = ""
    faults: list[int | None] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)
    answer: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)

    def add(self, name: str, key: PrivateKey) -> str:
        """A new version of a key; its id."""
        self.keys.setdefault(name, []).append((uuid4().hex, key))
        return self.keys[name][-1][0]

    def rotate(self) -> str:
        return self.add(WRAPPING, rsa.generate_private_key(65537, 2048))

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.read()
        if self.faults:
            fault = self.faults.pop(0)
            if fault is None:
                await asyncio.Event().wait()
            return refuse(fault or 500, "Throttled" if fault == 429 else "InternalServerError", body.decode())
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return refuse(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
        if request.query.get("api-version") != "7.4":
            return refuse(400, "BadParameter", "The specified version is not recognized.")
        return await self._carry_out(request)

    async def _carry_out(self, request: web.Request) -> web.Response:
        name, version = request.match_info["name"], request.match_info.get("version", "")
        versions = dict(self.keys.get(name, []))
        version = version or next(reversed(versions), "")
        if version not in versions:
            return refuse(404, "KeyNotFound", f"A key with (name/id) {name} was not found in this key vault.")
        kid = f"{self.url}/keys/{name}/{version}"
        if request.method == "GET":
            return web.json_response({"key": jwk(kid, versions[version]), "attributes": {"enabled": True}})
        if version in self.disabled:
            return refuse(403, "Forbidden", "Operation is not allowed on a disabled key.")
        asked = await request.json()
        try:
            value = operate(request.match_info["operation"], versions[version], asked["alg"], decode(asked["value"]))
        except (ValueError, KeyError, TypeError):
            return refuse(400, "BadParameter", f"The parameter is incorrect: {asked}")
        return web.json_response(self.answer or {"kid": kid, "value": encode(value)})


def operate(operation: str, key: PrivateKey, algorithm: str, value: bytes) -> bytes:
    """What the service does with a value."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if (operation, algorithm, len(value)) != ("sign", "ES256", hashlib.sha256().digest_size):
            raise ValueError(operation)
        r, s = decode_dss_signature(key.sign(value, ec.ECDSA(Prehashed(SHA256()))))
        return r.to_bytes(32) + s.to_bytes(32)
    if algorithm != "RSA-OAEP-256" or operation not in {"wrapkey", "unwrapkey"}:
        raise ValueError(operation)
    return key.public_key().encrypt(value, OAEP) if operation == "wrapkey" else key.decrypt(value, OAEP)


def jwk(kid: str, key: PrivateKey) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kid": kid, "kty": "RSA", "n": encode(numbers.n.to_bytes(256)), "e": "AQAB", "key_ops": ["wrapKey"]}
    point = key.public_key().public_numbers()
    size = (key.curve.key_size + 7) // 8
    x, y = (encode(value.to_bytes(size)) for value in (point.x, point.y))
    curve = {"secp256r1": "P-256", "secp384r1": "P-384"}[key.curve.name]
    return {"kid": kid, "kty": "EC", "crv": curve, "x": x, "y": y, "key_ops": ["sign"]}


def refuse(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


@asynccontextmanager
async def serving() -> AsyncIterator[KeyVault]:
    """A key vault with one version of each key, until the end of the block."""
    vault, app = KeyVault(), web.Application()
    vault.add(SIGNING, ec.generate_private_key(ec.SECP256R1()))
    vault.rotate()
    app.router.add_get("/keys/{name}", vault.serve)
    app.router.add_post("/keys/{name}/{version}/{operation}", vault.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vault.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield vault
    finally:
        await runner.cleanup()
