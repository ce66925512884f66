"""The local functions host: `python -m local.host function_app.py --port 7071`.

Starts a function app as Azure would: indexes it, then serves its HTTP functions and runs its timers in one process on
one loop; where it has durable functions, those too (`local/durable`), with their state in the file that `--durable`
names. What differs from the real host is in `local/README.md`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from local.durable.functions import DURABLE_TRIGGERS
from local.durable.host import DurableHost, is_durable
from local.durable.settings import read_settings
from local.durable.store import StoreUnusable
from local.http_host import HttpHost, Message, Receive, Scope, Send, answer_plain
from local.indexing import IndexedFunction, IndexingFailed, index_functions, load_app
from local.invocations import Invoker
from local.leash import hold_leash
from local.routes import InvalidRoute
from local.timers import TimerHost

TRIGGERS = ("httpTrigger", "timerTrigger", *DURABLE_TRIGGERS)
RETURN_DELAY_S = 1.0
STOP_SECONDS = 6
EXIT_CANNOT_RUN = 78
log = logging.getLogger("host")


class Host:
    """An ASGI application over a function app's file. Raises IndexingFailed, InvalidRoute or what the import does."""

    def __init__(
        self, file: Path, port: int, durable_file: Path | None = None, return_delay_s: float = RETURN_DELAY_S
    ) -> None:
        functions = index_functions(load_app(file), TRIGGERS)
        invoke = Invoker(str(file.parent), ThreadPoolExecutor(thread_name_prefix="function"), self._client)
        host_json = file.with_name("host.json")
        self.functions, self.port = functions, port
        self.http = HttpHost(_of_type(functions, "httpTrigger"), invoke, read_route_prefix(host_json))
        self.timers = TimerHost(_of_type(functions, "timerTrigger"), invoke)
        self.durable: DurableHost | None = None
        if is_durable(functions):
            if durable_file is None:
                raise IndexingFailed("The app has durable functions: name a file for their state with --durable.")
            self.durable = DurableHost(functions, invoke, read_settings(host_json), durable_file, return_delay_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and self.durable is not None and self.durable.takes(scope["path"]):
            await answer_plain(scope, receive, send, self.durable.answer)
        elif scope["type"] == "http":
            await self.http(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            if self.durable is not None:
                self.durable.start(self.port)
        except StoreUnusable as error:
            await send({"type": "lifespan.startup.failed", "message": f"The app can't run here: {error}"})
            return
        self.timers.start()
        await send({"type": "lifespan.startup.complete"})
        message: Message = await receive()
        await self.timers.stop()
        if self.durable is not None:
            await self.durable.stop()
        await send({"type": f"{message['type']}.complete"})

    def _client(self) -> str:
        return "" if self.durable is None else self.durable.binding()


def read_route_prefix(host_json: Path) -> str:
    """The route prefix of host.json, whose default is `api`."""
    if not host_json.is_file():
        raise IndexingFailed(f"There is no {host_json}: every function app has one.")
    settings = json.loads(host_json.read_text())
    return str(settings.get("extensions", {}).get("http", {}).get("routePrefix", "api"))


def serve(file: Path, port: int, durable_file: Path | None, return_delay_s: float) -> int:
    """Run the host until it is told to stop; the process's exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("azure").setLevel(logging.WARNING)
    os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    try:
        host = Host(file, port, durable_file, return_delay_s)
    except (IndexingFailed, InvalidRoute) as error:
        return _refuse(f"The app can't run here: {error}")
    except Exception:
        traceback.print_exc()
        return _refuse(f"The app can't run: importing {file} failed, see above. On Azure it would have 0 functions.")
    log.info("%d functions of %s on http://127.0.0.1:%d", len(host.functions), file.name, port)
    return _run(host, port)


def _run(host: Host, port: int) -> int:
    config = uvicorn.Config(
        host,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws="none",
        lifespan="on",
    )
    listener = socket.socket()
    if os.name != "nt":  # on Windows the option would take the port from its holder
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        return _refuse(f"Port {port} can't be used ({error.strerror}). Stop what listens there or choose another.")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except SystemExit:  # uvicorn's way to say that the start failed; it has said why
        return EXIT_CANNOT_RUN
    return 0


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return EXIT_CANNOT_RUN


def _of_type(functions: list[IndexedFunction], trigger_type: str) -> list[IndexedFunction]:
    return [function for function in functions if function.trigger_type == trigger_type]


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Run a function app on this machine.")
    parser.add_argument("file", type=Path, nargs="?", default=Path("function_app.py"), help="the app's function_app.py")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--durable", type=Path, metavar="FILE", help="where durable functions keep their state")
    parser.add_argument(
        "--durable-return-delay",
        type=float,
        metavar="SECONDS",
        default=RETURN_DELAY_S,
        help="when an activity that was lost with its process comes back (the real host: 300; here: %(default)s)",
    )
    parser.add_argument("--leash", type=int, metavar="DESCRIPTOR", help="end when this pipe ends (0: standard input)")
    arguments = parser.parse_args()
    if arguments.leash is not None:
        hold_leash(arguments.leash)
    return serve(arguments.file.resolve(), arguments.port, arguments.durable, arguments.durable_return_delay)


if __name__ == "__main__":
    sys.exit(main())
