"""Keys, a clock and an issuer for the tests of tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes import FakeClock
from tests.unit.adapters.loopback_issuer import LoopbackIssuer, MemoryDocuments, new_key


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    """The issuer's key."""
    return new_key()


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    """A key that is the issuer's only where a test says so."""
    return new_key()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
async def issuer(key: rsa.RSAPrivateKey) -> AsyncIterator[LoopbackIssuer]:
    issuer = LoopbackIssuer({"k1": key})
    await issuer.start()
    yield issuer
    await issuer.stop()
