"""The recorded app again, with the same recorder around the library: one JSON line for each thing the host said."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HISTORIES = Path(__file__).resolve().parent.parent / "histories"
RECORD = Path(os.environ["RECORD_FILE"])


def write(**record: object) -> None:
    with RECORD.open("a") as out:
        out.write(json.dumps(record) + "\n")


def record_calls(verb: str, call: Callable[..., Awaitable[list[Any]]]) -> Callable[..., Awaitable[list[Any]]]:
    @functools.wraps(call)
    async def recorded(url: str, *args: Any, **kwargs: Any) -> list[Any]:
        status, answer = await call(url, *args, **kwargs)
        body = args[0] if args and verb == "post" else None
        write(kind="management", verb=verb, url=url, body=repr(body), status=status, answer=answer)
        return [status, answer]

    return recorded


def record_turns(kind: str, name: str, handle: Callable[[Any], str]) -> Callable[[Any], str]:
    @functools.wraps(handle)
    def recorded(context: Any) -> str:
        payload = json.loads(context.body)
        try:
            output = handle(context)
        except Exception as error:
            write(kind=kind, name=name, input=payload, raised=str(error))
            raise
        write(kind=kind, name=name, input=payload, output=json.loads(output))
        return output

    return recorded


def record_binding(call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(call)
    async def recorded(**kwargs: Any) -> object:
        write(kind="client_binding", json=json.loads(kwargs["client"]))
        return await call(**kwargs)

    return recorded


spec = importlib.util.spec_from_file_location("recorded_app", HISTORIES / "app.py")
assert spec is not None
assert spec.loader is not None
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
app = module.app

client = importlib.import_module("azure.durable_functions.models.DurableOrchestrationClient")
for verb in ("post", "get", "delete"):
    name = f"{verb}_async_request"
    setattr(client, name, record_calls(verb, getattr(client, name)))
for builder in app._function_builders:
    function = builder._function
    kind = {"orchestrationTrigger": "orchestrator", "entityTrigger": "entity"}.get(function._trigger.type)
    if kind:
        function._func = record_turns(kind, function._name, function._func)
    elif function._name == "do":
        function._func = record_binding(function._func)
