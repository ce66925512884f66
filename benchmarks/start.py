"""A worker's start, memory and size: what Azure makes a new instance wait for, and bills."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.claims_1996 import ROOT
from benchmarks.figures import Goal, Section, markdown_table, spread
from benchmarks.load import SERVER_CORE
from benchmarks.over_http import local_system
from local.package.__main__ import build_package
from local.package.sizes import Size
from local.regions import region_environment

STARTS = 7
DECISIONS = 10_016
LIMIT_MB = 300
IMPORT_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$")
Tell = Callable[[str], None]
Start = Mapping[str, float]
STEPS = (
    ("interpreter up", "started", "up"),
    ("imports", "up", "imported"),
    ("compose, load and verify the models", "imported", "composed"),
    ("first decision", "composed", "first"),
    ("all, to the first answer", "started", "first"),
)


def measure(folder: Path, tell: Tell) -> Section:
    """Fresh processes, in memory and on Azurite in turn; the first pair fills the disk cache and is dropped."""
    starts: dict[str, list[Start]] = {"memory": [], "real": []}
    with local_system(folder) as (plan, azurite):
        environment = region_environment(plan, "westeurope", azurite)
        environment |= {"BENCH_TOKEN": plan.token_file("scorer").read_text(), "PYTHONDONTWRITEBYTECODE": ""}
        for number in range(STARTS + 1):
            tell(f"worker start {number} of {STARTS}")
            pair = {kind: json.loads(_run(kind, 0, environment).stdout) for kind in starts}
            for kind, start in pair.items() if number else ():
                starts[kind].append(start)
        imports = _run("memory", 0, environment, "-X", "importtime").stderr
        tell(f"{DECISIONS:,} decisions, for the memory they leave")
        used = json.loads(_run("real", DECISIONS, environment).stdout)
    tell("building the deployment package")
    target = folder / "vouch.zip"
    sizes = build_package(ROOT, target)
    return build_section(starts, condense_imports(imports), used, sizes, target.stat().st_size)


def _run(kind: str, decisions: int, environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    module = [sys.executable, *options, "-m", "benchmarks.first_decision", kind, str(time.time()), str(decisions)]
    command = ["taskset", "--cpu-list", SERVER_CORE, *module]
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(module)} failed: {done.stderr[-2000:]}")
    return done


def condense_imports(importtime: str) -> list[tuple[str, float]]:
    """Milliseconds by top-level package from `-X importtime`, the ten longest first; each module's own time only."""
    totals: Counter[str] = Counter()
    for line in importtime.splitlines():
        found = IMPORT_LINE.match(line)
        if found:
            totals[_package_of(found[2])] += int(found[1])
    return [(package, us / 1000) for package, us in totals.most_common(10)]


def _package_of(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "azure" else parts[0]


def build_section(
    starts: Mapping[str, Sequence[Start]],
    imports: Sequence[tuple[str, float]],
    used: Start,
    sizes: Sequence[Size],
    package_bytes: int,
) -> Section:
    """Tables and goals."""
    rows = [
        [step, *(str(spread(milliseconds(starts[kind], since, until))) for kind in ("memory", "real"))]
        for step, since, until in STEPS
    ]
    whole = spread([ms / 1000 for ms in milliseconds(starts["memory"], "started", "first")])
    resident = used["resident_mb"]
    goals = [
        Goal(
            "fresh process to first decision, no wait for storage",
            "under 1 s",
            f"{whole} s",
            whole.median < 1,
            WHY_SLOW,
        ),
        Goal(
            f"resident memory after {DECISIONS:,} decisions, MB",
            f"under {LIMIT_MB}",
            f"{resident:.0f} (peak {used['peak_mb']:.0f})",
            resident < LIMIT_MB,
            "See what is imported, below.",
        ),
        Goal("deployment package, MB", "", f"{package_bytes / 1e6:.1f}", None),
    ]
    tables = [
        markdown_table(["step", "storage in memory, ms", "storage on Azurite, ms"], rows),
        markdown_table(["import (`-X importtime`, own time)", "ms"], [[name, f"{ms:.1f}"] for name, ms in imports]),
    ]
    tables.append(
        markdown_table(
            ["in the package", "MB zipped"],
            [[size.part, f"{size.zipped / 1e6:.2f}"] for size in sorted(sizes, key=lambda one: -one.zipped)[:8]],
        )
    )
    return Section("Start, memory, size", NOTE, tables, goals)


def milliseconds(starts: Sequence[Start], since: str, until: str) -> list[float]:
    return [(start[until] - start[since]) * 1000 for start in starts]


WHY_SLOW = (
    "The imports below take it; importing the Functions SDK and the HTTP client later, or not at all, would help."
)
NOTE = f"""{STARTS} fresh processes each on one core, after one that fills the disk cache and writes the byte code; from
before the process is made to the answer of the app's own handler to a signed request. In memory, the first decision
still fetches the issuer's keys; on Azurite it also reads the release, claims a lane and commits. Azure's own worker and
the allocation of an instance come on top. Memory is that of the app as it is deployed, on Azurite, {DECISIONS:,}
decisions later."""
