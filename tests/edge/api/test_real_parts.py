"""The app as `function_app.py` composes it, over real Tables and Blobs (Azurite) and a real issuer on loopback."""

from __future__ import annotations

import asyncio
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

from adapters.azure_storage import AzureStorage
from adapters.blobs_documents import BlobsDocuments
from adapters.env_settings import Settings, read_settings
from adapters.file_vault import create_vault
from adapters.jwt_keys import DOCUMENT
from local.issuer import Issuer, jwks_url, open_issuer, serve_issuer
from local.plan import make_plan
from tests.desk import golden_deal, read
from tests.edge.conftest import free_port
from triggers.edge import Edge, Handler
from triggers.endpoints import READ_DECISION, SCORE

KEPT_SECONDS = 10.0


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
    """Composes a worker from the environment and the vault that the local system would give it."""
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

    def make() -> Worker:
        workers.append(Worker(module, read_settings(environment)))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.stop()
    sys.modules.pop("function_app", None)
    gc.unfreeze()


async def wait_until_kept(worker: Worker) -> None:
    """The keys are written to storage in the background, after the first answer."""
    documents = BlobsDocuments(worker.storage)
    deadline = time.monotonic() + KEPT_SECONDS
    while await documents.read(DOCUMENT) is None:
        assert time.monotonic() < deadline, "the keys were not kept"
        await asyncio.sleep(0.02)


def token(issuer: Issuer, role: str) -> str:
    return issuer.mint(int(time.time()), role)


@pytest.mark.usefixtures("serving")
async def test_decision_scored_is_read_back_by_another_worker(compose: Any, issuer: Issuer) -> None:
    scored = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert scored.status_code == 200, scored.get_body()
    decision = read(scored)
    parameters = {"decision_id": decision["decision_id"]}
    found = await compose().send(READ_DECISION.name, token(issuer, "auditor"), parameters=parameters)
    assert read(found)["record_digest"] == decision["record_digest"]


@pytest.mark.usefixtures("serving")
async def test_same_key_at_two_workers_is_one_decision(compose: Any, issuer: Issuer) -> None:
    sent = {"idempotency_key": "k-1"}
    first = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal(), **sent)
    again = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal(), **sent)
    assert read(again) == read(first)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_fresh_worker_checks_tokens_while_the_issuer_is_down(
    compose: Any, issuer: Issuer, serving: ThreadingHTTPServer
) -> None:
    first = compose()
    assert (await first.send(SCORE.name, token(issuer, "scorer"), golden_deal())).status_code == 200
    await wait_until_kept(first)
    serving.shutdown()
    serving.server_close()
    answer = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert answer.status_code == 200, answer.get_body()


async def test_worker_without_any_keys_says_so_and_not_that_the_token_is_wrong(compose: Any, issuer: Issuer) -> None:
    answer = await compose().send(SCORE.name, token(issuer, "scorer"), golden_deal())
    assert answer.status_code == 503
    assert read(answer)["type"].endswith("keys-unavailable")


@pytest.mark.usefixtures("compose")
def test_what_the_start_made_is_kept_out_of_later_collections() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
