"""One Azurite for the whole edge session; every test that asks for `connection_string` gets an account of its own."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.azure_storage import AzureStorage, connect_by_string
from local.azurite import Azurite, start_azurite
from tests.edge.ledger.proxy import Proxy

ACCOUNTS = tuple(f"edge{number:03}" for number in range(600))
_next_account = itertools.count()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    started = start_azurite(ACCOUNTS, tmp_path_factory.mktemp("azurite"), (free_port(), free_port(), free_port()))
    yield started
    started.stop()


def take_account() -> str:
    """The name of a storage account that nobody else has taken."""
    return ACCOUNTS[next(_next_account)]


@pytest.fixture
def account() -> str:
    """The name of a storage account that no other test uses."""
    return take_account()


@pytest.fixture
def connection_string(azurite: Azurite, account: str) -> str:
    """How to reach that account."""
    return azurite.connection_string(account)


@pytest.fixture
async def proxy(azurite: Azurite) -> AsyncIterator[Proxy]:
    started = Proxy(azurite.table_port)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def proxied(azurite: Azurite, account: str, proxy: Proxy) -> str:
    """The account's connection string by way of the proxy."""
    return azurite.connection_string(account, table_port=proxy.port)


@pytest.fixture
async def storage(connection_string: str) -> AsyncIterator[AzureStorage]:
    """That account, opened."""
    connected = connect_by_string(connection_string)
    yield connected
    await connected.close()


@pytest.fixture
async def proxied_storage(proxied: str) -> AsyncIterator[AzureStorage]:
    """The same by way of the proxy."""
    connected = connect_by_string(proxied)
    yield connected
    await connected.close()
