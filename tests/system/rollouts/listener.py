"""Somebody who is told of rollouts: a server that takes every notice, at the second try where a test says so, and holds
its signature to the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.system.conftest import wait_until

SECRET = "a secret of the receiver's"
PATIENCE_S = 60


class Listener:
    """What was heard, in order; a notice that isn't signed as it should be is answered with 403, and never heard."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self._refused: set[str] = set()
        self._refusing: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        """What has the control region tell this listener."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/notices"
        return {"VOUCH_NOTIFY_URL": url, "VOUCH_NOTIFY_SECRET": SECRET}

    def wait_for(self, rollout_id: str, *kinds: str) -> list[dict[str, Any]]:
        """What was told of a rollout, once each of these was."""
        wait_until(lambda: {*kinds} <= {*map(kind_of, self._told_of(rollout_id))}, PATIENCE_S, f"{kinds} are told")
        return self._told_of(rollout_id)

    def refuse_first(self, rollout_id: str) -> None:
        """From now on a notice of this rollout is taken only when it comes again."""
        self._refusing.add(rollout_id)

    def _answer(self, body: bytes, signature: str | None) -> int:
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if signature != f"sha256={expected}":
            return 403
        event = json.loads(body)
        if event["subject"] in self._refusing and event["id"] not in self._refused:
            self._refused.add(event["id"])
            return 500
        self.heard.append(event)
        return 204

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _told_of(self, rollout_id: str) -> list[dict[str, Any]]:
        return [event for event in self.heard if event["subject"] == rollout_id]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(answer(body, self.headers["X-Vouch-Signature"]))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def kind_of(event: dict[str, Any]) -> str:
    """`approval` of `vouch.rollout.approval.v1`."""
    return str(event["type"].split(".")[2])
