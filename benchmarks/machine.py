"""What the figures were measured on, without which they say nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.claims_1996 import ROOT
from local.environments import BENTOML, MLSERVER

OURS = ("lightgbm", "numpy", "azure-functions", "msgspec", "aiohttp", "uvicorn")


def describe_machine() -> dict[str, str]:
    """Machine, versions, commit and date; the load while nothing of ours ran is the machine's own one-minute mean."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    rivals = {**_pinned(MLSERVER.requirements), **_pinned(BENTOML.requirements)}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": cpu[1] if cpu else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 2**20:.1f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "ours": ", ".join(f"{name} {version(name)}" for name in OURS),
        "theirs": ", ".join(f"{name} {pin}" for name, pin in sorted(rivals.items())),
        "commit": _git("rev-parse", "--short", "HEAD") + (" with changes" if _git("status", "--short", "-uno") else ""),
    }


def _pinned(requirements: Path) -> Mapping[str, str]:
    pins = re.findall(r"^([\w.-]+)==(\S+)", requirements.read_text(), re.MULTILINE)
    return dict(pins)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
