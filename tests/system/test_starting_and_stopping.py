"""A system leaves no process behind, however it ends, and says what keeps it from starting."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.system.conftest import (
    RunningSystem,
    free_base_port,
    start_system,
    stop_system,
    wait_until,
    wait_until_ready,
)


def everything_of(system: RunningSystem) -> list[psutil.Process]:
    """The starter, the supervisor, four regions and Azurite."""
    processes = system.processes()
    hosts = [p for p in processes if "local.host" in p.cmdline()]
    assert len(hosts) == 4
    assert any("azurite" in " ".join(p.cmdline()) for p in processes)
    return processes


def supervisor_of(system: RunningSystem) -> psutil.Process:
    return next(p for p in system.processes() if p.cmdline()[1:4] == ["-m", "local", "run"])


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_system_that_is_told_to_stop_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    system = start_system(tmp_path, free_base_port())
    try:
        wait_until_ready(system)
        processes = everything_of(system)
        supervisor_of(system).send_signal(number)
        wait_until(lambda: all(is_gone(process) for process in processes), 30, "every process is gone")
        assert "Everything has stopped." in system.output.read_text()
    finally:
        stop_system(system)


def test_system_whose_supervisor_is_killed_hard_leaves_no_process(tmp_path: Path) -> None:
    system = start_system(tmp_path, free_base_port())
    try:
        wait_until_ready(system)
        processes = everything_of(system)
        supervisor_of(system).kill()
        wait_until(lambda: all(is_gone(process) for process in processes), 30, "every process is gone")
    finally:
        stop_system(system)


def test_system_that_is_stopped_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    system = start_system(tmp_path, free_base_port())
    try:
        wait_until(lambda: "Starting 4 regions" in system.output.read_text(), 60, "the regions start")
        processes = system.processes()
        stop_system(system)
        assert all(is_gone(process) for process in processes)
        assert "Ready in" not in system.output.read_text()
    finally:
        stop_system(system)


def test_system_on_taken_ports_says_by_whom_and_what_to_do(system: RunningSystem, tmp_path: Path) -> None:
    second = start_system(tmp_path, system.plan.base_port)
    assert second.process.wait(60) != 0
    said = second.output.read_text()
    supervisor = supervisor_of(system).pid
    assert f"Port {system.plan.base_port}, which the token issuer needs, is taken by process {supervisor}" in said
    assert f"make run BASE_PORT={system.plan.base_port + 1000}" in said
    assert "Traceback" not in said


def test_system_whose_region_ends_again_and_again_gives_up_and_says_where_to_look(tmp_path: Path) -> None:
    system = start_system(tmp_path, free_base_port())
    try:
        wait_until_ready(system)
        supervisor = supervisor_of(system)

        def has_given_up() -> bool:
            with suppress(psutil.NoSuchProcess):  # what is just ending
                for process in supervisor.children():
                    if str(system.plan.port_of("eastus2")) in process.cmdline():
                        process.kill()
            return is_gone(supervisor)

        wait_until(has_given_up, 30, "the supervisor gives up")
        assert system.process.wait(10) != 0
        said = system.output.read_text()
        assert said.count("eastus2 (exit code -9) ended by itself: starting it again") == 3
        assert f"ended 4 times in a minute; see {system.plan.log_file('eastus2')}" in said
    finally:
        stop_system(system)
