"""The lake on real blob storage: written once, in parts, listed in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_lake import READ_BYTES, BlobsLake
from adapters.blobs_rest import BlobLimits
from flows.errors import StorageFailed

NAME = "audit/decisions/v1/region=westeurope/year=2026/month=11/day=23/hour=21/20261123T210000Z-9f3a.jsonl.gz"


@pytest.fixture
async def storage(connection_string: str) -> AsyncIterator[AzureStorage]:
    connected = connect_by_string(connection_string)
    yield connected
    await connected.close()


@pytest.fixture
def lake(storage: AzureStorage) -> BlobsLake:
    return BlobsLake(storage.blobs)


async def parts(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        await asyncio.sleep(0)
        yield content


async def names(lake: BlobsLake, prefix: str) -> list[str]:
    return [file.name async for file in lake.list(prefix)]


async def test_lake_that_holds_nothing_lists_and_reads_nothing(lake: BlobsLake) -> None:
    assert await names(lake, "") == []
    assert await lake.read(NAME) is None
    assert [piece async for piece in lake.stream(NAME)] == []


async def test_file_is_written_once_and_stays_as_it_was(lake: BlobsLake) -> None:
    assert await lake.create(NAME, b"first")
    assert not await lake.create(NAME, b"second")
    assert not await lake.create_from(NAME, parts(b"third"))
    assert await lake.read(NAME) == b"first"


async def test_file_written_in_parts_is_their_bytes_in_order(lake: BlobsLake) -> None:
    assert await lake.create_from(NAME, parts(b"a" * 10, b"b" * 10, b"c"))
    assert await lake.read(NAME) == b"a" * 10 + b"b" * 10 + b"c"


async def test_file_of_no_parts_is_empty(lake: BlobsLake) -> None:
    assert await lake.create_from(NAME, parts())
    assert await lake.read(NAME) == b""


async def test_two_who_write_one_file_at_once_leave_one_of_the_two(lake: BlobsLake) -> None:
    contents = [[bytes([writer + 65]) * 1000] * 5 for writer in range(4)]
    won = await asyncio.gather(*(lake.create_from(NAME, parts(*content)) for content in contents))
    assert won.count(True) == 1
    assert await lake.read(NAME) == b"".join(contents[won.index(True)])


async def test_parts_cut_off_leave_no_file(lake: BlobsLake) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"a"
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        await lake.create_from(NAME, breaking())
    assert await lake.read(NAME) is None
    assert await names(lake, "audit/") == []
    assert await lake.create_from(NAME, parts(b"whole"))
    assert await lake.read(NAME) == b"whole"


async def test_stream_gives_a_large_file_in_pieces_from_any_byte(lake: BlobsLake) -> None:
    content = bytes(range(256)) * (READ_BYTES // 256) + b"end"
    await lake.create_from(NAME, parts(content[:READ_BYTES], content[READ_BYTES:]))
    assert [len(piece) async for piece in lake.stream(NAME)] == [READ_BYTES, 3]
    assert b"".join([piece async for piece in lake.stream(NAME, READ_BYTES - 2)]) == content[READ_BYTES - 2 :]
    assert [piece async for piece in lake.stream(NAME, len(content))] == []


async def test_files_are_listed_by_prefix_in_order_with_their_sizes(lake: BlobsLake) -> None:
    for name in ("b/2", "a/1 & é", "b/1"):
        await lake.create(name, name.encode())
    assert await names(lake, "b/") == ["b/1", "b/2"]
    assert [(file.name, file.size) async for file in lake.list("a")] == [("a/1 & é", 8)]


async def test_storage_that_does_not_answer_fails_at_the_deadline() -> None:
    connected = connect_by_string(
        "AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a;BlobEndpoint=http://127.0.0.1:9/a"
    )
    lake = BlobsLake(connected.blobs, BlobLimits(deadline_s=0.2, attempt_s=0.1))
    with pytest.raises(StorageFailed, match="did not answer"):
        await lake.read(NAME)
    await connected.close()
