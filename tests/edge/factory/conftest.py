"""A region's lake and its platform's bronze on one Azurite, and a runner between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_storage import StorageService, connect_by_string
from adapters.blobs_lake import BlobsLake
from adapters.blobs_rest import Container
from local.azurite import Azurite
from tests.desk import Desk
from tests.edge.conftest import take_account
from tests.factory.definitions import Factory, load_factory
from tests.factory.outside import AzureOutside, Clock
from tests.factory.runs import Run, Runner

LAKE, BRONZE, STAGING = "lake", "bronze", "gold"
AUDIENCE = "api://vouch-westeurope"
HOUR_OF = "2026-11-23T{:02}:00:00Z"


@dataclass
class Ground:
    """The two accounts, and everything that a run needs."""

    lake_account: StorageService
    platform_account: StorageService
    clock: Clock = field(default_factory=Clock)
    factory: Factory = field(default_factory=load_factory)
    tokens: dict[str, str] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """The factory's global parameters, with this ground's accounts."""
        declared = {name: value["value"] for name, value in self.factory.global_parameters.items()}
        urls = {"lake_url": self.lake_account.base_url, "platform_url": self.platform_account.base_url}
        return declared | urls | self.changed

    async def run(self, pipeline: str, **parameters: Any) -> Run:
        outside = AzureOutside([self.lake_account, self.platform_account], self.tokens)
        return await Runner(self.factory, outside, self.clock, self.settings).run(pipeline, **parameters)

    async def ingest(self, hour: int, **parameters: Any) -> Run:
        """Run `ingest_audit` for the window that starts at this hour of the lakes' day."""
        return await self.run("ingest_audit", window_start=HOUR_OF.format(hour), **parameters)

    async def fill(self, files: Mapping[str, bytes], container: str = LAKE) -> None:
        """Write files into the lake, or into a container of the platform."""
        for name, content in files.items():
            await self._container(container).write(name, content)

    async def content(self, container: str = BRONZE) -> dict[str, bytes]:
        """All that a container holds."""
        inside = self._container(container)
        return {name: await inside.read(name) or b"" async for name, _ in inside.list("")}

    def _container(self, name: str) -> Container:
        return Container(self.lake_account if name == LAKE else self.platform_account, name)


@pytest.fixture
async def ground(azurite: Azurite) -> AsyncIterator[Ground]:
    lake, platform = (connect_by_string(azurite.connection_string(take_account())) for _ in range(2))
    yield Ground(lake.blobs, platform.blobs)
    await lake.close()
    await platform.close()


@pytest.fixture
async def desk(ground: Ground) -> AsyncIterator[Desk]:
    """The region's app, served on loopback; the factory's identity has the role that delivers."""
    region = Desk(lake=BlobsLake(ground.lake_account))  # type: ignore[arg-type]

    async def answer(request: web.Request) -> web.Response:
        roles = request.headers.get("Authorization", "").removeprefix("Bearer ") or None
        response = await region.send(request.method, request.path_qs, await request.read(), roles)
        return web.Response(body=response.get_body(), status=response.status_code, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ground.changed = {"api_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    ground.tokens[AUDIENCE] = "deliverer"
    yield region
    await runner.cleanup()
