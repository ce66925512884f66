"""A region on the loopback interface whose answers are the app's own: real handlers over storage in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.desk import Desk


@contextmanager
def desk_region(desk: Desk) -> Iterator[str]:
    """Its base URL, until the end of the block. Tokens are roles, as at the desk."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            roles = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = asyncio.run(desk.send("GET", self.path, roles=roles, headers=headers))
            content = answer.get_body()
            self.send_response(answer.status_code)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests read what the command says."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
