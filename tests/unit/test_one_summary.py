from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.plan import ROOT

PASSES = "def test_it():\n    pass\n"
ALL_WAYS = """
import pytest

@pytest.fixture
def broken():
    yield
    raise ValueError("at its end")

def test_fails():
    assert 1 == 2, "one is not two"

def test_skips():
    pytest.skip("for a reason")

def test_errs(broken):
    pass
"""
KILLED = "import os\n\ndef test_it():\n    pass\n\ndef test_last():\n    os.kill(os.getpid(), 9)\n"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on its own in a folder, with the plugin and without those of others."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "tests.one_summary", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    return run.stdout.splitlines()[-1].partition(" in ")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_last.py").write_text(PASSES)
    (tmp_path / "pytest.ini").write_text("")
    return tmp_path


def test_kept_reports_are_in_the_summary_of_the_run_that_reads_them(folder: Path) -> None:
    (folder / "test_first.py").write_text(ALL_WAYS)
    assert run(folder, "--keep-reports=first", "test_first.py").returncode == 1
    last = run(folder, "--with-reports=first", "test_last.py")
    assert last.returncode == 1
    assert last_line(last) == "1 failed, 2 passed, 1 skipped, 1 error"
    for told in ("one is not two", "at its end", "for a reason", "[100%]"):
        assert told in last.stdout


def test_run_counts_nothing_but_its_own_tests_where_it_is_told_of_no_other(folder: Path) -> None:
    assert last_line(run(folder, "test_last.py")) == "1 passed"


@pytest.mark.parametrize(
    ("source", "summary"),
    [(KILLED, "1 failed, 2 passed"), ("raise ImportError", "1 failed, 1 passed"), (None, "1 failed, 1 passed")],
    ids=["killed", "not collected", "never started"],
)
def test_run_that_ended_without_all_outcomes_is_a_failure(folder: Path, source: str | None, summary: str) -> None:
    if source is not None:
        (folder / "test_first.py").write_text(source)
        run(folder, "--keep-reports=first", "test_first.py")
    last = run(folder, "--with-reports=first", "test_last.py")
    assert last.returncode == 1
    assert last_line(last) == summary
    assert "exit code" in last.stdout
