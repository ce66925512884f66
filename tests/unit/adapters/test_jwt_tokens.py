"""Every way to forge a token that we know of, and what good ones say."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import HMACAlgorithm

from adapters.jwt_keys import JwtKeys
from adapters.jwt_tokens import LEEWAY_S, MAX_AUTHORIZATION_CHARACTERS, REMEMBERED_TOKENS, JwtTokens
from flows.calls import Caller
from flows.errors import Unauthenticated
from tests.fakes import FakeClock
from tests.unit.adapters.loopback_issuer import (
    AUDIENCE,
    ISSUER,
    LoopbackIssuer,
    MemoryDocuments,
    claims_at,
    public_jwk,
    signed,
)

SCORER = Caller("claims-desk", frozenset({"scorer"}))


@pytest.fixture
async def keys(issuer: LoopbackIssuer, documents: MemoryDocuments, clock: FakeClock) -> AsyncIterator[JwtKeys]:
    keys = JwtKeys(issuer.url, documents, clock)
    yield keys
    await keys.settle()


@pytest.fixture
def tokens(keys: JwtKeys, clock: FakeClock) -> JwtTokens:
    return JwtTokens(keys, ISSUER, AUDIENCE, clock)


class Forger:
    """Has the issuer's public key and one good token, but not its private key."""

    def __init__(self, key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey, clock: FakeClock) -> None:
        self._key = key
        self._other_key = other_key
        self._clock = clock
        self.good = signed(self.claims(), key)

    def claims(self, **changes: object) -> dict[str, object]:
        return claims_at(self._clock, **changes)

    def by_issuer(self, **changes: object) -> str:
        """What the issuer really signed, though not for us or not for now."""
        return signed(self.claims(**changes), self._key)

    def by_issuer_of_payload(self, changes: dict[str, object]) -> str:
        """The same for claims that PyJWT won't sign."""
        payload = json.dumps({**self.claims(), **changes}).encode()
        return jwt.PyJWS().encode(payload, self._key, algorithm="RS256", headers={"kid": "k1"})

    def by_issuer_with_header(self, **header: Any) -> str:
        return signed(self.claims(), self._key, **header)

    def by_stranger(self, key_id: str | None = "k1", **header: Any) -> str:
        return signed(self.claims(), self._other_key, key_id, **header)

    def own_jwk(self) -> dict[str, Any]:
        return public_jwk(self._other_key, "k1")

    def with_public_key_as_secret(self, algorithm: str) -> str:
        """Key confusion: the public key, as PEM, is the HMAC's secret. PyJWT won't sign so; a forger does."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signing_input = f"{encoded({'alg': algorithm, 'kid': 'k1'})}.{encoded(self.claims())}"
        hashes = {"HS256": HMACAlgorithm.SHA256, "HS512": HMACAlgorithm.SHA512}
        return f"{signing_input}.{base64url(HMACAlgorithm(hashes[algorithm]).sign(signing_input.encode(), pem))}"

    def unsigned(self, algorithm: str) -> str:
        return f"{encoded({'alg': algorithm, 'kid': 'k1'})}.{encoded(self.claims())}."

    def with_algorithm(self, algorithm: object) -> str:
        """The good token's signature under another header."""
        _, payload, signature = self.good.split(".")
        return f"{encoded({'alg': algorithm, 'kid': 'k1'})}.{payload}.{signature}"

    def with_elliptic_key(self) -> str:
        return signed(self.claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")

    def tampered(self) -> str:
        header, _, signature = self.good.split(".")
        return f"{header}.{encoded(self.claims(roles=['operator']))}.{signature}"

    def with_header(self, header: str) -> str:
        _, payload, signature = self.good.split(".")
        return f"{base64url(header.encode())}.{payload}.{signature}"

    def later(self, seconds: float) -> int:
        return int(self._clock.now().timestamp() + seconds)


@pytest.fixture
def forger(key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey, clock: FakeClock) -> Forger:
    return Forger(key, other_key, clock)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(value: object) -> str:
    return base64url(json.dumps(value).encode())


Forge = Callable[[Forger], str | None]
FORGERIES: dict[str, Forge] = {
    "no header": lambda forger: None,
    "empty": lambda forger: "",
    "scheme alone": lambda forger: "Bearer",
    "scheme and blank": lambda forger: "Bearer ",
    "no scheme": lambda forger: forger.good,
    "Basic": lambda forger: "Basic dXNlcjpwYXNzd29yZA==",
    "good token as Basic": lambda forger: f"Basic {forger.good}",
    "two tokens": lambda forger: f"Bearer {forger.good} {forger.good}",
    "two headers joined": lambda forger: f"Bearer {forger.good}, Bearer {forger.good}",
    "garbage": lambda forger: "Bearer garbage",
    "garbage in three parts": lambda forger: "Bearer ga.rba.ge",
    "not ASCII": lambda forger: f"Bearer {forger.good}é",
    "line break at the end": lambda forger: f"Bearer {forger.good}\n",
    "padded": lambda forger: f"Bearer {forger.good}==",
    "five parts (encrypted)": lambda forger: f"Bearer {forger.good}.a.b",
    "no signature": lambda forger: f"Bearer {forger.good.rpartition('.')[0]}.",
    "two parts": lambda forger: f"Bearer {forger.good.rpartition('.')[0]}",
    "signature cut": lambda forger: f"Bearer {forger.good[:-8]}",
    "oversized": lambda forger: f"Bearer {forger.by_issuer(extra='x' * MAX_AUTHORIZATION_CHARACTERS)}",
    "alg none": lambda forger: f"Bearer {forger.unsigned('none')}",
    "alg none with some signature": lambda forger: f"Bearer {forger.unsigned('none')}AAAA",
    "alg None": lambda forger: f"Bearer {forger.unsigned('None')}AAAA",
    "alg none over the good signature": lambda forger: f"Bearer {forger.with_algorithm('none')}",
    "alg is no text": lambda forger: f"Bearer {forger.with_algorithm(['RS256'])}",
    "alg RS512 over the good signature": lambda forger: f"Bearer {forger.with_algorithm('RS512')}",
    "HS256 with the public key": lambda forger: f"Bearer {forger.with_public_key_as_secret('HS256')}",
    "HS512 with the public key": lambda forger: f"Bearer {forger.with_public_key_as_secret('HS512')}",
    "HS256 with a secret": lambda forger: f"Bearer {signed(forger.claims(), 'x' * 32, algorithm='HS256')}",
    "ES256": lambda forger: f"Bearer {forger.with_elliptic_key()}",
    "other key, same kid": lambda forger: f"Bearer {forger.by_stranger()}",
    "other key, unknown kid": lambda forger: f"Bearer {forger.by_stranger('k9')}",
    "other key, no kid": lambda forger: f"Bearer {forger.by_stranger(None)}",
    "own key in jwk": lambda forger: f"Bearer {forger.by_stranger(jwk=forger.own_jwk())}",
    "own key in jwk, unknown kid": lambda forger: f"Bearer {forger.by_stranger('k9', jwk=forger.own_jwk())}",
    "own address in jku": lambda forger: f"Bearer {forger.by_stranger('k9', jku='https://evil.example/keys')}",
    "own address in x5u": lambda forger: f"Bearer {forger.by_stranger('k9', x5u='https://evil.example/cert')}",
    "kid as a path": lambda forger: f"Bearer {forger.by_stranger('../../dev/null')}",
    "good key, crit": lambda forger: f"Bearer {forger.by_issuer_with_header(crit=['exp'], exp=1)}",
    "good key, crit b64": lambda forger: f"Bearer {forger.by_issuer_with_header(crit=['b64'], b64=True)}",
    "kid is no text": lambda forger: f"Bearer {forger.with_header(json.dumps({'alg': 'RS256', 'kid': 1}))}",
    "header is a list": lambda forger: f"Bearer {forger.with_header('[]')}",
    "header nested absurdly": lambda forger: f"Bearer {forger.with_header('[' * 3000)}",
    "header with an absurd number": lambda forger: f"Bearer {forger.with_header('9' * 5000)}",
    "tampered payload": lambda forger: f"Bearer {forger.tampered()}",
    "wrong issuer": lambda forger: f"Bearer {forger.by_issuer(iss='https://evil.example')}",
    "issuer with a slash more": lambda forger: f"Bearer {forger.by_issuer(iss=ISSUER + '/')}",
    "issuer in a list": lambda forger: f"Bearer {forger.by_issuer_of_payload({'iss': [ISSUER]})}",
    "no issuer": lambda forger: f"Bearer {forger.by_issuer(iss=None)}",
    "audience of another region": lambda forger: f"Bearer {forger.by_issuer(aud='api://vouch-eastus2')}",
    "audience that starts like ours": lambda forger: f"Bearer {forger.by_issuer(aud=AUDIENCE + '2')}",
    "no audience": lambda forger: f"Bearer {forger.by_issuer(aud=None)}",
    "audience that is no text": lambda forger: f"Bearer {forger.by_issuer(aud=[{'a': AUDIENCE}])}",
    "expired": lambda forger: f"Bearer {forger.by_issuer(exp=forger.later(-LEEWAY_S))}",
    "not yet valid": lambda forger: f"Bearer {forger.by_issuer(nbf=forger.later(LEEWAY_S + 1))}",
    "no exp": lambda forger: f"Bearer {forger.by_issuer(exp=None)}",
    "exp that is text": lambda forger: f"Bearer {forger.by_issuer(exp=str(forger.later(60)))}",
    "exp that is true": lambda forger: f"Bearer {forger.by_issuer(exp=True)}",
    "exp that is endless": lambda forger: f"Bearer {forger.by_issuer(exp=float('inf'))}",
    "exp that is not a number": lambda forger: f"Bearer {forger.by_issuer(exp=float('nan'))}",
    "exp in milliseconds": lambda forger: f"Bearer {forger.by_issuer(exp=forger.later(60) * 1000)}",
    "nbf that is text": lambda forger: f"Bearer {forger.by_issuer(nbf='now')}",
    "nobody": lambda forger: f"Bearer {forger.by_issuer(azp=None)}",
    "caller that is no text": lambda forger: f"Bearer {forger.by_issuer(azp=7)}",
    "caller with a line break": lambda forger: f"Bearer {forger.by_issuer(azp=chr(10).join('ab'))}",
    "caller without end": lambda forger: f"Bearer {forger.by_issuer(azp='a' * 257)}",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_forged_token_is_refused_without_telling_of_it(forge: Forge, forger: Forger, tokens: JwtTokens) -> None:
    authorization = forge(forger)
    for _ in range(2):  # what was refused once is not remembered as good
        with pytest.raises(Unauthenticated) as refused:
            await tokens.authenticate(authorization)
        assert str(refused.value) == "a valid token is required"
        assert refused.value.reason
        secrets = [part for part in (authorization or "").replace(" ", ".").split(".") if len(part) > 8]
        assert not any(secret in refused.value.reason for secret in secrets)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("alg none with some signature", "not signed with RS256"),
        ("HS256 with the public key", "not signed with RS256"),
        ("ES256", "not signed with RS256"),
        ("good key, crit b64", "the header can't be read"),
        ("oversized", "more than 8192 characters"),
        ("own key in jwk", "PyJWT: InvalidSignatureError"),
        ("own address in jku", "the key id is unknown"),
        ("tampered payload", "PyJWT: InvalidSignatureError"),
        ("wrong issuer", "PyJWT: InvalidIssuerError"),
        ("audience of another region", "PyJWT: InvalidAudienceError"),
        ("no exp", "PyJWT: MissingRequiredClaimError"),
        ("exp that is true", "exp is no time"),
        ("nobody", "no claim names the caller"),
    ],
)
async def test_refusal_tells_the_log_why(name: str, reason: str, forger: Forger, tokens: JwtTokens) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await tokens.authenticate(FORGERIES[name](forger))
    assert refused.value.reason == reason


