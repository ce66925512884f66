"""Runs the app in a folder under Microsoft's worker library, as the Functions host would drive it.

A program of its own for the Python of `.venv-conformance`, which has that library and nothing of ours:
`python worker.py <folder of the unzipped package> < calls.json > report.json`. A call names a function and its HTTP
request; with `until` it is repeated until it is answered with that status (the deadline says how long).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure_functions_runtime as worker
from messages import build_messages

SITE_PACKAGES = ".python_packages/lib/site-packages"
DEADLINE_SECONDS = 30
protos = build_messages()


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What the handlers are called with: the host's message, and what they can't import themselves."""

    request: Any
    properties: Mapping[str, Any]


class WorkerFailed(RuntimeError):
    """The worker library reported a failure; the message is its own."""


def ask(**content: Any) -> WorkerRequest:
    return WorkerRequest(protos.StreamingMessage(request_id="1", **content), {"host": "127.0.0.1", "protos": protos})


def require_success(result: Any) -> None:
    if result.status != protos.StatusResult.Success:
        raise WorkerFailed(f"{result.exception.message}\n{result.exception.stack_trace}")


async def load_functions(folder: str) -> dict[str, Any]:
    """Initialise the worker, index the app, load every function; their metadata by name."""
    init = protos.WorkerInitRequest(
        function_app_directory=folder, host_version="4", capabilities={"RpcHttpBodyOnly": "true"}
    )
    require_success((await worker.worker_init_request(ask(worker_init_request=init))).result)
    wanted = protos.FunctionsMetadataRequest(function_app_directory=folder)
    indexed = await worker.functions_metadata_request(ask(functions_metadata_request=wanted))
    require_success(indexed.result)
    for metadata in indexed.function_metadata_results:
        load = protos.FunctionLoadRequest(function_id=metadata.function_id, metadata=metadata)
        require_success((await worker.function_load_request(ask(function_load_request=load))).result)
    return {metadata.name: metadata for metadata in indexed.function_metadata_results}


async def invoke(metadata: Any, call: Mapping[str, Any]) -> dict[str, Any]:
    """One invocation through the library; the HTTP answer that the host would send."""
    http = protos.RpcHttp(
        method=call["method"],
        url=call["url"],
        headers=call["headers"],
        query=dict(parse_qsl(urlsplit(call["url"]).query)),
        body=protos.TypedData(bytes=call["body"].encode()),
    )
    trigger = protos.ParameterBinding(name="req", data=protos.TypedData(http=http))
    request = protos.InvocationRequest(invocation_id="1", function_id=metadata.function_id, input_data=[trigger])
    answer = await worker.invocation_request(ask(invocation_request=request))
    require_success(answer.result)
    returned = answer.return_value.http
    return {
        "status": int(returned.status_code),
        "headers": dict(returned.headers),
        "body": json.loads(returned.body.bytes),
    }


async def invoke_until(metadata: Any, call: Mapping[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    answer = await invoke(metadata, call)
    while answer["status"] != call.get("until", answer["status"]) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        answer = await invoke(metadata, call)
    return answer


async def run(folder: str, calls: list[Mapping[str, Any]]) -> dict[str, Any]:
    functions = await load_functions(folder)
    answers = [await invoke_until(functions[call["function"]], call) for call in calls]
    bindings = {name: [json.loads(raw) for raw in metadata.raw_bindings] for name, metadata in functions.items()}
    return {"functions": bindings, "answers": answers}


def main() -> None:
    folder = sys.argv[1]
    sys.path[:0] = [folder, str(Path(folder, SITE_PACKAGES))]
    json.dump(asyncio.run(run(folder, json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
