"""The whole local system, started as `make run` starts it, in a folder and on ports of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.plan import ROOT, Plan, make_plan
from tests.system.labelled_claims import LabelledClaims, score_and_label

START_SECONDS = 120
WINDOW_S = 5
CONTROL = "westeurope"
MODEL = "deal-fraud"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Reachable:
    """Regions that are called by their public API."""

    plan: Plan

    def request(
        self, region: str, method: str, path: str, *, role: str | None = None, body: object = None, **headers: str
    ) -> Answer:
        """One HTTP request to a region, as a caller of this role."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if role is not None:
            sent["Authorization"] = f"Bearer {self.plan.token_file(role).read_text()}"
        content = json.dumps(body) if body is not None else None
        if content is not None:
            sent["Content-Type"] = "application/json"
        connection = HTTPConnection("127.0.0.1", self.plan.port_of(region), timeout=30)
        try:
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@dataclass(slots=True)
class RunningSystem(Reachable):
    """A system that was started, and the process that a newcomer would stop with Ctrl-C. `labelled`: what is known of
    claims that it decided first."""

    process: subprocess.Popen[str]
    output: Path
    labelled: LabelledClaims | None = None

    def processes(self) -> list[psutil.Process]:
        """The starter and everything below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def process_of(self, region: str) -> psutil.Process:
        """The process that listens on a region's port."""
        port = str(self.plan.port_of(region))
        return next(p for p in self.processes() if "local.host" in p.cmdline() and port in p.cmdline())


def wait_until(condition: Callable[[], bool], seconds: float, what: str, look_s: float = 0.05) -> None:
    """Wait for a condition, looking every `look_s`; fails with `what` when it doesn't come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(look_s)


def free_base_port() -> int:
    """A base port, below those that clients get, whose system finds all its ports free."""
    for turn in range(55):
        base = 20_070 + (os.getpid() + turn) % 55 * 200
        if all(_is_free(base + offset) for offset in (0, 1, 2, 3, 4, 100, 101, 102)):
            return base
    raise AssertionError("no free ports")


def start_system(folder: Path, base_port: int) -> RunningSystem:
    """Start a system by `make run` and return at once."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "make-run.out"
    command = ["make", "run", f"PYTHON={sys.executable}", f"FOLDER={folder}", f"BASE_PORT={base_port}"]
    with output.open("w") as out:
        environ = {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS", name)}
        environ["LOCAL_WINDOW_S"] = str(WINDOW_S)  # so that nobody waits a minute for a window to close
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out, text=True)
    return RunningSystem(make_plan(folder, base_port), process, output)


def wait_until_ready(system: RunningSystem) -> None:
    """Wait for the words that a newcomer waits for."""

    def is_ready() -> bool:
        assert system.process.poll() is None, system.output.read_text()
        return "Ready in" in system.output.read_text()

    wait_until(is_ready, START_SECONDS, "the system is ready")


def take_back(system: Reachable, version: str = "1.1.0") -> None:
    """Take every region back from a version, over the public API, and let it be rolled out again."""

    def ask(verb: str, body: object) -> Answer:
        return system.request(CONTROL, "POST", f"/api/v1/models/{MODEL}:{verb}", role="operator", body=body)

    undone = ask("undo", {"leave": version, "reason": "the test is over"})
    assert undone.status == 200, undone.body
    wait_until(lambda: {served(system, region) for region in system.plan.regions} == {"1.0.0"}, 30, "taken back")
    lifted = ask("unwithdraw", {"version": version, "reason": "the test is over"})
    assert lifted.status == 200, lifted.body


def served(system: Reachable, region: str) -> str:
    """The version that a region's release calls stable."""
    release = system.request(region, "GET", f"/api/v1/releases/{MODEL}", role="operator")
    return str(release.json()["stable"]["version"])


def stop_system(system: RunningSystem) -> None:
    """Stop a system as SIGTERM does."""
    system.process.terminate()
    system.process.wait(40)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """The running system, ready; stopped at the end."""
    running = start_system(tmp_path_factory.mktemp("system"), free_base_port())
    try:
        wait_until_ready(running)
        running.labelled = score_and_label(running.request, CONTROL)
        yield running
    finally:
        stop_system(running)


@pytest.fixture
def as_started(system: RunningSystem) -> Iterator[RunningSystem]:
    """The running system, which serves afterwards what it served when it was started, and has withdrawn nothing."""
    yield system
    take_back(system)


@pytest.fixture
def first_claim(system: RunningSystem) -> dict[str, Any]:
    """The claim that a newcomer sends first."""
    claim: dict[str, Any] = json.loads((system.plan.folder / "first-claim.json").read_text())
    return claim


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
