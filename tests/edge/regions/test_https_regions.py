"""What is read of a region that gives no whole answer: what came instead, what to see to, and nothing internal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from adapters.https_regions import HttpsRegions, TokenUnavailable
from flows.ports import RegionUnreachable
from tests.edge.conftest import free_port
from tests.unit.flows.trail import REGION

TIMEOUT_S, PATIENCE_S = 0.3, 10.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Token:
    async def token_for(self, audience: str) -> str:
        return "a-token"


class NoToken:
    async def token_for(self, audience: str) -> str:
        raise TokenUnavailable("the managed identity got no token")


async def ask(port: int, tokens: Token | NoToken | None = None) -> str:
    """What is said of the region on this port."""
    region = replace(REGION, base_url=f"http://127.0.0.1:{port}")
    call = HttpsRegions({region.name: region}, tokens or Token(), TIMEOUT_S)
    try:
        with pytest.raises(RegionUnreachable) as told:
            await call(region.name, "GET", "/api/v1/releases/deal-fraud")
    finally:
        await call.close()
    return str(told.value)


async def ask_one_that(serve: Serve) -> str:
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        said = await ask(server.sockets[0].getsockname()[1])
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        return said


async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


async def be_a_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
    await writer.drain()


async def test_region_that_is_down_is_told() -> None:
    assert await ask(free_port()) == "the region can't be connected to: see that its app runs"


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (be_silent, "the region did not answer in 0.3 s: see that its app runs"),
        (hang_up, "the region broke off its answer (ClientPayloadError): see that its app runs"),
        (be_a_page, "the region answered with no JSON object: see what stands at its URL in its place"),
    ],
)
async def test_region_that_gives_no_whole_answer_is_told(serve: Serve, said: str) -> None:
    assert await ask_one_that(serve) == said


async def test_token_that_cannot_be_had_is_told_as_what_it_is() -> None:
    assert await ask(free_port(), NoToken()) == "the managed identity got no token"
