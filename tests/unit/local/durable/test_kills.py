"""A host killed with `kill -9` at random moments: every orchestration ends as it would have without."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import APPS, ROOT, free_port, wait_for_port

APP = APPS / "durable" / "function_app.py"
KILLS = 8
DEADLINE_S = 60.0
INPUTS = {"again": 0}
RESULTS: dict[str, object] = {
    "chain": 6,
    "timers": "all fired",
    "fan": 78,
    "parent": [2, 3, 4, 12],
    "retries": "Exception",
    "again": 6,
    "asks": 5,
}
COMPLETIONS = (5, 6, 8, 9, 11)


class KilledHost:
    """A host over one file that is killed and started again on one port."""

    def __init__(self, folder: Path, return_delay_s: float) -> None:
        self.file, self.runs, self.port = folder / "hub.sqlite", folder / "runs", free_port()
        command = [sys.executable, "-m", "local.host", str(APP), "--port", str(self.port)]
        self.command = [*command, "--durable", str(self.file), "--durable-return-delay", str(return_delay_s)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, "RUNS_FILE": str(self.runs)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)

    def do(self, call: str, *args: object) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/do", json.dumps({"call": call, "args": args}))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def status(self, instance_id: str) -> dict[str, Any]:
        found = self.do("get_status", instance_id)
        return found if isinstance(found, dict) else {}

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "the condition wasn't met in time"
            time.sleep(0.05)


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[[float], KilledHost]]:
    hosts: list[KilledHost] = []

    def make(return_delay_s: float) -> KilledHost:
        hosts.append(KilledHost(tmp_path, return_delay_s))
        return hosts[-1]

    yield make
    for host in hosts:
        host.kill()


@pytest.mark.parametrize("seed", [1, 2])
def test_orchestrations_killed_at_any_moment_end_as_without(
    make_host: Callable[[float], KilledHost], seed: int
) -> None:
    moments = random.Random(seed)
    host = make_host(0.1)
    ids = {f"{name}-{kill}": name for kill in range(KILLS) for name in RESULTS}
    for kill in range(KILLS):
        with contextlib.suppress(OSError, HTTPException, ValueError):  # its host was killed before it could answer
            for name in RESULTS:
                host.do("start_new", name, f"{name}-{kill}", INPUTS.get(name))
        with contextlib.suppress(subprocess.TimeoutExpired):
            host.process.wait(moments.uniform(0.0, 0.3))
        host.kill()
        host.start()
    assert all(host.status(one) for one in ids)
    host.until(lambda: all(host.status(one).get("runtimeStatus") == "Completed" for one in ids))
    assert {one: host.status(one)["output"] for one in ids} == {one: RESULTS[name] for one, name in ids.items()}
    host.kill()
    assert_whole(host.file)


def assert_whole(file: Path) -> None:
    """Nothing is left to do, and no history holds two ends of one task."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
        ends = Counter(
            (instance_id, document.get("TaskScheduledId", document.get("TimerId")), document["EventType"] == 11)
            for instance_id, text in db.execute("SELECT instance_id, event FROM history")
            if (document := json.loads(text))["EventType"] in COMPLETIONS
        )
    assert ends
    assert max(ends.values()) == 1


@pytest.mark.parametrize("delay_s", [0.0, 4.0])
def test_activity_lost_in_a_kill_comes_back_after_its_delay(
    make_host: Callable[[float], KilledHost], delay_s: float
) -> None:
    host = make_host(delay_s)
    host.do("start_new", "calls_slow", "s")
    host.do("start_new", "waits", "w")
    host.until(lambda: host.runs.exists() and host.status("w").get("runtimeStatus") == "Running")
    host.kill()
    host.start()
    host.do("raise_event", "w", "go", 1)
    host.until(lambda: host.status("w")["runtimeStatus"] == "Completed")
    assert host.status("s")["runtimeStatus"] == "Running" or not delay_s
    host.until(lambda: host.status("s")["runtimeStatus"] == "Completed")
    first, second = map(float, host.runs.read_text().splitlines())
    assert delay_s - 0.5 < second - first < delay_s + 5  # counted from when it was taken, just before its first line
