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
from collections.abc import Iterator, Mapping
from compileall import compile_dir
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue

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
# No other plugins, each costs time at every start; plain asserts: nobody reads how two long lists differ.
OPTIONS = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin"]
UNSHRUNK = ["-p", "tests.mutations.unshrunk"]
MUTATED = "test_mutation_is_caught["


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


Runs = Mapping[str, "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Runs]:
    """The tests of every mutation that was asked for, under way on all cores, each core with a tree of its own."""
    asked = [item.callspec.params["mutation"] for item in request.session.items if MUTATED in item.nodeid]
    trees: SimpleQueue[Path] = SimpleQueue()
    cores = os.cpu_count() or 1
    for _ in range(cores):
        trees.put(copy_tree(tmp_path_factory.mktemp("mutants")))
    with ThreadPoolExecutor(cores) as pool:
        yield {mutation.name: pool.submit(run_tests, trees, mutation) for mutation in asked}
        pool.shutdown(cancel_futures=True)


def copy_tree(folder: Path) -> Path:
    """What mutations touch, and what its tests need."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    for name in ("pyproject.toml", "regions.json", "host.json", "function_app.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "training" / "data").symlink_to(ROOT / "training" / "data")
    (folder / ".local").symlink_to(ROOT / ".local")
    # Compiled once, and compared by content: a mutation may leave a file's size and its time in seconds as they were.
    compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return folder


def options_of(mutation: Mutation) -> list[str]:
    """hypothesis takes its time to load, so it is told to be brief only where it is loaded anyway."""
    texts = [(ROOT / test.partition("::")[0]).read_text() for test in mutation.tests]
    return [*OPTIONS, *(UNSHRUNK if any("hypothesis" in text for text in texts) else [])]


def run_tests(trees: SimpleQueue[Path], mutation: Mutation) -> subprocess.CompletedProcess[str]:
    """The mutation's tests in a tree that has it; the tree is put back as it was."""
    tree = trees.get()
    file = tree / mutation.file
    original = file.read_text()
    try:
        file.write_text(original.replace(mutation.old, mutation.new))
        return subprocess.run(
            [sys.executable, "-B", "-m", "pytest", *options_of(mutation), *mutation.tests],
            cwd=tree,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=TEST_RUN_SECONDS,
            check=False,
        )
    finally:
        file.write_text(original)
        trees.put(tree)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_is_caught(runs: Runs, mutation: Mutation) -> None:
    found = (ROOT / mutation.file).read_text().count(mutation.old)
    assert found == 1, f"{mutation.file} holds this text {found} times, not once: {mutation.old}"
    run = runs[mutation.name].result()
    assert run.returncode == 1, f"survived (exit code {run.returncode}):\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