async def test_forgeries_are_made_of_a_token_that_is_good(forger: Forger, tokens: JwtTokens) -> None:
    for good in (forger.good, forger.by_issuer(), forger.by_issuer_of_payload({}), forger.by_issuer_with_header()):
        assert await tokens.authenticate(f"Bearer {good}") == SCORER


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_scheme_is_read_in_any_case(
    scheme: str, issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens
) -> None:
    assert await tokens.authenticate(f"{scheme} {issuer.token(clock)}") == SCORER


@pytest.mark.parametrize(
    ("claims", "caller_id"),
    [
        ({"azp": "app", "appid": "v1", "oid": "person", "sub": "subject"}, "app"),
        ({"azp": None, "appid": "v1", "oid": "person", "sub": "subject"}, "v1"),
        ({"azp": None, "oid": "person", "sub": "subject"}, "person"),
        ({"azp": "", "sub": "subject"}, "subject"),
        ({"azp": "app", "scp": "use", "oid": "person", "sub": "subject"}, "person"),
        ({"azp": "app", "scp": "use", "sub": "subject"}, "subject"),
    ],
)
async def test_caller_is_the_application_else_the_subject(
    claims: dict[str, Any], caller_id: str, issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens
) -> None:
    assert (await tokens.authenticate(f"Bearer {issuer.token(clock, **claims)}")).id == caller_id


