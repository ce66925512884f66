"""Tokens of a managed identity: kept, renewed in time, and missed aloud."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from adapters.azure_signing import SCOPE, IdentitySigner, SigningFailed
from adapters.azure_storage import StorageService, Unanswered


class NoToken(Exception):
    """What the credential raises."""


@dataclass
class Token:
    token: str
    expires_on: float


@dataclass
class Credential:
    """Gives its tokens one after another, then fails."""

    tokens: list[Token]
    asked: list[str] = field(default_factory=list)
    is_closed: bool = False

    async def get_token(self, scope: str) -> Token:
        self.asked.append(scope)
        if not self.tokens:
            raise NoToken("the identity endpoint is down")
        return self.tokens.pop(0)

    async def close(self) -> None:
        self.is_closed = True


def in_seconds(seconds: float, name: str = "first") -> Token:
    return Token(name, time.time() + seconds)


async def bearer(signer: IdentitySigner) -> str:
    return (await signer.sign("GET", "https://account/table", {}, b""))["Authorization"]


async def test_token_is_asked_for_once_and_kept() -> None:
    credential = Credential([in_seconds(3_600)])
    signer = IdentitySigner(credential, (NoToken,))
    assert [await bearer(signer) for _ in range(3)] == ["Bearer first"] * 3
    assert credential.asked == [SCOPE]


async def test_token_is_renewed_before_it_runs_out() -> None:
    signer = IdentitySigner(Credential([in_seconds(200), in_seconds(3_600, "second")]), (NoToken,))
    assert [await bearer(signer) for _ in range(2)] == ["Bearer first", "Bearer second"]


async def test_last_token_serves_while_no_new_one_can_be_had() -> None:
    signer = IdentitySigner(Credential([in_seconds(200)]), (NoToken,))
    assert [await bearer(signer) for _ in range(2)] == ["Bearer first"] * 2


async def test_without_a_token_nothing_is_sent() -> None:
    signer = IdentitySigner(Credential([]), (NoToken,))
    with pytest.raises(SigningFailed):
        await bearer(signer)
    service = StorageService("http://127.0.0.1:1", signer)
    with pytest.raises(Unanswered) as raised:
        await service.request("GET", "/ledger", {}, timeout_s=1.0)
    assert raised.value.unsent


async def test_closing_the_service_closes_the_credential() -> None:
    credential = Credential([])
    await StorageService("http://127.0.0.1:1", IdentitySigner(credential, (NoToken,))).close()
    assert credential.is_closed
