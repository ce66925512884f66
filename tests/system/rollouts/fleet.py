"""The regions as `make run` starts them, but in the test's hands: each can be killed, frozen and started again.

Nobody starts a region that was killed unless the test does, so that "stays down" means that. The rollouts' pace is
quicker than the local system's, and an activity that was lost with its process comes back only after five minutes, as
on Azure: a rollout that goes on after a kill doesn't owe that to this machine's kindness.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field

from adapters.azure_storage import connect_by_string
from adapters.blobs_bundles import BlobsBundles
from flows.ports import MODELS_KIND
from local.ground import Ground
from local.plan import ROOT
from local.readiness import what_region_waits_for
from local.regions import RegionProcess, account_of, host_command, region_environment, stop_regions
from scoring.manifest import MODEL_FILE
from tests.system.conftest import START_SECONDS, Reachable, wait_until
from tests.system.rollouts.listener import Listener

AZURE_RETURN_DELAY_S = 300
KEPT_CONTAINER = "versions"
LEASE_S, ROLLBACK_S = 6, 4
PACE = {
    "VOUCH_ROLLOUT_SLICE_S": "0.5",
    "VOUCH_ROLLOUT_ATTEMPT_S": "2",
    "VOUCH_ROLLOUT_LEASE_S": str(LEASE_S),
    "VOUCH_ROLLBACK_S": str(ROLLBACK_S),
    "VOUCH_CONTROL_SCHEDULE": "*/2 * * * * *",
    "VOUCH_STUCK_AFTER_S": "3",
}


@dataclass(slots=True)
class Away:
    """A time in which a region's process was gone, until it was ready again; callers may meet nobody then."""

    since: float
    until: float = float("inf")


@dataclass(slots=True)
class Fleet(Reachable):
    """Four regions, each a process with a storage account of its own."""

    away: dict[str, list[Away]] = field(default_factory=dict)
    listener: Listener = field(default_factory=Listener)
    _ground: Ground = field(init=False)
    _regions: dict[str, RegionProcess] = field(default_factory=dict)
    _frozen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ground = Ground(self.plan, self.plan.regions, lambda _: None)

    def start(self) -> None:
        """Everything, ready."""
        self._ground.start()
        for region in self.plan.regions:
            self._begin(region)
        for region in self.plan.regions:
            self._wait_until_ready(region)

    def stop(self) -> None:
        """End what was started."""
        for region in self._regions:
            self.thaw(region)
        stop_regions(list(self._regions.values()))
        self._ground.stop()
        self.listener.stop()

    def kill(self, *regions: str) -> None:
        """`kill -9`."""
        for region in regions:
            self.away.setdefault(region, []).append(Away(time.time()))
            self._frozen.discard(region)
            process = self._regions[region].process
            process.kill()
            process.wait(10)
            assert process.stdin is not None
            process.stdin.close()

    def bring_back(self, *regions: str) -> None:
        """Start regions that were killed, and wait until they are ready."""
        for region in regions:
            self._begin(region)
        for region in regions:
            self._wait_until_ready(region)
            self.away[region][-1].until = time.time()

    def freeze(self, region: str) -> None:
        """The region answers nobody until it is thawed; then it does whatever it was asked meanwhile."""
        self.away.setdefault(region, []).append(Away(time.time()))
        self._frozen.add(region)
        os.kill(self._regions[region].process.pid, signal.SIGSTOP)

    def thaw(self, region: str) -> None:
        """It goes on where it was."""
        if region in self._frozen:
            self._frozen.discard(region)
            os.kill(self._regions[region].process.pid, signal.SIGCONT)
            self.away[region][-1].until = time.time()

    def damage(self, region: str, name: str, version: str) -> None:
        """Change the region's own copy of a version's trees behind its back."""
        asyncio.run(self._damage(self._ground.azurite.connection_string(account_of(region)), name, version))

    async def _damage(self, connection: str, name: str, version: str) -> None:
        storage = connect_by_string(connection)
        try:
            kept = await BlobsBundles(storage.blobs, KEPT_CONTAINER).find(MODELS_KIND, name, version)
            assert kept is not None
            path = f"/{KEPT_CONTAINER}/sha256/{kept.files[MODEL_FILE]}"
            headers = {"x-ms-version": "2021-12-02", "x-ms-blob-type": "BlockBlob"}
            answer = await storage.blobs.request("PUT", path, headers, b"tree\n", timeout_s=10)
            assert answer.status == 201, answer
        finally:
            await storage.close()

    def lose_orchestrations(self, region: str) -> None:
        """Delete the file in which a region that was killed keeps its orchestrations."""
        for file in self.plan.durable_file(region).parent.glob(f"{region}.sqlite*"):
            file.unlink()

    def restore(self) -> None:
        """Every region is there again."""
        for region, process in list(self._regions.items()):
            self.thaw(region)
            if process.has_ended():
                self.bring_back(region)

    def _begin(self, region: str) -> None:
        log = self.plan.log_file(region)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = host_command(self.plan, region, leash=0)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--durable-return-delay", str(AZURE_RETURN_DELAY_S)],
                cwd=ROOT,
                env={
                    **region_environment(self.plan, region, self._ground.azurite),
                    **self.listener.settings,
                    **PACE,
                },
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._regions[region] = RegionProcess(region, process, log)

    def _wait_until_ready(self, region: str) -> None:
        process = self._regions[region]

        def is_ready() -> bool:
            assert not process.has_ended(), process.last_lines()
            return what_region_waits_for(self.plan.port_of(region)) is None

        wait_until(is_ready, START_SECONDS, f"{region} is ready")
