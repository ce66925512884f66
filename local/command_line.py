"""The local system's command line: `make run`, `python run.py` and `python -m local` all come here."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from local.demo import run_demo
from local.dev import develop
from local.failures import LocalFailed
from local.newcomer import describe_ready, write_first_claim
from local.node import ensure_azurite
from local.plan import DEFAULT_BASE_PORT, DEFAULT_FOLDER, make_plan
from local.system import System
from scoring.booster import LightGBMMissing, load_library

EXIT_FAILED = 1


class StopAsked(BaseException):
    """Ctrl-C or SIGTERM came while the system was starting."""


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def run(arguments: argparse.Namespace) -> int:
    """Start the system, say how to use it, watch it, stop it."""
    began = time.monotonic()
    stopped = _stop_on_signals()
    require_installed()
    plan = make_plan(arguments.folder, arguments.base_port)
    system = System(plan, say)
    try:
        system.start()
        write_first_claim(plan, plan.control.name)
        say(describe_ready(plan, time.monotonic() - began))
        system.watch(stopped)
    except StopAsked:
        say("Stopping ...")
    finally:
        _ignore_signals()
        system.stop()
    say("Everything has stopped.")
    return 0


def setup(arguments: argparse.Namespace) -> int:
    """Install what the local system needs and look whether it works here."""
    require_installed()
    say("Everything is installed. Start the local system: make run (or: python run.py)")
    return 0


def dev(arguments: argparse.Namespace) -> int:
    """Run one region in this terminal, with reload and breakpoints."""
    stopped = _stop_on_signals()
    require_installed()
    plan = make_plan(arguments.folder, arguments.base_port)
    write_first_claim(plan, arguments.region)
    try:
        develop(plan, arguments.region, stopped, say)
    except (StopAsked, KeyboardInterrupt):  # the latter is what watchfiles makes of either signal
        say("Stopped.")
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """Replay claims through the regions of a running system, or of one that is started for it."""
    _stop_on_signals()
    require_installed()
    run_demo(make_plan(arguments.folder, arguments.base_port), arguments.claims, say)
    return 0


def require_installed() -> None:
    """Install Azurite if need be. Raises LocalFailed, also where LightGBM's library can't be loaded: a Mac's libomp."""
    ensure_azurite(say)
    try:
        load_library()
    except LightGBMMissing as error:
        raise LocalFailed(f"{error} Then start again.") from None


def main(words: list[str]) -> int:
    """Run a command, by default `run`; a failure is one sentence and its remedy."""
    arguments = _parser().parse_args(words or ["run"])
    try:
        code: int = arguments.command(arguments)
    except LocalFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return EXIT_FAILED
    except StopAsked:
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The local system.")
    commands = parser.add_subparsers(required=True, metavar="command")
    runs = commands.add_parser("run", help="start the regions and watch them until Ctrl-C")
    runs.set_defaults(command=run)
    sets_up = commands.add_parser("setup", help="install what the local system needs")
    sets_up.set_defaults(command=setup)
    develops = commands.add_parser("dev", help="run one region in this terminal, with reload and breakpoints")
    develops.set_defaults(command=dev)
    develops.add_argument("--region", default="westeurope", help="which one (default westeurope)")
    replays = commands.add_parser("demo", help="replay claims of 1996 through the regions and judge the decisions")
    replays.set_defaults(command=demo)
    replays.add_argument("--claims", type=int, default=1000, help="how many (default 1000)")
    for command in (runs, develops, replays):
        command.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where state is kept (default .local)")
        command.add_argument(
            "--base-port", type=int, default=DEFAULT_BASE_PORT, help=f"the first port (default {DEFAULT_BASE_PORT})"
        )
    return parser


def _stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set; the first one also interrupts a start that is under way."""
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        if not stopped.is_set():
            stopped.set()
            raise StopAsked

    for number in _stop_signals():
        signal.signal(number, stop)
    return stopped


def _ignore_signals() -> None:
    for number in _stop_signals():
        signal.signal(number, signal.SIG_IGN)


def _stop_signals() -> list[signal.Signals]:
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
