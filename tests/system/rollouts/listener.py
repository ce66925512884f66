"""Somebody who is told of rollouts: a server that takes every notice, and holds its signature to the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.system.conftest import wait_until

SECRET = "a secret of the receiver's"
PATIENCE_S = 20


class Listener:
    """What was heard, in order; a notice that isn't signed as it should be is answered with 403, and never heard."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        """What has the control region tell this listener."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/notices"
        return {"VOUCH_NOTIFY_URL": url, "VOUCH_NOTIFY_SECRET": SECRET}

    def wait_for_end_of(self, rollout_id: str) -> list[dict[str, Any]]:
        """What was told of a rollout, once its end was."""
        wait_until(lambda: "finished" in map(kind_of, self._told_of(rollout_id)), PATIENCE_S, "its end is told")
        return self._told_of(rollout_id)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _told_of(self, rollout_id: str) -> list[dict[str, Any]]:
        return [event for event in self.heard if event["subject"] == rollout_id]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                is_signed = self.headers["X-Vouch-Signature"] == f"sha256={signature}"
                if is_signed:
                    heard.append(json.loads(body))
                self.send_response(204 if is_signed else 403)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def kind_of(event: dict[str, Any]) -> str:
    """`approval` of `vouch.rollout.approval.v1`."""
    return str(event["type"].split(".")[2])
