"""A control region on the loopback interface that answers like the API, from a script, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROLLOUT_ID = "01a20b88-7c4e-7995-b00e-1b51e55f7352"
TOKEN = "eyJhbGciOi.a-token-that-nobody-may-see.c2lnbmVk"


def rollout(phase: str = "Succeeded", **changes: Any) -> dict[str, Any]:
    """A rollout as the API shows it."""
    return {
        "id": ROLLOUT_ID,
        "model": "deal-fraud",
        "target": {"version": "1.1.0", "policy": None},
        "starter": "anna",
        "started_at": "2026-11-23T21:00:00.000Z",
        "phase": phase,
        "message": f"it is {phase}",
        "wave": 1,
        "waves": 2,
        "gate": None,
        "seen_at": "2026-11-23T21:00:05.000Z",
        "plan": {"waves": [["westeurope"], ["eastus2", "brazilsouth"]]},
        "regions": {"westeurope": region_shown(), "eastus2": None, "brazilsouth": None},
        "orders": {},
        "timeline": [event(1, "started", "opens 3 regions")],
        **changes,
    }


def region_shown(**changes: Any) -> dict[str, Any]:
    return {"stage": "Progressing", "step": 1, "steps": [{}, {}, {}], "weight": 25, "shadow_share": 0.5,
            "judgement": {"verdict": "Successful"}, "message": "setWeight 25", **changes}  # fmt: skip


def event(seq: int, what: str, message: str, source: str = "rollout", second: int | None = None) -> dict[str, Any]:
    at = f"2026-11-23T21:00:{seq if second is None else second:02}.000Z"
    return {"at": at, "source": source, "seq": seq, "what": what, "message": message}


def problem(status: int, title: str, detail: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return status, {"type": "urn:vouch:problem:some", "title": title, "status": status, "detail": detail, **more}


@dataclass
class Asked:
    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


@dataclass
class LoopbackRegion:
    """`answers` by method and path: (status, body), or several, the last of which stays. Bytes are sent as they are."""

    url: str
    answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    asked: list[Asked] = field(default_factory=list)

    def answer(self, method: str, path: str, *bodies: Any, status: int = 200) -> None:
        self.answers[method, path] = [body if isinstance(body, tuple) else (status, body) for body in bodies]

    def next(self, method: str, path: str) -> tuple[int, Any]:
        scripted = self.answers.get((method, path))
        if scripted is None:
            return problem(404, "Nothing is at this path", "GET /api/openapi.json lists what there is.")
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]

    @property
    def last(self) -> Asked:
        return self.asked[-1]


@contextmanager
def loopback_region() -> Iterator[LoopbackRegion]:
    """Runs it on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            is_json = (self.headers.get("Content-Type") or "").startswith("application/json")
            region.asked.append(
                Asked(self.command, self.path, json.loads(body) if is_json else body, dict(self.headers))
            )
            if region.raw is not None:
                self.wfile.write(region.raw)
                self.close_connection = True
                return
            status, answer = region.next(self.command, self.path)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **region.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests read what the command says."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    region = LoopbackRegion(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield region
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
