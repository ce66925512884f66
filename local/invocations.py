"""Calls a function as the worker does: coroutines on the one loop, plain functions in a thread pool."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from azure.functions import Context

from local.indexing import IndexedFunction


class InvocationContext(Context):
    """What a function with a `context` parameter is given."""

    def __init__(self, function_name: str, function_directory: str, traceparent: str = "") -> None:
        self._function_name = function_name
        self._function_directory = function_directory
        self._traceparent = traceparent
        self._invocation_id = str(uuid.uuid4())

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        return threading.local

    @property
    def function_name(self) -> str:
        return self._function_name

    @property
    def function_directory(self) -> str:
        return self._function_directory

    @property
    def trace_context(self) -> Any:
        return SimpleNamespace(trace_parent=self._traceparent, trace_state="", attributes={})

    @property
    def retry_context(self) -> Any:
        return None


@dataclass(frozen=True, slots=True)
class Invoker:
    """Calls functions. `folder` is the app's; `threads` run the functions that are not coroutines; `client` gives what
    durable client bindings are given."""

    folder: str
    threads: ThreadPoolExecutor
    client: Callable[[], str] | None = None

    async def __call__(self, function: IndexedFunction, argument: object, traceparent: str = "") -> Any:
        """The function's result. Raises whatever it raises."""
        arguments: dict[str, object] = {function.trigger.name: argument}
        if function.clients and self.client is not None:
            arguments |= dict.fromkeys(function.clients, self.client())
        if "context" in function.parameters and function.trigger.name != "context":
            arguments["context"] = InvocationContext(function.name, self.folder, traceparent)
        if function.is_async:
            return await function.call(**arguments)
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: function.call(**arguments))
