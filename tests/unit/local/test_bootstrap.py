"""`run.py` before the environment exists: what it says when something is missing."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.plan import ROOT

FILES = ("run.py", "requirements.txt", "requirements-local.txt", "requirements-dev.txt")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the bootstrap reads, in a folder without an environment."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def bootstrap(
    checkout: Path, *words: str, python: str = sys.executable, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(checkout / "run.py"), *words],
        cwd=checkout,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("file", ["run.py", "local/__init__.py", "local/__main__.py"])
def test_bootstrap_keeps_to_the_syntax_of_python_3_6(file: str) -> None:
    ast.parse((ROOT / file).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_bootstrap_asked_for_help_names_every_command_and_installs_nothing(checkout: Path, word: str) -> None:
    done = bootstrap(checkout, word)
    assert done.returncode == 0
    assert all(f"python run.py {name}" in done.stdout for name in ("[run]", "dev", "demo", "setup", "-m"))
    assert not (checkout / ".venv").exists()


def test_bootstrap_where_pip_reaches_no_index_says_so_and_leaves_no_stamp(checkout: Path) -> None:
    done = bootstrap(
        checkout, "setup", PIP_INDEX_URL="http://127.0.0.1:1/", PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull
    )
    assert done.returncode == 1
    assert "pip could not install requirements-local.txt. Check that pip reaches its index" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((checkout / ".venv").glob("installed-*"))


def test_module_outside_an_environment_makes_one_as_the_bootstrap_does(checkout: Path) -> None:
    (checkout / "local").mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "local" / name, checkout / "local" / name)
    done = subprocess.run(
        [sys._base_executable, "-m", "local"],  # type: ignore[attr-defined]
        cwd=checkout,
        env={**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "pip could not install requirements-local.txt. Check that pip reaches its index" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a folder without write permission is made otherwise there")
def test_bootstrap_that_cannot_make_its_environment_says_so(checkout: Path) -> None:
    (checkout / ".venv").write_text("a file is in the way")
    done = bootstrap(checkout, "setup")
    assert done.returncode == 1
    assert "Python could not create .venv." in done.stderr


def find_old_python() -> str | None:
    """Some Python on this machine that is older than Vouch needs, for the next test."""
    pattern = Path.home() / ".pyenv" / "versions"
    candidates = [str(path) for path in sorted(pattern.glob("3.[6-9].*/bin/python"))] if pattern.is_dir() else []
    candidates += [found for minor in range(6, 11) if (found := shutil.which(f"python3.{minor}"))]
    return next(iter(candidates), None)


@pytest.mark.skipif(find_old_python() is None, reason="there is no Python older than 3.11 on this machine")
def test_bootstrap_on_an_old_python_alone_says_which_is_needed(checkout: Path) -> None:
    done = bootstrap(checkout, "setup", python=str(find_old_python()), PATH=str(checkout))
    assert done.returncode == 1
    assert "Vouch needs Python 3.11 to 3.13" in done.stderr
    assert "make run PYTHON=python3.13" in done.stderr
