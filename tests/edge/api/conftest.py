"""The app as `function_app.py` composes it: workers of one region over real storage, and the issuer of its callers."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.env_settings import Settings, read_settings
from adapters.file_vault import create_vault
from local.issuer import Issuer, jwks_url, open_issuer, serve_issuer
from local.plan import make_plan
from tests.edge.conftest import free_port
from triggers.edge import Edge, Handler


class Worker:
    """One process's worth of the app: composed anew, as a fresh instance would be."""

    def __init__(self, module: Any, settings: Settings) -> None:
        self.storage: AzureStorage = module.connect_storage(settings)
        self.edge: Edge = module.build_edge(settings, self.storage)
        app = module.build_app(self.edge, settings)
        self._handlers: dict[str, Handler] = {
            built.get_function_name(): built.get_user_function() for built in app.get_functions()
        }

    async def send(
        self, name: str, token: str, body: object = None, parameters: Mapping[str, str] | None = None, **headers: str
    ) -> func.HttpResponse:
        """Call a function as the host does."""
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        raw = b"" if body is None else json.dumps(body).encode()
        request = func.HttpRequest(
            method="POST", url="/", headers=sent, params={}, route_params=dict(parameters or {}), body=raw
        )
        return await self._handlers[name](request)

    async def stop(self) -> None:
        await self.edge.service.stop()
        await self.storage.close()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return open_issuer(make_plan(tmp_path, free_port()))


@pytest.fixture
def serving(issuer: Issuer) -> Iterator[ThreadingHTTPServer]:
    server = serve_issuer(issuer)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
async def compose(issuer: Issuer, connection_string: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Composes a worker from the environment and the vault that the local system would give it, with these changes."""
    create_vault(issuer.plan.vault_folder("westeurope"))
    environment = {
        "VOUCH_REGION": "westeurope",
        "VOUCH_STORAGE_CONNECTION": connection_string,
        "VOUCH_ISSUER": issuer.plan.issuer,
        "VOUCH_JWKS_URL": jwks_url(issuer.plan),
        "VOUCH_HMAC_KEY": "ab" * 32,
        "VOUCH_VAULT_FOLDER": str(issuer.plan.vault_folder("westeurope")),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("function_app", None)
    module = importlib.import_module("function_app")
    workers: list[Worker] = []
    opened: list[AzureStorage] = []

    def connect(connection: str) -> AzureStorage:
        """What the app opens for the life of its process is closed after the test."""
        opened.append(connect_by_string(connection))
        return opened[-1]

    monkeypatch.setattr(module, "connect_by_string", connect)

    def make(**changes: str) -> Worker:
        workers.append(Worker(module, read_settings({**environment, **changes})))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.stop()
    for storage in opened:
        await storage.close()
    sys.modules.pop("function_app", None)
    gc.unfreeze()


def token(issuer: Issuer, role: str) -> str:
    return issuer.mint(int(time.time()), role)
