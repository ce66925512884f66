"""`python -m vouch <command>`: finds the command's module and hands over."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_TOLD, INTERRUPTED = 2, 130
COMMANDS = {
    "dataset": "make a retraining set from recorded decisions and their labels",
    "copy": "copy a region's lake into a folder",
    "package": "make a model bundle from a LightGBM classifier and a labelled sample",
    "proof": "check offline that a decision was sealed",
    "publish": "put a model bundle or a policy into the registry",
    "replay": "score recorded deals again and compare, or see what another version would have decided",
    "rollout": "start, watch and steer rollouts",
    "verify": "check a copy of the audit trail against public keys, offline",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is ours."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parsed = build_parser(given).parse_args(given)
    code: int = parsed.run(parsed)
    return code


def build_parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """A parser of these words. Only the command that is chosen by them is imported."""
    parser = argparse.ArgumentParser(prog="python -m vouch", description="Vouch's command line.")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    chosen = next((name for name in given if name in COMMANDS), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            module = importlib.import_module(f"vouch.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def run_process() -> int:
    """The same for a process of its own: it may be interrupted, lose who reads what it says, and say what its output
    has no characters for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("Left before the end.\n")
        return INTERRUPTED
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{_describe_missing(error)}\n")
        return NOT_TOLD
    except BrokenPipeError:  # nobody is there to be told, nor at the flush when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_TOLD
    return code


def _describe_missing(error: ModuleNotFoundError) -> str:
    """What to do about a package that isn't installed. Raises the error where it is a module of ours."""
    package = (error.name or "").partition(".")[0]
    if not package or (ROOT / package).exists():
        raise error
    python = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return (
        f"{package} is not installed in this Python, {sys.executable}. Take that of the project's environment, "
        f"{python}; where it isn't there yet, make setup (or python run.py setup) makes it."
    )


if __name__ == "__main__":
    sys.exit(run_process())
