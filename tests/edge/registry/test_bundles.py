"""Versions in real blob storage: created once, checked when read, half-published ones invisible."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_bundles import BlobsBundles
from adapters.blobs_rest import CREATE_ONLY, VERSION
from flows.errors import StorageFailed, Superseded

FILES = {"manifest.json": b'{"a": 1}', "model.txt": b"tree\n" * 500_000}


@pytest.fixture
def bundles(storage: AzureStorage) -> BlobsBundles:
    return BlobsBundles(storage.blobs, "registry")


async def test_version_is_read_back_as_it_was_written(bundles: BlobsBundles) -> None:
    assert await bundles.find("models", "deal-fraud", "1.0.0") is None
    assert await bundles.list("models") == []
    await bundles.write("models", "deal-fraud", "1.0.0", FILES, "sha256:one")
    kept = await bundles.find("models", "deal-fraud", "1.0.0")
    assert kept is not None
    assert kept.digest == "sha256:one"
    assert await bundles.read(kept) == FILES
    assert await bundles.list("models") == [("deal-fraud", "1.0.0")]


async def test_same_version_again_is_harmless_and_another_one_is_refused(bundles: BlobsBundles) -> None:
    await bundles.write("models", "deal-fraud", "1.0.0", FILES, "sha256:one")
    await bundles.write("models", "deal-fraud", "1.0.0", FILES, "sha256:one")
    with pytest.raises(Superseded):
        await bundles.write("models", "deal-fraud", "1.0.0", FILES | {"CARD.md": b"x"}, "sha256:two")
    kept = await bundles.find("models", "deal-fraud", "1.0.0")
    assert kept is not None
    assert await bundles.read(kept) == FILES


async def test_of_publishers_at_once_one_wins(bundles: BlobsBundles) -> None:
    answers = await asyncio.gather(
        *(bundles.write("models", "m", "1", {"file": f"{number}".encode()}, f"sha256:{number}") for number in range(6)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if answer is not None] == [Superseded] * 5
    kept = await bundles.find("models", "m", "1")
    assert kept is not None
    assert await bundles.read(kept) == {"file": f"{answers.index(None)}".encode()}


async def test_version_that_is_only_half_there_is_not_seen_and_can_be_written(
    bundles: BlobsBundles, storage: AzureStorage
) -> None:
    await bundles.write("models", "other", "1", {"file": b"x"}, "sha256:x")
    half = hashlib.sha256(FILES["model.txt"]).hexdigest()
    headers = {**VERSION, **CREATE_ONLY, "x-ms-blob-type": "BlockBlob"}
    await storage.blobs.request("PUT", f"/registry/sha256/{half}", headers, FILES["model.txt"], timeout_s=5)
    assert await bundles.find("models", "deal-fraud", "1.0.0") is None
    await bundles.write("models", "deal-fraud", "1.0.0", FILES, "sha256:one")
    assert await bundles.list("models") == [("deal-fraud", "1.0.0"), ("other", "1")]


async def test_damaged_file_is_no_version(bundles: BlobsBundles, storage: AzureStorage) -> None:
    await bundles.write("models", "deal-fraud", "1.0.0", FILES, "sha256:one")
    name = hashlib.sha256(FILES["model.txt"]).hexdigest()
    headers = {**VERSION, "x-ms-blob-type": "BlockBlob"}
    await storage.blobs.request("PUT", f"/registry/sha256/{name}", headers, b"something else", timeout_s=5)
    kept = await bundles.find("models", "deal-fraud", "1.0.0")
    assert kept is not None
    with pytest.raises(StorageFailed, match="damaged"):
        await bundles.read(kept)


async def test_storage_that_is_gone_is_told() -> None:
    text = "AccountName=none;AccountKey=bm9uZQ==;TableEndpoint=http://127.0.0.1:1;BlobEndpoint=http://127.0.0.1:1"
    storage = connect_by_string(text)
    with pytest.raises(StorageFailed):
        await BlobsBundles(storage.blobs, "registry", AskLimits(0.5, 0.5)).find("models", "m", "1")
    await storage.close()