@pytest.mark.parametrize(
    ("roles", "known"),
    [
        (["scorer", "auditor"], {"scorer", "auditor"}),
        (["scorer", "Operator", "admin", 7, None, ["operator"]], {"scorer"}),
        ("operator", set()),
        ({"operator": True}, set()),
        ([], set()),
        (None, set()),
    ],
)
async def test_roles_are_known_names_in_a_list(
    roles: object, known: set[str], issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens
) -> None:
    assert (await tokens.authenticate(f"Bearer {issuer.token(clock, roles=roles)}")).roles == known


async def test_audience_among_others_is_ours(issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens) -> None:
    assert await tokens.authenticate(f"Bearer {issuer.token(clock, aud=['api://other', AUDIENCE])}") == SCORER


async def test_token_without_nbf_is_valid(issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens) -> None:
    assert await tokens.authenticate(f"Bearer {issuer.token(clock, nbf=None)}") == SCORER


async def test_token_within_the_leeway_is_valid(issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens) -> None:
    now = clock.now().timestamp()
    early_and_late = issuer.token(clock, nbf=now + LEEWAY_S, exp=now - LEEWAY_S + 1)
    assert await tokens.authenticate(f"Bearer {early_and_late}") == SCORER


async def test_token_of_the_largest_size_is_valid(issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens) -> None:
    authorization = f"Bearer {issuer.token(clock, extra='x' * 5600)}"
    assert 0.9 * MAX_AUTHORIZATION_CHARACTERS < len(authorization) <= MAX_AUTHORIZATION_CHARACTERS
    assert await tokens.authenticate(authorization) == SCORER


