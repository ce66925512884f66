"""Virtual environments beside the project's own, each made from a requirements file: what clashes lives apart.

`python -m local.environments clients` makes `.venv-clients` from `tests/clients/requirements.txt`. An environment
counts as made while it carries the requirements it was made from; other ones make it anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "made-from.txt"


class NotPrepared(RuntimeError):
    """The environment could not be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with a virtual environment, and the requirements it is made from."""

    folder: Path
    requirements: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def is_made(self) -> bool:
        """Whether it was made from the requirements as they are now."""
        stamp = self.folder / STAMP
        return stamp.is_file() and stamp.read_bytes() == self.requirements.read_bytes()

    def make(self, python: Path) -> None:
        """Make it with this Python unless it is made. Raises NotPrepared."""
        if self.is_made():
            return
        _run([str(python), "-m", "venv", "--clear", str(self.folder)])
        _run([str(self.python), "-m", "pip", "install", "--quiet", "--requirement", str(self.requirements)])
        (self.folder / STAMP).write_bytes(self.requirements.read_bytes())


CLIENTS = Environment(ROOT / ".venv-clients", ROOT / "tests" / "clients" / "requirements.txt")
MLSERVER = Environment(ROOT / ".venv-mlserver", ROOT / "benchmarks" / "requirements-mlserver.txt")
FACTORY = Environment(ROOT / ".venv-factory", ROOT / "tests" / "factory" / "requirements.txt")
BENTOML = Environment(ROOT / ".venv-bentoml", ROOT / "benchmarks" / "requirements-bentoml.txt")
NAMED = {"clients": CLIENTS, "factory": FACTORY, "mlserver": MLSERVER, "bentoml": BENTOML}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotPrepared(f"{' '.join(command[1:4])} failed: {done.stderr.strip()[-400:]} Is this machine online?")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.environments", description=__doc__)
    parser.add_argument("name", choices=sorted(NAMED))
    try:
        NAMED[parser.parse_args().name].make(Path(sys.executable))
    except NotPrepared as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
