"""Where a Python 3.13 is looked for, and what is taken for one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from local.conformance import NO_PYTHON, WORKER, find_python, prepare_environment
from local.environments import STAMP, Environment, NotPrepared

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or sys.version_info[:2] == (3, 13), reason="Stands in for Python 3.13 by shell scripts."
)


@pytest.fixture
def pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty pyenv, and nothing else on the PATH."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    return tmp_path


def write_python(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_python_of_pyenv_that_says_it_is_3_13_is_found(pyenv: Path) -> None:
    write_python(pyenv / "versions/3.12.9/bin/python", "echo 3.12")
    wanted = write_python(pyenv / "versions/3.13.1/bin/python", "echo 3.13")
    assert find_python() == wanted


def test_python_whose_shim_refuses_to_start_is_passed_over(pyenv: Path) -> None:
    write_python(pyenv / "shims/python3.13", "exit 127")
    wanted = write_python(pyenv / "versions/3.13.1/bin/python", "echo 3.13")
    assert find_python() == wanted


def test_python_on_the_path_comes_before_pyenvs(pyenv: Path) -> None:
    write_python(pyenv / "versions/3.13.1/bin/python", "echo 3.13")
    wanted = write_python(pyenv / "shims/python3.13", "echo 3.13")
    assert find_python() == wanted


def test_machine_without_python_3_13_is_told_what_to_install(pyenv: Path) -> None:
    with pytest.raises(NotPrepared, match=re.escape(NO_PYTHON)):
        prepare_environment(Environment(pyenv / "environment", WORKER.requirements))


def test_environment_made_from_other_requirements_is_not_taken_for_made(tmp_path: Path) -> None:
    environment = Environment(tmp_path, WORKER.requirements)
    (tmp_path / STAMP).write_text("azure-functions-runtime==1.0.0\n")
    assert not environment.is_made()
    (tmp_path / STAMP).write_bytes(WORKER.requirements.read_bytes())
    assert environment.is_made()
