"""Seeded mutations: a fault put into the app, or into the factory's pipelines, is caught by the tests that it names.

Each mutation replaces one exact text in one file of a copy of the tree, and the named tests must then fail (exit
code 1: tests ran and failed). A mutation whose text is no longer there fails too, so that the list stays honest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = [
    "adapters",
    "audit",
    "deploy",
    "flows",
    "orchestrations",
    "rollouts",
    "scoring",
    "triggers",
    "local",
    "model_artifacts",
    "policies",
    "tests",
    "training",
    "vouch",
]
TEST_RUN_SECONDS = 120
PLUGINS = ["-p", "pytest_asyncio.plugin"]  # no others: each costs time at every start


@dataclass(frozen=True, slots=True)
class Mutation:
    """`tests` are paths under the root, as pytest takes them."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]


MUTATIONS = [
    Mutation(**entry) for entry in tomllib.loads((Path(__file__).parent / "mutations.toml").read_text())["mutation"]
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for name in ("pyproject.toml", "regions.json", "host.json", "function_app.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "training" / "data").symlink_to(ROOT / "training" / "data")
    (folder / ".local").symlink_to(ROOT / ".local")
    return folder


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_is_caught(tree: Path, mutation: Mutation) -> None:
    file = tree / mutation.file
    original = file.read_text()
    assert original.count(mutation.old) == 1, f"{mutation.file} no longer holds this text exactly once: {mutation.old}"
    file.write_text(original.replace(mutation.old, mutation.new))
    try:
        run = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *PLUGINS, *mutation.tests],
            cwd=tree,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=TEST_RUN_SECONDS,
            check=False,
        )
    finally:
        file.write_text(original)
    assert run.returncode == 1, f"survived (exit code {run.returncode}):\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
