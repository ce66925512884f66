"""A rehearsal of rollouts: control and regions in one process and in virtual time, seen through their own API.

Each region is a desk with the app's real handlers; the control region's orchestrations run on a virtual hub. Only what
the regions have counted is made up: `moods` says what their deals show.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import azure.functions as func

from flows.deciding.admit_deal import Residency
from flows.errors import StorageFailed
from flows.ports import RegionAnswer, RegionUnreachable
from flows.regions import Region
from flows.rolling_out.rollouts import RolloutSettings
from orchestrations.activities import rollouts_orchestrations
from orchestrations.engine import orchestration_input
from orchestrations.names import NUDGE, ROLLOUT
from rollouts.plan import Before
from scoring.release import Release, Target
from tests.desk import ROOT, Desk, read
from tests.fakes import FakeClock, MemoryBundles
from tests.replay.virtual_hub import VirtualHub

REGIONS = ("westeurope", "eastus2", "brazilsouth")
CONTROL = REGIONS[0]
MODEL = "deal-fraud"
PATH = f"/api/v1/releases/{MODEL}"
OLD, NEW = "1.0.0", "1.1.0"
BEFORE = Target(OLD, "standard/1")
PACE = {"slice_s": 15.0, "attempt_s": 30.0, "lease_s": 60.0, "rollback_s": 120.0}
PLAN: dict[str, Any] = {
    "model": MODEL,
    "version": NEW,
    "waves": [["westeurope"], ["eastus2", "brazilsouth"]],
    "steps": [{"shadow": 1.0}, {"analysis": True}, {"setWeight": 100}],
    "bake": "PT10S",
    "approval": {"before": "never", "timeout": "PT2M"},
    "metrics": [{"name": "error_rate", "max": 0.01}, {"name": "review_rate", "max": 0.5, "onBreach": "pause"}],
    "deadline": "PT4M",
}


def reading(decisions: int = 500, errors: int = 0, review: int = 0) -> dict[str, Any]:
    """What a region answers of its candidate."""
    side = {"decisions": decisions, "errors": errors, "outcomes": {"approve": decisions - review, "review": review},
            "latency": [[1, decisions]], "risk": [[3, decisions]]}  # fmt: skip
    return {"stable": reading_side(), "candidate": side, "flips": [], "latency_bounds_ms": [1.0, 2.0]}


def reading_side() -> dict[str, Any]:
    return {"decisions": 500, "errors": 0, "outcomes": {"approve": 500}, "latency": [[1, 500]], "risk": [[3, 500]]}


GOOD, BAD, DOUBTFUL, FEW = "good", "bad", "doubtful", "few"
READINGS = {
    GOOD: reading(),
    BAD: reading(errors=100),
    DOUBTFUL: reading(review=400),
    FEW: reading(decisions=5),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that a region was asked, the status it answered (0: it wasn't reached), whether the answer came back,
    and what the region's deals showed then."""

    at: datetime
    region: str
    method: str
    path: str
    body: Mapping[str, Any]
    status: int
    is_answered: bool
    mood: str


