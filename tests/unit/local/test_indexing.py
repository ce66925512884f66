"""What the host refuses to run, and how it says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.local.conftest import APPS, free_port, start_host


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("broken", "no module named payments"),
        ("broken", "importing"),
        ("empty", "The app has no functions"),
        ("two_apps", "exactly one function app"),
        ("queue", "takes_message: the local host doesn't run queueTrigger"),
        ("keyed", "keyed: has auth level function"),
        ("missing", "There is no"),
    ],
)
def test_host_of_an_app_it_cannot_run_ends_and_says_why(app: str, message: str) -> None:
    process = start_host(APPS / app / "function_app.py", free_port())
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 78
    assert message in output


def test_host_on_a_taken_port_ends_and_says_so() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_host(APPS / "behaviour" / "function_app.py", port)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 78
    assert f"Port {port} can't be used" in output


def test_host_that_is_told_to_stop_ends_at_once(tmp_path: Path) -> None:
    from tests.unit.local.conftest import wait_for_port

    port = free_port()
    process = start_host(APPS / "timers" / "function_app.py", port)
    wait_for_port(port, process)
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
