"""Starts the real host over tiny apps, as its own process where sockets matter."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APPS = Path(__file__).parent / "apps"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A host process and its port."""

    port: int
    process: subprocess.Popen[str]

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def exchange(self, raw: bytes) -> bytes:
        """Send these bytes and read until the host closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_host(app: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.host", str(app), "--port", str(port)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output = process.stdout.read() if process.stdout else ""
            raise AssertionError(f"the host ended: {output}")
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the host did not listen in 20 s")


@pytest.fixture(scope="session")
def host() -> Iterator[RunningHost]:
    """The app of `apps/behaviour`, served by the host."""
    port = free_port()
    process = start_host(APPS / "behaviour" / "function_app.py", port)
    try:
        wait_for_port(port, process)
        yield RunningHost(port, process)
    finally:
        process.terminate()
        process.communicate(timeout=20)
