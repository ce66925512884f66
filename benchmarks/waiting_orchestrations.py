"""What a thousand waiting orchestrations cost the local host: memory, threads, and the start after a kill."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.claims_1996 import ROOT
from benchmarks.figures import Goal, Section, markdown_table, shown
from benchmarks.load import LoadFailed
from benchmarks.servers import free_port

APP = ROOT / "benchmarks" / "waiting_app" / "function_app.py"
WAITING = 1_000
GOAL_MB = 10
DEADLINE_S = 120.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """A host at rest: seconds to its first answer, resident memory, threads."""

    start_s: float
    resident_mb: float
    threads: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The host with an empty hub, with the thousand it started, and started again over them after a kill."""

    empty: Reading
    starting_s: float
    waiting: Reading
    killed: Reading
    answer_ms: float
    file_mb: float


def measure(folder: Path, tell: Tell) -> Section:
    """One host, killed once."""
    file = folder / "waiting.sqlite"
    with _host(folder / "empty.sqlite") as (host, port, start_s):
        empty = _read(host, start_s)
    tell(f"starting {WAITING:,} orchestrations")
    with _host(file) as (host, port, start_s):
        began = time.monotonic()
        for number in range(WAITING):
            _do(port, "start_new", "waits", f"w{number}")
        _until(lambda: _do(port, "get_status", f"w{WAITING - 1}") == "Running")
        starting_s = time.monotonic() - began
        waiting = _read(host, start_s)
    tell("starting again over them")
    with _host(file) as (host, port, start_s):
        killed = _read(host, start_s)
        began = time.monotonic()
        _do(port, "raise_event", "w0", "approve", True)
        _until(lambda: _do(port, "get_status", "w0") == "Completed")
        answer_ms = (time.monotonic() - began) * 1000
    return build_section(Figures(empty, starting_s, waiting, killed, answer_ms, file.stat().st_size / 1e6))


def build_section(figures: Figures) -> Section:
    """A table and the goals."""
    readings = {
        "empty": figures.empty,
        f"{WAITING:,} started and waiting": figures.waiting,
        f"killed and started over {WAITING:,} waiting": figures.killed,
    }
    rows = [[name, f"{one.start_s:.2f}", shown(one.resident_mb), str(one.threads)] for name, one in readings.items()]
    more_mb, more_s = (
        figures.killed.resident_mb - figures.empty.resident_mb,
        figures.killed.start_s - figures.empty.start_s,
    )
    goals = [
        Goal("memory of 1,000 waiting, MB", f"under {GOAL_MB}", shown(more_mb), more_mb < GOAL_MB),
        Goal("their share of a start, s", "", f"{more_s:.2f}", None),
        Goal("starting one, first activity included, ms", "", shown(figures.starting_s / WAITING * 1000), None),
        Goal("event to end of one of them after the kill, ms", "", shown(figures.answer_ms), None),
        Goal("the file, MB", "", shown(figures.file_mb), None),
    ]
    table = markdown_table(["host", "start to first answer, s", "resident, MB", "threads"], rows)
    return Section("A thousand waiting orchestrations", NOTE, [table], goals)


@contextmanager
def _host(file: Path) -> Iterator[tuple[psutil.Process, int, float]]:
    """A host over a file, from its first answer on; killed at the end."""
    port, began = free_port(), time.monotonic()
    command = [sys.executable, "-m", "local.host", str(APP), "--port", str(port), "--durable", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _do(port, "get_status", "nobody"))
        yield psutil.Process(process.pid), port, time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def _read(host: psutil.Process, start_s: float) -> Reading:
    return Reading(start_s, host.memory_info().rss / 1e6, host.num_threads())


def _do(port: int, call: str, *args: object) -> str:
    """The answer; empty while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/do", json.dumps({"call": call, "args": args}))
        return connection.getresponse().read().decode()
    except ConnectionError:
        return ""
    finally:
        connection.close()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise LoadFailed(f"The orchestrations weren't there after {DEADLINE_S:.0f} s; see the local host's output.")
        time.sleep(0.01)


NOTE = f"""The local host with {WAITING:,} orchestrations, each past one activity and waiting for two events and a timer
of six hours. Everything that waits lies in one SQLite file; a host that starts reads what is due. Starting them
includes the calls over HTTP, one after the other. One run."""
