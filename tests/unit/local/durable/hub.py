"""A task hub in this process: the real engine, store and library over a few functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import azure.durable_functions as df

from local.durable.engine import Engine
from local.durable.functions import DURABLE_TRIGGERS, gather_functions
from local.durable.links import Links
from local.durable.management import Call, Management, Reply
from local.durable.settings import DurableSettings
from local.durable.store import Store
from local.durable.ticks import system_ticks
from local.indexing import index_functions
from local.invocations import Invoker

Function = Callable[..., Any]
DEADLINE_S = 20.0


class Hub:
    """Use it as an async context manager; `calls` are management calls, as the library makes them."""

    def __init__(
        self,
        file: Path,
        *,
        orchestrators: Sequence[Function] = (),
        activities: Sequence[Function] = (),
        entities: Sequence[Function] = (),
        settings: DurableSettings | None = None,
        return_delay_s: float = 0.2,
    ) -> None:
        app = df.DFApp()
        for function in orchestrators:
            app.orchestration_trigger(context_name="context")(function)
        for function in activities:
            app.activity_trigger(input_name="x")(function)
        for function in entities:
            app.entity_trigger(context_name="context")(function)
        settings = settings or DurableSettings(default_version="1.0")
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="hub")
        functions = gather_functions(index_functions(app, DURABLE_TRIGGERS), Invoker(str(file.parent), self.threads))
        self.store = Store(file)
        self.engine = Engine(self.store, functions, settings, return_delay_s)
        self.management = Management(self.store, settings, Links(1, "hub", "key"), self.engine.wake, system_ticks)

    async def __aenter__(self) -> Hub:
        self.engine.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.engine.stop()
        self.threads.shutdown()
        self.store.close()

    def call(self, method: str, path: str, body: object = None, **query: str) -> Reply:
        """One management call; a body is sent as the library sends it."""
        sent = b"" if body is None else json.dumps(body).encode()
        return self.management.answer(
            Call(method, path.split("/"), query, sent, "application/json", "http://127.0.0.1:1")
        )

    def start(self, name: str, instance_id: str, client_input: object = None, **query: str) -> None:
        body = None if client_input is None else json.dumps(client_input)
        reply = self.call("POST", f"orchestrators/{name}/{instance_id}", body, **query)
        assert reply.status == 202, reply

    def raise_event(self, instance_id: str, name: str, value: object = None) -> None:
        assert self.call("POST", f"instances/{instance_id}/raiseEvent/{name}", json.dumps(value)).status == 202

    def status(self, instance_id: str) -> dict[str, Any]:
        reply = self.call("GET", f"instances/{instance_id}")
        status: dict[str, Any] = json.loads(reply.body or "{}")
        return status

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def end_of(self, instance_id: str) -> tuple[str, object]:
        """The final status and output."""
        finals = ("Completed", "Failed", "Terminated")
        await self.until(lambda: self.status(instance_id).get("runtimeStatus") in finals)
        status = self.status(instance_id)
        return status["runtimeStatus"], status["output"]

    async def settled(self, instance_id: str, status: str = "Running") -> None:
        """Wait until the instance has that status and nothing is due for it."""
        await self.until(
            lambda: (
                self.status(instance_id).get("runtimeStatus") == status
                and instance_id not in self.store.due_instances(system_ticks(), 1000)
            )
        )
