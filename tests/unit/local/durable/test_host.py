"""The host as a process: which apps have a file, who may call the endpoints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.local.conftest import APPS, ROOT, RunningHost, free_port, start_host, wait_for_port


def run_host(app: str, file: Path) -> tuple[int, subprocess.Popen[str]]:
    port = free_port()
    command = [sys.executable, "-m", "local.host", str(APPS / app / "function_app.py"), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--durable", str(file)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return port, process


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[RunningHost]:
    port, process = run_host("durable", tmp_path / "hub.sqlite")
    try:
        wait_for_port(port, process)
        yield RunningHost(port, process)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_app_with_durable_functions_and_no_file_ends_and_says_so() -> None:
    process = start_host(APPS / "durable" / "function_app.py", free_port())
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 78
    assert "--durable" in output


def test_app_without_durable_functions_makes_no_file(tmp_path: Path) -> None:
    port, process = run_host("timers", tmp_path / "hub.sqlite")
    try:
        wait_for_port(port, process)
        assert list(tmp_path.iterdir()) == []
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_endpoints_want_the_key(durable: RunningHost) -> None:
    for path in ("instances/x", "instances/", "instances/x?code=guessed"):
        answer = durable.request("GET", f"/runtime/webhooks/durabletask/{path}")
        assert (answer.status, answer.body) == (401, b"")
    assert durable.request("GET", "/durabletask/instances/x").status == 404
    assert durable.request("GET", "/durabletask-guessed/instances/x").status == 404


def test_host_with_work_in_hand_stops_when_told(durable: RunningHost) -> None:
    durable.request("POST", "/do", b'{"call": "start_new", "args": ["timers", "t"]}')
    durable.process.terminate()
    durable.process.communicate(timeout=10)
    assert durable.process.returncode is not None


def test_second_host_on_one_file_ends_and_says_why(durable: RunningHost, tmp_path: Path) -> None:
    _, process = run_host("durable", tmp_path / "hub.sqlite")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 78
    assert "Does another host run on it?" in output
