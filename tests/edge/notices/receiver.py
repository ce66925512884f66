"""Somebody who is told: a real HTTP server that takes notices, refuses them, or lets the caller wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """`statuses` are answered in order, then 204. While `is_silent`, nothing is answered at all."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    is_silent: bool = False
    taken: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    tries: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        body = await request.read()
        if self.is_silent:
            await asyncio.Event().wait()
        status = self.statuses.pop(0) if self.statuses else 204
        if 200 <= status < 300:
            self.taken.append((request.headers, body))
        headers = {"Location": self.url} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """Listens on a free port until the end of the block."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hooks/{secret}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hooks/an-address-that-is-secret"
    try:
        yield receiver
    finally:
        await runner.cleanup()
