"""Runs in a process of its own: from nothing to the first decision, then ten thousand; prints what it took as JSON.

`python -m benchmarks.first_decision memory|real <Unix time of the start> <decisions>`, with a region's settings and a
scorer's token (`BENCH_TOKEN`) in the environment. Only what the app itself needs is imported before the first answer.
"""

# ruff: noqa: E402 - the clock is read before anything else is imported

import time

UP = time.time()

import ast
import asyncio
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONCURRENT = 32


def import_app_modules() -> None:
    """Everything that `function_app.py` imports, without composing it."""
    for node in ast.parse((ROOT / "function_app.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            importlib.import_module(node.module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)


def compose(kind: str) -> Any:
    """The app: as it is deployed, or with storage in memory."""
    if kind == "real":
        return importlib.import_module("function_app").app
    return importlib.import_module("benchmarks.composition").build_memory_app()


async def run(kind: str, count: int) -> dict[str, float]:
    import_app_modules()
    imported = time.time()
    app = compose(kind)
    composed = time.time()
    send = _sender(app)
    await send()
    first = time.time()
    for _ in range(count // CONCURRENT):
        await asyncio.gather(*(send() for _ in range(CONCURRENT)))
    memory = read_memory()
    return {
        "imported": imported,
        "composed": composed,
        "first": first,
        "resident_mb": memory["VmRSS"],
        "peak_mb": memory["VmHWM"],
    }


def read_memory() -> dict[str, float]:
    """This process's memory, in MiB, by the kernel's names."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines if words[0].startswith("Vm")}


def _sender(app: Any) -> Callable[[], Awaitable[None]]:
    """A function that sends one deal through the app's own handler and insists on 200."""
    func = importlib.import_module("azure.functions")
    routes = {getattr(one.get_trigger(), "route", ""): one for one in app.get_functions()}
    handler = next(one for route, one in routes.items() if route.endswith("deals:score"))
    call = handler.get_user_function()
    golden = (ROOT / "model_artifacts/deal-fraud/1.0.0/golden.jsonl").read_text().splitlines()[0]
    body = json.dumps({"deal_id": "C-1", "features": json.loads(golden)["features"]}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}

    async def send() -> None:
        url = "http://127.0.0.1/api/v1/deals:score"
        answer = await call(func.HttpRequest(method="POST", url=url, headers=headers, body=body))
        if answer.status_code != 200:
            raise RuntimeError(answer.get_body().decode())

    return send


if __name__ == "__main__":
    print(json.dumps({"up": UP, "started": float(sys.argv[2]), **asyncio.run(run(sys.argv[1], int(sys.argv[3])))}))
