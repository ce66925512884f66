"""Imports point one way, and the pure rooms have no clock, randomness, environment or I/O."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = (
    "scoring",
    "audit",
    "rollouts",
    "flows",
    "orchestrations",
    "triggers",
    "adapters",
    "vouch",
    "local",
    "training",
    "benchmarks",
)

ALLOWED = {
    "scoring": {"scoring"},
    "audit": {"audit", "scoring"},
    "rollouts": {"rollouts", "scoring"},
    "flows": {"flows", "audit", "rollouts", "scoring"},
    "triggers": {"triggers", "flows", "audit", "rollouts", "scoring"},
    "orchestrations": {"orchestrations", "flows", "audit", "rollouts", "scoring"},
    "adapters": {"adapters", "flows", "audit", "rollouts", "scoring"},
}
ALLOWED_IN_FLOWS: dict[str, set[str]] = {
    "keys": set(),
    "reference": set(),
    "replaying": set(),
    "records": {"keys"},
    "privacy": {"keys", "records"},
    "sealing": {"keys", "privacy"},
    "releasing": {"reference"},
    "deciding": {"reference", "releasing"},
    "rolling_out": {"releasing"},
}
"""What a folder of `flows` imports beside itself and what lies in no folder."""

COMPOSING = {"flows.service", "flows.compose_service", "flows.compose_trail", "flows.compose_records"}
IMPURE = {"time", "random", "secrets", "os", "socket", "subprocess", "asyncio", "pathlib", "io", "requests", "aiohttp"}
LIBRARY_LOADER = "scoring/booster.py"


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The modules a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


@pytest.mark.parametrize("room", ALLOWED)
def test_room_imports_only_what_lies_below_it(room: str) -> None:
    assert files(room), f"{room} is empty"
    for path in files(room):
        ours = {module.split(".")[0] for module in imports(path)} & {*ROOMS, "function_app"}
        assert ours <= ALLOWED[room], f"{path.relative_to(ROOT)} imports {ours - ALLOWED[room]}"


def test_folder_of_flows_imports_only_what_lies_below_it() -> None:
    folders = {path.name for path in (ROOT / "flows").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ALLOWED_IN_FLOWS)
    for folder in folders:
        for path in files(f"flows/{folder}"):
            ours = {module for module in imports(path) if module.startswith("flows.")}
            inside = {module.split(".")[1] for module in ours} & folders
            assert inside <= ALLOWED_IN_FLOWS[folder] | {folder}, f"{path.relative_to(ROOT)} imports {inside}"
            assert not ours & COMPOSING, f"{path.relative_to(ROOT)} imports what composes it"


@pytest.mark.parametrize("room", ["scoring", "audit", "rollouts", "flows", "vouch", "training"])
def test_room_without_azure_imports_none(room: str) -> None:
    for path in files(room):
        assert not any(module.split(".")[0] == "azure" for module in imports(path)), path


@pytest.mark.parametrize("room", ["scoring", "audit", "rollouts"])
def test_pure_room_has_no_clock_randomness_environment_or_io(room: str) -> None:
    for path in files(room):
        if path.relative_to(ROOT).as_posix() == LIBRARY_LOADER:
            continue
        impure = {module.split(".")[0] for module in imports(path)} & IMPURE
        assert not impure, f"{path.relative_to(ROOT)} imports {impure}"
        called = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
        assert not called & {"open", "input", "print", "datetime.now", "date.today"}, path


def test_lightgbm_is_named_in_one_file_of_the_app() -> None:
    rooms = ("scoring", "audit", "flows", "triggers", "adapters")
    naming = {p.relative_to(ROOT).as_posix() for room in rooms for p in files(room) if _names_lightgbm(p)}
    assert naming == {LIBRARY_LOADER}


def _names_lightgbm(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return "lightgbm" in {module.split(".")[0] for module in imports(path)} or "lightgbm" in texts
