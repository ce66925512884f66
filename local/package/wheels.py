"""Wheels for the machine that the package is for, fetched by pip: Linux x86_64, Python 3.13, every one by its hash.

pip judges environment markers by the interpreter that runs it, so it may not resolve for another one: the lock file
names everything, and `--no-deps` takes it at its word.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from local.package.faults import PackagingFailed

PYTHON = "3.13"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")
# pip 23 asks the interpreter that runs it whether a wheel's Requires-Python is met; the lock file was made for PYTHON.
ALWAYS = ("--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--ignore-requires-python")
MISMATCH = "THESE PACKAGES DO NOT MATCH THE HASHES"


def install_wheels(requirements: Path, target: Path) -> None:
    """Install a locked requirements file into the folder `target`. Raises PackagingFailed."""
    _run_pip("install", requirements, "--target", str(target), "--no-compile")


def download_wheels(requirements: Path, folder: Path) -> None:
    """Fetch the wheels of a locked requirements file into `folder`. Raises PackagingFailed."""
    _run_pip("download", requirements, "--dest", str(folder))


def _run_pip(command: str, requirements: Path, *options: str) -> None:
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    arguments = [command, "--requirement", str(requirements), *options, *ALWAYS, "--python-version", PYTHON, *platforms]
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagingFailed(explain_pip_failure(done.stderr, requirements.name))


def explain_pip_failure(output: str, requirements: str) -> str:
    """What pip's last words mean, and what to do."""
    if "No module named pip" in output:
        return "This Python has no pip. Run `make setup`, then `make package`."
    last = next(
        (line for line in reversed(output.strip().splitlines()) if line.startswith("ERROR:")), output.strip()[-300:]
    )
    if MISMATCH in output:
        return f"A wheel isn't the one that {requirements} pins: it was changed on its way or on the mirror. {last}"
    return f"pip could not get the wheels of {requirements}. Is this machine online? {last}"
