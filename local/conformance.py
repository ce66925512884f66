"""`python -m local.conformance`: start the deployment package on Python 3.13, alone and under Microsoft's own worker.

The worker library (`azure-functions-runtime`) is for Python 3.13 and has an environment of its own,
`.venv-conformance`, so that the checks run whatever Python the project is worked on with. Needs some Python 3.13 on the
machine; the tests of `tests/conformance` say so where there is none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.environments import ROOT, Environment, NotPrepared

WORKER = Environment(ROOT / ".venv-conformance", ROOT / "tests" / "conformance" / "requirements.txt")
VERSION = "3.13"
NO_PYTHON = (
    f"There is no Python {VERSION} on this machine (Azure's version). Install it, for example: pyenv install {VERSION}"
)
NOT_PREPARED = "The environment of Microsoft's worker is not made. Run: python -m local.conformance"


def find_python() -> Path | None:
    """Some Python 3.13 that starts: this one, on the PATH, or one of pyenv's."""
    on_path = shutil.which(f"python{VERSION}")
    candidates = [Path(sys.executable), *([Path(on_path)] if on_path else []), *_pyenv_pythons()]
    return next((path for path in candidates if _is_wanted(path)), None)


def prepare_environment(environment: Environment = WORKER) -> None:
    """Make the environment unless it is made. Raises NotPrepared."""
    if environment.is_made():
        return
    python = find_python()
    if python is None:
        raise NotPrepared(NO_PYTHON)
    environment.make(python)


def _pyenv_pythons() -> list[Path]:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(versions.glob(f"{VERSION}*/bin/python"), reverse=True)


def _is_wanted(python: Path) -> bool:
    """Asks the program itself: pyenv's shims exist for versions that they then refuse to start."""
    asked = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == VERSION


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.conformance", description=__doc__)
    parser.add_argument("--prepare", action="store_true", help="only make the environment, run no test")
    only_prepare: bool = parser.parse_args().prepare
    try:
        prepare_environment()
    except NotPrepared as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if only_prepare:
        return 0
    return subprocess.run([sys.executable, "-m", "pytest", "tests/conformance"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
