"""The load: wrk, pinned to one core, so that what is measured is the server on the other one."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOAD_CORE, SERVER_CORE = "1", "0"
SCRIPT = Path(__file__).parent / "load.lua"


class LoadFailed(RuntimeError):
    """A round whose answers were not all good, or a machine without wrk; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one system is sent."""

    url: str
    bodies: Path
    headers: Path


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured. `load_share` is how much of its core wrk itself used: near 1, wrk was the limit."""

    per_second: float
    p50_ms: float
    p99_ms: float
    load_share: float


def require_wrk() -> None:
    """Raises LoadFailed where wrk or taskset is missing."""
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            raise LoadFailed(f"There is no {program} here. Install it: apt-get install {package}")


def write_load(folder: Path, name: str, url: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> Load:
    """The files that wrk's script reads."""
    body_file, header_file = folder / f"{name}.bodies", folder / f"{name}.headers"
    body_file.write_bytes(b"\n".join(bodies) + b"\n")
    header_file.write_text("".join(f"{key}: {value}\n" for key, value in headers.items()))
    return Load(url, body_file, header_file)


def run_round(load: Load, connections: int, seconds: float) -> Round:
    """One round. Raises LoadFailed where any answer was not 2xx."""
    wrk = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s"]
    script = ["--timeout", "10s", "--script", str(SCRIPT), load.url, "--", str(load.bodies), str(load.headers)]
    command = ["taskset", "--cpu-list", LOAD_CORE, *wrk, *script]
    before = _cpu_seconds_of_children()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or found is None:
        raise LoadFailed(f"wrk failed on {load.url}: {done.stderr.strip()[-300:]}")
    used_s = _cpu_seconds_of_children() - before
    result = json.loads(found[1])
    if result["errors"] or not result["requests"]:
        raise LoadFailed(f"{load.url}: {result['errors']} of {result['requests']} answers were no success.")
    return Round(result["requests"] / result["seconds"], result["p50_ms"], result["p99_ms"], used_s / result["seconds"])


def _cpu_seconds_of_children() -> float:
    """Of those that ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
