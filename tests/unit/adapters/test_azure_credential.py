"""The identity that is asked for is the one that the settings name, as App Service's own endpoint hears it."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from adapters.azure_credential import open_credential

SCOPE = "https://storage.azure.com/.default"


@pytest.mark.parametrize("client_id", ["", "00000000-1111-2222-3333-444444444444"])
async def test_token_is_asked_for_of_the_identity_that_is_named(
    monkeypatch: pytest.MonkeyPatch, client_id: str
) -> None:
    asked: list[dict[str, list[str]]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(parse_qs(urlsplit(str(request.url)).query))
        expires_on = str(int(time.time()) + 3600)
        return web.json_response({"access_token": "t", "expires_on": expires_on, "resource": "r", "token_type": "B"})

    app = web.Application()
    app.router.add_get("/msi", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    credential = open_credential(client_id)
    try:
        token = await credential.get_token(SCOPE)
    finally:
        await credential.close()
        await runner.cleanup()
    assert token.token == "t"
    assert [question.get("client_id", [""])[0] for question in asked] == [client_id]
