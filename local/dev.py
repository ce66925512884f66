"""One region in this terminal: started anew when a file changes, with breakpoints, since the terminal is its own."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from watchfiles import DefaultFilter, watch

from local.failures import LocalFailed
from local.ground import Ground
from local.newcomer import curl_to
from local.plan import ROOT, Plan
from local.readiness import what_region_waits_for
from local.reference import deliver_references
from local.regions import STOP_SECONDS, host_command, region_environment

LOOK_SECONDS = 0.5
WATCHED = {".py", ".json", ".jsonl", ".txt", ".html"}
IGNORED_FOLDERS = (".local", ".venv", "build", "tests", "benchmarks", "docs")


class SourceFilter(DefaultFilter):
    """Lets changes through that the running app depends on."""

    def __call__(self, change: object, path: str) -> bool:
        """True for a source, bundle, policy or page of the app."""
        inside = Path(path).relative_to(ROOT).parts[:1] if Path(path).is_relative_to(ROOT) else ("tests",)
        return Path(path).suffix in WATCHED and inside[0] not in IGNORED_FOLDERS and super().__call__(change, path)  # type: ignore[arg-type]


def develop(plan: Plan, region: str, stopped: threading.Event, say: Callable[[str], None]) -> None:
    """Run one region until `stopped`, anew after each change of the app's files. Raises LocalFailed."""
    ground = Ground(plan, [region], say)
    leash, held = os.pipe()
    process: subprocess.Popen[bytes] | None = None
    try:
        ground.start()
        process = _start(plan, region, ground, leash)
        say(f"{region} starts at {plan.regions[region].base_url}; Ctrl-C ends it. Change a file and it starts anew;")
        say("write breakpoint() where you want to look, and send a deal:")
        say(f"  {curl_to(plan, region)}")
        _deliver_when_ready(plan, region, ground, stopped, say)
        for _ in watch(ROOT, watch_filter=SourceFilter(), stop_event=stopped, raise_interrupt=True):
            say("Files have changed: starting anew ...")
            _stop(process)
            process = _start(plan, region, ground, leash)
    finally:
        if process is not None:
            _stop(process)
        ground.stop()
        os.close(held)
        os.close(leash)


def _deliver_when_ready(
    plan: Plan, region: str, ground: Ground, stopped: threading.Event, say: Callable[[str], None]
) -> None:
    """Deliver the demo's reference data from a thread: the region may stand at a breakpoint in this terminal."""

    def deliver() -> None:
        while what_region_waits_for(plan.port_of(region)) is not None:
            if stopped.wait(LOOK_SECONDS):
                return
        try:
            deliver_references(plan, [region], ground.azurite)
        except LocalFailed as failure:
            say(str(failure))

    threading.Thread(target=deliver, name="reference", daemon=True).start()


def _start(plan: Plan, region: str, ground: Ground, leash: int) -> subprocess.Popen[bytes]:
    environ = region_environment(plan, region, ground.azurite)
    if os.name == "nt":  # Windows can't hand a pipe down this way: there Ctrl-C alone ends the region
        return subprocess.Popen(host_command(plan, region), cwd=ROOT, env=environ)
    return subprocess.Popen(host_command(plan, region, leash), cwd=ROOT, env=environ, pass_fds=(leash,))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
