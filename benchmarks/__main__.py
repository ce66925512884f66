"""`python -m benchmarks [part ...]`: measure (all of `PARTS` unless some are named), print, write RESULTS.md.

The report is written by a run of all parts only, so that it never mixes machines or days.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from benchmarks import in_process, ledger, over_http, replay, rollouts, sealing, start, verify, waiting_orchestrations
from benchmarks.claims_1996 import ROOT
from benchmarks.figures import Section
from benchmarks.load import LoadFailed, require_wrk
from benchmarks.machine import describe_machine
from benchmarks.report import build_report
from local.environments import BENTOML, MLSERVER, NotPrepared
from local.failures import LocalFailed
from local.package.faults import PackagingFailed

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
Tell = Callable[[str], None]
Measure = Callable[[Path, Tell], Section]
PARTS: Mapping[str, Measure] = {
    "inprocess": lambda _, tell: in_process.measure(tell),
    "http": over_http.measure,
    "ledger": ledger.measure,
    "start": start.measure,
    "rollouts": rollouts.measure,
    "waiting": waiting_orchestrations.measure,
    "sealing": sealing.measure,
    "verify": verify.measure,
    "replay": replay.measure,
}


def run(parts: list[str], console: Console) -> None:
    """Measure these parts in turn. Raises what a part raises."""
    began, machine = time.monotonic(), describe_machine()
    sections = []
    with console.status("starting") as status, tempfile.TemporaryDirectory(prefix="vouch-bench-") as folder:

        def tell(what: str) -> None:
            status.update(f"{time.monotonic() - began:.0f} s: {what}")
            if not console.is_terminal:
                console.print(f"{time.monotonic() - began:4.0f} s  {what}", highlight=False)

        if "http" in parts:
            require_wrk()
            for environment in (MLSERVER, BENTOML):
                tell(f"making {environment.folder.name} (the first time takes a minute)")
                environment.make(Path(sys.executable))
        for part in parts:
            (Path(folder) / part).mkdir()
            sections.append(PARTS[part](Path(folder) / part, tell))
    command = " ".join(["python -m benchmarks", *(parts if set(parts) != set(PARTS) else [])])
    report = build_report(sections, machine, command, time.monotonic() - began)
    console.print(Markdown(report))
    if set(parts) == set(PARTS):
        RESULTS.write_text(report)
        console.print(f"Written to {RESULTS}")


def _end(number: int, _: object) -> None:
    """Unwind, so that every server is stopped."""
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all of them)")
    parts = parser.parse_args().parts or list(PARTS)
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}. There are {', '.join(PARTS)}.")
    signal.signal(signal.SIGTERM, _end)
    try:
        run(parts, Console())
    except (LoadFailed, NotPrepared, LocalFailed, PackagingFailed) as error:
        Console(stderr=True).print(f"Nothing was written: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
