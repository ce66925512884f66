"""Which published keys may sign tokens, and how much of an issuer's answer is read."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from adapters.jwt_jwks import MAX_DOCUMENT_BYTES, InvalidKeys, fetch_jwks, parse_jwks
from tests.unit.adapters.loopback_issuer import LoopbackIssuer, new_key, public_jwk


def jwks(*entries: object) -> bytes:
    return json.dumps({"keys": entries}).encode()


def test_parse_jwks_takes_signature_keys_by_their_ids(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    document = jwks(public_jwk(key, "k1"), public_jwk(other_key, "k2", alg="RS256", x5t="abc", issuer="https://x"))
    assert parse_jwks(document) == {"k1": key.public_key(), "k2": other_key.public_key()}


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"kid": 7},
        {"kid": None},
        {"n": None},
        {"n": "!"},
        {"n": 7},
        {"e": ""},
        {"e": "AA"},
    ],
)
def test_parse_jwks_leaves_a_key_aside_that_may_not_sign(
    changes: dict[str, object], key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    unfit = {name: value for name, value in {**public_jwk(key, "k1"), **changes}.items() if value is not None}
    assert parse_jwks(jwks(unfit, public_jwk(other_key, "k2"))) == {"k2": other_key.public_key()}


def test_parse_jwks_leaves_short_and_private_keys_aside(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey) -> None:
    private: dict[str, Any] = {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": "private", "use": "sig"}
    short = public_jwk(new_key(1024), "short")
    assert parse_jwks(jwks(private, short, "text", public_jwk(other_key, "k2"))) == {"k2": other_key.public_key()}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [{"kty": "RSA"}]}',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_parse_jwks_without_a_usable_key_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidKeys):
        parse_jwks(document)


async def test_fetch_jwks_answers_the_document(issuer: LoopbackIssuer, key: rsa.RSAPrivateKey) -> None:
    assert parse_jwks(await fetch_jwks(issuer.url)) == {"k1": key.public_key()}


async def test_fetch_jwks_does_not_follow_redirects(issuer: LoopbackIssuer) -> None:
    async def redirect() -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": issuer.url})

    issuer.answer = redirect
    with pytest.raises(InvalidKeys, match="302"):
        await fetch_jwks(issuer.url)
    assert issuer.asked == 1


@pytest.mark.parametrize("is_compressed", [False, True])
async def test_fetch_jwks_stops_reading_a_document_that_is_too_large(
    is_compressed: bool, issuer: LoopbackIssuer
) -> None:
    async def pour() -> web.StreamResponse:
        response = web.Response(body=b" " * (MAX_DOCUMENT_BYTES + 1))
        if is_compressed:
            response.enable_compression()
        return response

    issuer.answer = pour
    with pytest.raises(InvalidKeys, match="more than"):
        await fetch_jwks(issuer.url)


async def test_fetch_jwks_of_an_issuer_that_is_not_there_fails(issuer: LoopbackIssuer) -> None:
    await issuer.stop()
    with pytest.raises(aiohttp.ClientError):
        await fetch_jwks(issuer.url)
    await issuer.start()
