"""Which Node is used, and what is said when npm fails. Node and npm are little scripts here."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.failures import LocalFailed
from local.node import ensure_azurite, find_node


def write_script(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, but for the system's own shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    return folder


@pytest.mark.parametrize("version", ["v18.0.0", "v22.20.0"])
def test_node_of_the_path_that_is_new_enough_is_used(on_path: Path, version: str) -> None:
    node = write_script(on_path, "node", f"echo {version}")
    assert find_node() == str(node)


@pytest.mark.parametrize("body", ["echo v16.20.2", "exit 1", "echo nonsense"])
def test_node_of_the_path_that_is_too_old_or_broken_is_not_used(on_path: Path, body: str) -> None:
    node = write_script(on_path, "node", body)
    assert find_node() != str(node)


def test_azurite_whose_npm_fails_says_so_and_is_not_taken_for_installed(on_path: Path, tmp_path: Path) -> None:
    write_script(on_path, "node", "echo v20.0.0")
    write_script(on_path, "npm", "echo getaddrinfo ENOTFOUND >&2; exit 1")
    installed = tmp_path / "azurite"
    for _ in range(2):
        with pytest.raises(LocalFailed, match=r"(?s)ENOTFOUND.*npm could not install Azurite.*npm ping"):
            ensure_azurite(print, installed)


def test_azurite_of_the_same_lock_file_is_installed_once(on_path: Path, tmp_path: Path) -> None:
    write_script(on_path, "node", "echo v20.0.0")
    write_script(on_path, "npm", f"echo called >> {tmp_path / 'calls'}")
    installed, said = tmp_path / "azurite", list[str]()
    for _ in range(2):
        ensure_azurite(said.append, installed)
    assert (tmp_path / "calls").read_text() == "called\n"
    assert len(said) == 1