@dataclass
class Regions:
    """Implements `flows.ports.RegionCalls` over the desks. Regions that are `away` are not reached; of those that are
    `mute` the answer is lost."""

    clock: FakeClock
    desks: dict[str, Desk] = field(default_factory=dict)
    moods: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    instead: dict[tuple[str, str], RegionAnswer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    async def __call__(
        self,
        region: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RegionAnswer:
        answer = await self._ask(region, method, path, body, headers) if region not in self.away else None
        status, is_answered = (0, False) if answer is None else (answer.status, region not in self.mute)
        mood = self.moods.get(region, GOOD)
        self.seen.append(Seen(self.clock.now(), region, method, path, body or {}, status, is_answered, mood))
        if answer is None or not is_answered:
            raise RegionUnreachable("the region did not answer")
        return answer

    async def _ask(self, region: str, method: str, path: str, body: Any, headers: Any) -> RegionAnswer:
        standing = self.instead.get((region, path.split("?", maxsplit=1)[0].rpartition("/")[2].rpartition(":")[2]))
        if standing is not None:
            return standing
        response = await self.desks[region].send(method, path, body, "control", headers)
        if response.status_code == 200 and "/metrics?" in path:
            return RegionAnswer(200, READINGS[self.moods.get(region, GOOD)])
        return RegionAnswer(response.status_code, read(response))


@dataclass
class HubEngine:
    """Implements `flows.ports.Engine` with a virtual hub."""

    hub: VirtualHub | None = None
    nudges: bool = True

    async def start(self, client: Any, order: Mapping[str, Any]) -> None:
        if not self._hub.status(order["id"]):
            self._hub.start(ROLLOUT, order["id"], orchestration_input(order))

    async def rescue(self, client: Any, order: Mapping[str, Any], reason: str) -> None:
        instance = f"{order['id']}-rescue"
        if not self._hub.status(instance):
            self._hub.start(ROLLOUT, instance, {**orchestration_input(order), "rescue": reason})

    async def nudge(self, client: Any, rollout_id: str) -> None:
        if self.nudges:
            self._hub.raise_event(rollout_id, NUDGE)

    async def status(self, client: Any, rollout_id: str) -> str:
        return self._hub.status(rollout_id)

    async def purge(self, client: Any, until: datetime) -> int:
        return 0

    @property
    def _hub(self) -> VirtualHub:
        assert self.hub is not None
        return self.hub


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a rehearsal."""

    time: datetime
    seconds: float
    hub: Any
    desks: list[Any]
    seen: list[Seen]


def _kept(desk: Desk) -> Any:
    reservations = {partition: dict(rows) for partition, rows in desk.reservations.rows.items()}
    return dict(desk.store.rows), dict(desk.rows.rows), dict(desk.ledger.records), [*desk.ledger.minted], reservations


def _put_back(desk: Desk, kept: Any) -> None:
    releases, rows, records, minted, reservations = kept
    desk.store.rows, desk.rows.rows = dict(releases), dict(rows)
    desk.ledger.records, desk.ledger.minted = dict(records), [*minted]
    desk.reservations.rows = {partition: dict(standing) for partition, standing in reservations.items()}


class Rehearsal:
    """Control and regions. Anna starts rollouts, Ben approves them."""

    def __init__(self, least: Before = Before.NEVER) -> None:
        self.clock = FakeClock()
        self.regions = Regions(self.clock)
        self.engine = HubEngine()
        named = {
            name: Region(name, name, frozenset({"DE"}), f"https://{name}.example", control=name == CONTROL)
            for name in REGIONS
        }
        settings = RolloutSettings(REGIONS, {}, CONTROL, PACE, {"*": least})
        registry = MemoryBundles()
        for name in REGIONS:
            self.regions.desks[name] = Desk(
                registry=registry,
                others=self.regions,
                engine=self.engine,
                clock=self.clock,
                residency=Residency(named[name], named),
                rollout_settings=settings,
            )
        self.desk = self.regions.desks[CONTROL]
        room = self.desk.service.control
        assert room is not None
        self.room = room
        app = func.FunctionApp()
        app.register_functions(rollouts_orchestrations(room))
        self.hub = self.engine.hub = VirtualHub(app, self.clock)
        self.id = ""

    def mark(self) -> Mark:
        """Where everything stands, for `return_to`."""
        desks = self.regions.desks.values()
        return Mark(
            self.clock.time,
            self.clock.seconds,
            self.hub.mark(),
            [_kept(desk) for desk in desks],
            [*self.regions.seen],
        )

    def return_to(self, mark: Mark) -> None:
        """Let everything stand as it did there."""
        self.clock.time, self.clock.seconds = mark.time, mark.seconds
        self.hub.return_to(mark.hub)
        for desk, kept in zip(self.regions.desks.values(), mark.desks, strict=True):
            _put_back(desk, kept)
        self.regions.seen = [*mark.seen]
        self.regions.moods, self.regions.away, self.regions.mute, self.regions.instead = {}, set(), set(), {}

    async def publish_policy(self, version: str) -> None:
        """Publish a policy `standard` of that version."""
        policy = json.loads((ROOT / "policies/standard/1.json").read_text()) | {"version": version}
        response = await self.desk.send("PUT", f"/api/v1/policies/standard/versions/{version}", policy, "operator")
        assert response.status_code == 201, response.get_body()

    async def undo(self, region: str, leave: str) -> None:
        """Undo, asked of a region."""
        body = {"leave": leave, "reason": "it misbehaves"}
        response = await self.regions.desks[region].send("POST", f"/api/v1/models/{MODEL}:undo", body, "operator")
        assert response.status_code == 200, response.get_body()

    async def start(self, **changes: object) -> None:
        """Start a rollout of the plan with these changes."""
        plan = {name: value for name, value in {**PLAN, **changes}.items() if value is not None}
        response = await self.desk.send("POST", "/api/v1/rollouts", plan, "operator")
        assert response.status_code == 202, response.get_body()
        self.id = read(response)["id"]

    async def say(self, verb: str, **body: object) -> int:
        """What a person says of the rollout; the status of the answer."""
        roles = "operator,approver"
        path = f"/api/v1/rollouts/{self.id}:{verb}"
        given = body or {"reason": "because"}
        return (await self.desk.send("POST", path, given, roles)).status_code

    async def read(self) -> Any:
        """The rollout as its API shows it."""
        return read(await self.desk.send("GET", f"/api/v1/rollouts/{self.id}", roles="auditor"))

    async def run(self, until: Callable[[], Awaitable[bool]] | None = None, most: int = 5_000) -> None:
        """Go on until a condition holds, or nothing is left to do."""
        for _ in range(most):
            if (until is not None and await until()) or not await self.hub.step():
                return
        raise AssertionError(f"the rollout has not ended after {most} steps")

    async def steps(self, count: int) -> None:
        for _ in range(count):
            await self.hub.step()

    async def be_without_rows(self, span: timedelta) -> None:
        """Go on for so long while control's documents can be neither read nor written."""
        rows, back_at = self.regions.desks[CONTROL].rows, self.clock.now() + span

        async def is_back() -> bool:
            return self.clock.now() >= back_at

        rows.failure = StorageFailed("away")
        await self.run(is_back)
        rows.failure = None

    async def run_to(self, *phases: str) -> None:
        """Go on until the rollout shows one of these phases."""

        async def is_there() -> bool:
            return await self.phase() in phases

        await self.run(is_there)
        assert await self.phase() in phases

    async def run_to_exposure(self, region: str) -> None:
        """Go on until a region has a candidate."""

        async def is_exposed() -> bool:
            return (await self.release(region)).candidate is not None

        await self.run(is_exposed)

    async def run_to_promotion(self, region: str) -> None:
        """Go on until a region serves the new version."""

        async def is_promoted() -> bool:
            return (await self.release(region)).stable.version == NEW

        await self.run(is_promoted)

    async def phase(self) -> str:
        return await self.room.papers.log.read_phase(self.id)

    async def release(self, region: str) -> Release:
        return await self.regions.desks[region].service.read_release(MODEL)

    async def served(self) -> dict[str, str]:
        return {region: (await self.release(region)).stable.version for region in REGIONS}

    async def is_as_before(self, regions: Iterable[str] = REGIONS) -> bool:
        """Whether regions serve what they did before there was a rollout, and nothing of it is left."""
        releases = [await self.release(region) for region in regions]
        return all(
            (one.stable, one.candidate, one.weight, one.shadow_share, one.rollout_id) == (BEFORE, None, 0, 0.0, "")
            for one in releases
        )

    def asked(self, verb: str, since: int = 0) -> list[Seen]:
        """The requests whose path ends so, from a count of requests on."""
        return [seen for seen in self.regions.seen[since:] if seen.path.split("?", maxsplit=1)[0].endswith(verb)]

    def changes(self, since: int = 0) -> list[Seen]:
        """The release changes that a region made on behalf of a rollout, from a count of requests on."""
        return [seen for seen in self.regions.seen[since:] if seen.method == "PUT" and seen.status == 200]
