"""The local system: the issuer in this process, Azurite and one process a region beside it, watched until told to stop.

1. Lay the ground: ports, tokens, issuer, Azurite.  2. Start the regions at once.  3. Wait until all are ready.
4. Deliver the demo's reference data.  5. Watch: what ends by itself is started again, but not for ever.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from local.failures import LocalFailed
from local.ground import Ground
from local.host import EXIT_CANNOT_RUN
from local.plan import Plan
from local.readiness import what_region_waits_for
from local.reference import deliver_references
from local.regions import RegionProcess, start_region, stop_regions

READY_SECONDS = 60
LOOK_SECONDS = 0.2
MAX_RESTARTS = 3
RESTART_WINDOW_S = 60
Say = Callable[[str], None]


class System:
    """The running local system. `say` tells a person what happens."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self._say = say
        self._ground = Ground(plan, plan.regions, say)
        self._regions: dict[str, RegionProcess] = {}
        self._restarts: dict[str, deque[float]] = defaultdict(deque)

    def start(self) -> None:
        """Start everything and return when all regions are ready. Raises LocalFailed; stop() is still to be called."""
        self._ground.start()
        self._say(f"Starting {len(self.plan.regions)} regions ...")
        for name in self.plan.regions:
            self.plan.log_file(name).unlink(missing_ok=True)
            self._regions[name] = start_region(self.plan, name, self._ground.azurite)
        self._wait_until_ready()
        deliver_references(self.plan, self.plan.regions, self._ground.azurite)

    def watch(self, stopped: threading.Event) -> None:
        """Keep everything running until `stopped`. Raises LocalFailed when something ends again and again."""
        while not stopped.wait(LOOK_SECONDS):
            self._look_after_azurite()
            for region in list(self._regions.values()):
                self._look_after(region)

    def stop(self) -> None:
        """Stop what was started; nothing is left when it returns."""
        stop_regions(list(self._regions.values()))
        self._ground.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = dict.fromkeys(self._regions, "it starts")
        while waiting:
            for name in list(waiting):
                self._require_running(self._regions[name])
                reason = what_region_waits_for(self.plan.port_of(name))
                waiting[name] = reason or ""
                if reason is None:
                    del waiting[name]
            if waiting and time.monotonic() > deadline:
                name, reason = next(iter(waiting.items()))
                said = (reason or "").rstrip(".")
                raise LocalFailed(f"{name} not ready in {READY_SECONDS} s: {said}. See {self.plan.log_file(name)}.")
            time.sleep(LOOK_SECONDS / 4)

    def _require_running(self, region: RegionProcess) -> None:
        if region.has_ended():
            raise LocalFailed(f"{region.last_lines()}\n{region.name} could not start, see above or {region.log}.")

    def _look_after_azurite(self) -> None:
        if self._ground.azurite.process.poll() is not None:
            self._note_restart("Azurite", str(self.plan.folder / "storage" / "azurite.out"))
            self._ground.start_azurite()

    def _look_after(self, region: RegionProcess) -> None:
        if not region.has_ended():
            return
        if region.process.returncode == EXIT_CANNOT_RUN:
            self._require_running(region)
        self._note_restart(f"{region.name} (exit code {region.process.returncode})", str(region.log))
        self._regions[region.name] = start_region(self.plan, region.name, self._ground.azurite)

    def _note_restart(self, name: str, log: str) -> None:
        now, restarts = time.monotonic(), self._restarts[name]
        while restarts and now - restarts[0] > RESTART_WINDOW_S:
            restarts.popleft()
        if len(restarts) >= MAX_RESTARTS:
            raise LocalFailed(f"{name} ended {MAX_RESTARTS + 1} times in a minute; see {log}, mend it and start again.")
        restarts.append(now)
        self._say(f"{name} ended by itself: starting it again. Its output is in {log}.")
