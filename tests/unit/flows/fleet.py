"""A fleet to drive rollouts over: each region answers as its own app does; and the control region's papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flows.calls import Call, Caller
from flows.idempotency import Idempotency
from flows.ports import EngineFailed, RegionAnswer, RegionUnreachable
from flows.rolling_out.papers import open_papers
from flows.rolling_out.reconcile import Reconcile
from flows.rolling_out.region_steps import RegionSteps
from flows.write_record import WriteRecord
from scoring.release import Release
from tests.desk import Desk, read
from tests.fakes import CountingEntropy, FakeClock, MemoryLedger, MemoryReservations, MemoryRows

REGIONS = ("westeurope", "eastus2", "brazilsouth")
OLD = {"version": "1.0.0", "policy": "standard/1"}
NEW = {"version": "1.1.0", "policy": "standard/1"}
ROLLOUT = "01a20b88-7c4e-7995-b00e-1b51e55f7352"
PATH = "/api/v1/releases/deal-fraud"


def call_as(*roles: str) -> Call:
    return Call(Caller(f"someone-{'-'.join(roles)}", frozenset(roles)), "rollouts", "request-1", "00-1-2-01", 1000.0)


@dataclass
class Fleet:
    """Implements `flows.ports.RegionCalls` with one desk a region. Those that are `away` don't answer; what stands
    under `instead` is answered in a region's place."""

    desks: dict[str, Desk] = field(default_factory=lambda: {region: Desk() for region in REGIONS})
    away: set[str] = field(default_factory=set)
    instead: dict[str, RegionAnswer] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(
        self,
        region: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RegionAnswer:
        self.asked.append((region, method, path))
        if region in self.away:
            raise RegionUnreachable("the region did not answer")
        if region in self.instead:
            return self.instead[region]
        response = await self.desks[region].send(method, path, body, "control", headers)
        return RegionAnswer(response.status_code, read(response))

    async def release(self, region: str) -> Release:
        """What a region serves, whether or not it can be reached."""
        return await self.desks[region].service.read_release("deal-fraud")

    async def served(self) -> dict[str, str]:
        return {region: (await self.release(region)).stable.version for region in self.desks}

    async def by_hand(self, region: str, verb: str, body: object, roles: str = "operator") -> None:
        """What a person does in a region."""
        response = await self.desks[region].send("POST", f"{PATH}:{verb}", body, roles)
        assert response.status_code == 200, response.get_body()

    async def change_by_hand(self, region: str, change: object, roles: str) -> None:
        standing = await self.release(region)
        headers = {"If-Match": f'"{standing.generation}"'}
        response = await self.desks[region].send("PUT", PATH, change, roles, headers)
        assert response.status_code == 200, response.get_body()

    @property
    def changes(self) -> int:
        """How many requests there were that could change something."""
        return sum(method != "GET" for _, method, _ in self.asked)


@dataclass
class ScriptedEngine:
    """An engine whose instances are what the test says; those named in `failing` can't be asked for."""

    statuses: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)
    rescued: list[tuple[str, str]] = field(default_factory=list)
    purged_until: list[datetime] = field(default_factory=list)
    purge_fails: bool = False

    async def start(self, client: Any, order: Mapping[str, Any]) -> None:
        self.started.append(order["id"])
        self.statuses[order["id"]] = "Running"

    async def rescue(self, client: Any, order: Mapping[str, Any], reason: str) -> None:
        self.rescued.append((order["id"], reason))

    async def nudge(self, client: Any, rollout_id: str) -> None:
        """Nobody listens."""

    async def status(self, client: Any, rollout_id: str) -> str:
        if rollout_id in self.failing:
            raise EngineFailed(f"no status of {rollout_id}")
        return self.statuses.get(rollout_id, "")

    async def purge(self, client: Any, until: datetime) -> int:
        if self.purge_fails:
            raise EngineFailed("no purge")
        self.purged_until.append(until)
        return 0


@dataclass
class Papers:
    """The control region's documents, and what looks after them, over a fleet."""

    fleet: Fleet = field(default_factory=Fleet)
    clock: FakeClock = field(default_factory=FakeClock)
    rows: MemoryRows = field(default_factory=MemoryRows)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)

    def __post_init__(self) -> None:
        self.idempotency = Idempotency(MemoryReservations(), self.ledger, self.clock, b"k" * 32, lease_s=45)
        write = WriteRecord("westeurope", self.ledger, self.idempotency, self.clock, CountingEntropy())
        self.papers = open_papers(self.rows, write, self.clock)
        self.log, self.desired, self.notices = self.papers.log, self.papers.desired, self.papers.notices
        self.steps = RegionSteps(self.fleet)
        self.reconcile = Reconcile(self.papers, self.steps, REGIONS, self.clock)

    async def begin(self, rollout_id: str = ROLLOUT, model: str = "deal-fraud") -> dict[str, Any]:
        """A rollout whose order is written, and nothing else."""
        started_at = f"{self.clock.now().replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        order = {"id": rollout_id, "model": model, "target": {"version": "1.1.0", "policy": None},
                 "starter": "someone", "started_at": started_at, "plan": {"waves": [list(REGIONS)]}}  # fmt: skip
        await self.log.create(order)
        return order

    async def show(self, rollout_id: str = ROLLOUT, phase: str = "Progressing", seq: int = 1) -> None:
        """What the orchestration would have shown just now."""
        shown = {"phase": phase, "message": "", "wave": 1, "gate": None}
        await self.log.show(rollout_id, "rollout", seq, shown)