async def test_remembered_token_is_refused_once_it_expires(
    issuer: LoopbackIssuer, clock: FakeClock, tokens: JwtTokens
) -> None:
    authorization = f"Bearer {issuer.token(clock, exp=clock.now().timestamp() + 600)}"
    await tokens.authenticate(authorization)
    clock.advance(600 + LEEWAY_S - 1)
    assert await tokens.authenticate(authorization) == SCORER
    clock.advance(1)
    with pytest.raises(Unauthenticated) as refused:
        await tokens.authenticate(authorization)
    assert refused.value.reason == "expired"


async def test_remembered_token_that_is_tampered_with_is_refused(forger: Forger, tokens: JwtTokens) -> None:
    await tokens.authenticate(f"Bearer {forger.good}")
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(f"Bearer {forger.tampered()}")


class CountingKeys:
    """The keys it is given, and how often one was looked up to check a signature."""

    def __init__(self, keys: dict[str, rsa.RSAPublicKey]) -> None:
        self.keys = keys
        self.lookups = 0

    async def current(self) -> dict[str, rsa.RSAPublicKey]:
        return self.keys

    async def containing(self, key_id: str) -> dict[str, rsa.RSAPublicKey]:
        self.lookups += 1
        return self.keys


@pytest.fixture
def counting(key: rsa.RSAPrivateKey) -> CountingKeys:
    return CountingKeys({"k1": key.public_key()})


async def test_token_used_again_is_not_verified_again(
    issuer: LoopbackIssuer, clock: FakeClock, counting: CountingKeys
) -> None:
    tokens = JwtTokens(counting, ISSUER, AUDIENCE, clock)
    authorization = f"Bearer {issuer.token(clock)}"
    assert [await tokens.authenticate(authorization) for _ in range(3)] == [SCORER] * 3
    assert counting.lookups == 1


async def test_remembered_token_whose_key_is_withdrawn_is_refused(
    issuer: LoopbackIssuer, clock: FakeClock, counting: CountingKeys, other_key: rsa.RSAPrivateKey
) -> None:
    tokens = JwtTokens(counting, ISSUER, AUDIENCE, clock)
    authorization = f"Bearer {issuer.token(clock)}"
    await tokens.authenticate(authorization)
    counting.keys = {"k1": other_key.public_key()}
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(authorization)


async def test_remembered_tokens_are_bounded_and_the_one_used_longest_ago_goes_first(
    issuer: LoopbackIssuer, clock: FakeClock, counting: CountingKeys
) -> None:
    tokens = JwtTokens(counting, ISSUER, AUDIENCE, clock)
    first, second = (f"Bearer {issuer.token(clock, jti=name)}" for name in ("first", "second"))
    await tokens.authenticate(first)
    await tokens.authenticate(second)
    for number in range(REMEMBERED_TOKENS - 1):
        await tokens.authenticate(f"Bearer {issuer.token(clock, jti=str(number))}")
        await tokens.authenticate(first)
    assert counting.lookups == REMEMBERED_TOKENS + 1
    await tokens.authenticate(second)
    assert counting.lookups == REMEMBERED_TOKENS + 2
