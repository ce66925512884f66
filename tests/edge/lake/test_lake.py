"""The lake on real blob storage: written once, in parts, listed in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_lake import READ_BYTES, BlobsLake
from adapters.blobs_rest import VERSION
from flows.errors import Archived, StorageFailed
from flows.ports import Span

NAME = "audit/decisions/v1/region=westeurope/year=2026/month=11/day=23/hour=21/20261123T210000Z-9f3a.jsonl.gz"


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
    lake = BlobsLake(connected.blobs, AskLimits(deadline_s=0.2, attempt_s=0.1))
    with pytest.raises(StorageFailed, match="did not answer"):
        await lake.read(NAME)
    await connected.close()


async def test_span_of_a_file_says_how_much_there_is(lake: BlobsLake) -> None:
    await lake.create(NAME, bytes(range(100)))
    assert await lake.read_span(NAME, 10, 5) == Span(bytes(range(10, 15)), 100)
    assert await lake.read_span(NAME, 90, 50) == Span(bytes(range(90, 100)), 100)
    assert await lake.read_span(NAME, 100, 5) == Span(b"", 100)
    assert await lake.read_span("audit/none", 0, 5) is None
    await lake.create("audit/empty", b"")
    assert await lake.read_span("audit/empty", 0, 5) == Span(b"", 0)


async def test_list_goes_on_where_a_page_ended(lake: BlobsLake) -> None:
    for number in range(5):
        await lake.create(f"audit/{number}", b"x")
    found, after = [], ""
    while True:
        page = await lake.list_page("audit/", after, 2)
        found.append([file.name for file in page.files])
        after = page.next
        if not after:
            break
    assert found == [["audit/0", "audit/1"], ["audit/2", "audit/3"], ["audit/4"]]


async def test_file_in_an_offline_tier_says_where_it_lies(lake: BlobsLake, storage: AzureStorage) -> None:
    await lake.create(NAME, b"content")
    path = f"/lake/{quote(NAME)}?comp=tier"
    answer = await storage.blobs.request("PUT", path, {**VERSION, "x-ms-access-tier": "Archive"}, timeout_s=10)
    assert answer.status in {200, 202}
    with pytest.raises(Archived, match=f"lake/{NAME} lies in the archive tier"):
        await lake.read(NAME)
    with pytest.raises(Archived):
        await lake.read_span(NAME, 0, 5)
    with pytest.raises(Archived):
        [piece async for piece in lake.stream(NAME)]
    assert [file.size async for file in lake.list("audit/")] == [7]
