"""Documents in blobs."""

from __future__ import annotations

import asyncio

import pytest

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_documents import BlobsDocuments
from flows.errors import StorageFailed
from tests.edge.conftest import free_port


@pytest.fixture
def documents(storage: AzureStorage) -> BlobsDocuments:
    return BlobsDocuments(storage)


async def test_document_that_was_never_written_is_none(documents: BlobsDocuments) -> None:
    assert await documents.read("jwks/issuer.json") is None


async def test_last_write_of_a_document_stands(documents: BlobsDocuments) -> None:
    await documents.write("jwks/an issuer.json", b'{"keys": []}')
    await documents.write("jwks/an issuer.json", '{"keys": ["é"]}'.encode())
    assert await documents.read("jwks/an issuer.json") == '{"keys": ["é"]}'.encode()
    assert await documents.read("jwks/other.json") is None


async def test_first_writes_at_once_all_succeed(documents: BlobsDocuments) -> None:
    await asyncio.gather(*(documents.write(f"{number}.json", b"{}") for number in range(5)))
    assert await documents.read("4.json") == b"{}"


async def test_blob_storage_that_is_gone_is_told(connection_string: str) -> None:
    storage = connect_by_string(
        connection_string.replace("BlobEndpoint=", f"BlobEndpoint=http://127.0.0.1:{free_port()}/x#")
    )
    with pytest.raises(StorageFailed):
        await BlobsDocuments(storage).read("a.json")
    await storage.close()


async def test_wrong_account_key_is_told(connection_string: str) -> None:
    forged = connection_string.replace("AccountKey=", "AccountKey=AAAA")
    storage = connect_by_string(forged)
    with pytest.raises(StorageFailed, match="403"):
        await BlobsDocuments(storage).write("a.json", b"{}")
    await storage.close()


def test_incomplete_connection_string_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="AccountKey, TableEndpoint"):
        connect_by_string("AccountName=one;BlobEndpoint=http://127.0.0.1:1/one")
