"""The durable part of the host: the engine with its file, and its endpoints in front of the app's own routes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl

from local.durable.engine import Engine
from local.durable.functions import DURABLE_TRIGGERS, gather_functions
from local.durable.links import WEBHOOKS, Links
from local.durable.management import Call, Management, Reply
from local.durable.settings import DurableSettings
from local.durable.store import Store
from local.durable.ticks import system_ticks
from local.indexing import IndexedFunction
from local.invocations import Invoker


class DurableHost:
    """Starts and stops with the host; `takes` says which requests are for it."""

    def __init__(
        self,
        functions: Sequence[IndexedFunction],
        invoke: Invoker,
        settings: DurableSettings,
        file: Path,
        return_delay_s: float,
    ) -> None:
        self._functions, self._settings = gather_functions(functions, invoke), settings
        self._file, self._return_delay_s = file, return_delay_s
        self._key = secrets.token_urlsafe(24)

    def start(self, port: int) -> None:
        """Open the file and begin, on the running loop."""
        self.links = Links(port, self._settings.hub, self._key)
        self._store = Store(self._file)
        self._engine = Engine(self._store, self._functions, self._settings, self._return_delay_s)
        self._management = Management(self._store, self._settings, self.links, self._engine.wake, system_ticks)
        self._engine.start()

    async def stop(self) -> None:
        """Stop and close the file."""
        await self._engine.stop()
        self._store.close()

    def binding(self) -> str:
        """What a durable client binding is given."""
        return self.links.binding()

    def takes(self, path: str) -> bool:
        """True for the endpoints' paths."""
        return path.startswith((self.links.rpc_path, f"/{WEBHOOKS}/"))

    def answer(self, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a request; from outside it needs the key."""
        parameters = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        base = self.links.rpc_path
        if not path.startswith(base):
            base = f"/{WEBHOOKS}/"
            if not secrets.compare_digest(parameters.get("code", "").encode(), self._key.encode()):
                return Reply(401)
        segments = path.removeprefix(base).split("/")
        origin = f"http://{headers.get('host', '')}"
        return self._management.answer(
            Call(method, segments, parameters, body, headers.get("content-type", ""), origin)
        )


def is_durable(functions: Sequence[IndexedFunction]) -> bool:
    """True where an app needs a durable host at all."""
    return any(function.trigger_type in DURABLE_TRIGGERS or function.clients for function in functions)
