"""A desk to call the app at, without a host: real handlers and models, storage in memory, tokens that say roles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from adapters.held_models import HeldModels
from adapters.held_policies import HeldPolicies
from adapters.system_clock import SystemClock
from adapters.system_entropy import SystemEntropy
from audit.notes import Checkpoint, VerifierKey, sign_note
from flows.calls import Caller
from flows.compose_service import ControlPorts, build_service
from flows.compose_trail import TrailSettings
from flows.deciding.admit_deal import Residency
from flows.errors import Unauthenticated
from flows.ports import Clock, EngineFailed, RegionAnswer, RegionUnreachable
from flows.regions import Region
from flows.rolling_out.rollouts import RolloutSettings
from flows.sealing.seal_window import SealSettings
from flows.service import Service
from local.routes import decode_path
from scoring.release import Release, Target
from tests.desk_functions import Functions
from tests.fakes import (
    MemoryBundles,
    MemoryCounters,
    MemoryLedger,
    MemoryReleases,
    MemoryReservations,
    MemoryRows,
)
from tests.fakes_trail import MemoryLake, MemoryLanes, RecordingSealing, memory_trail
from triggers.edge import Edge

ROOT = Path(__file__).resolve().parent.parent
EUROPE = Region("westeurope", "eu", frozenset({"DE", "FR"}), "https://westeurope.example")
SIGNING = ec.generate_private_key(ec.SECP256R1())
SIGNED_BY = VerifierKey(
    "vouch/eastus2", SIGNING.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)
AMERICA = Region("eastus2", "us", frozenset({"US"}), "https://eastus2.example", checkpoint_keys=(SIGNED_BY,))
TRANSATLANTIC = Residency(EUROPE, {"westeurope": EUROPE, "eastus2": AMERICA})
INITIAL = {"deal-fraud": Release("deal-fraud", Target("1.0.0", "standard/1"), 1)}
PACE = {"slice_s": 2, "attempt_s": 10, "lease_s": 30, "rollback_s": 60}
TWO_REGIONS = RolloutSettings(("westeurope", "eastus2"), {}, "westeurope", PACE, {})
JSON = {"content-type": "application/json"}


@cache
def load_models() -> FolderModels:
    return FolderModels(ROOT / "model_artifacts")


@cache
def golden_features() -> dict[str, Any]:
    """A golden deal's features."""
    line = (ROOT / "model_artifacts/deal-fraud/1.0.0/golden.jsonl").read_text().splitlines()[0]
    features: dict[str, Any] = json.loads(line)["features"]
    return features


def golden_deal(deal_id: str = "D-1", **more: object) -> dict[str, Any]:
    return {"deal_id": deal_id, "features": golden_features(), **more}


@dataclass
class ScriptedRegions:
    """The other regions: `answers` by method and path, anything else is unreachable."""

    answers: dict[tuple[str, str], RegionAnswer] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, region: str, method: str, path: str, *rest: object, **more: object) -> RegionAnswer:
        self.asked.append((region, method, path))
        answer = self.answers.get((method, path))
        if answer is None:
            raise RegionUnreachable("the region did not answer")
        return answer


@dataclass
class RecordingEngine:
    """Remembers what it was asked; `failure` makes it fail."""

    started: list[str] = field(default_factory=list)
    nudged: list[str] = field(default_factory=list)
    failure: EngineFailed | None = None

    async def start(self, client: Any, order: Mapping[str, Any]) -> None:
        self._fail()
        self.started.append(order["id"])

    async def rescue(self, client: Any, order: Mapping[str, Any], reason: str) -> None:
        self._fail()

    async def nudge(self, client: Any, rollout_id: str) -> None:
        self._fail()
        self.nudged.append(rollout_id)

    async def status(self, client: Any, rollout_id: str) -> str:
        self._fail()
        return "Running" if rollout_id in self.started else ""

    async def purge(self, client: Any, until: datetime) -> int:
        return 0

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class RoleTokens:
    """`Bearer scorer,auditor` is a caller with these roles; it stands in for the issuer, not for the edge."""

    async def authenticate(self, authorization: str | None) -> Caller:
        if not authorization or not authorization.startswith("Bearer "):
            raise Unauthenticated("no token")
        roles = authorization.removeprefix("Bearer ")
        return Caller(f"test-{roles}", frozenset(filter(None, roles.split(","))))


@dataclass
class Desk:
    """The app of a region: of westeurope, unless `residency` says otherwise."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    reservations: MemoryReservations = field(default_factory=MemoryReservations)
    store: MemoryReleases = field(default_factory=MemoryReleases)
    others: Any = field(default_factory=ScriptedRegions)
    kept: MemoryBundles = field(default_factory=MemoryBundles)
    registry: MemoryBundles = field(default_factory=MemoryBundles)
    rows: MemoryRows = field(default_factory=MemoryRows)
    lake: MemoryLake = field(default_factory=MemoryLake)
    reference_rows: MemoryRows = field(default_factory=MemoryRows)
    lanes: MemoryLanes = field(default_factory=MemoryLanes)
    erasure_rows: MemoryRows = field(default_factory=MemoryRows)
    sealing: RecordingSealing = field(default_factory=RecordingSealing)
    note_rows: MemoryRows = field(default_factory=MemoryRows)
    engine: Any = field(default_factory=RecordingEngine)
    clock: Clock = field(default_factory=SystemClock)
    residency: Residency = field(default_factory=lambda: TRANSATLANTIC)
    rollout_settings: RolloutSettings = field(default_factory=lambda: TWO_REGIONS)

    def __post_init__(self) -> None:
        models = HeldModels(load_models(), self.kept)
        policies = HeldPolicies(FolderPolicies(ROOT / "policies"), self.kept)
        self.control = ControlPorts(
            rows=self.rows,
            engine=self.engine,
            settings=self.rollout_settings,
            notify=None,
            notify_secret=b"",
            stuck_after_s=60,
            keep_s=60,
        )
        self.service: Service = build_service(
            residency=self.residency,
            default_model="deal-fraud",
            initial_releases=INITIAL,
            models=models,
            policies=policies,
            ledger=self.ledger,
            counters=MemoryCounters(self.ledger),
            reservations=self.reservations,
            store=self.store,
            clock=self.clock,
            entropy=SystemEntropy(),
            secret=b"k" * 32,
            lease_s=45,
            call_region=self.others,
            kept=self.kept,
            lake=self.lake,
            reference_rows=self.reference_rows,
            registry=self.registry,
            control=self.control,
            trail=replace(
                memory_trail(self.lake),
                lanes=self.lanes,
                note_rows=self.note_rows,
                old_reservations=self.reservations,
                erasure_rows=self.erasure_rows,
                sealing=self.sealing,
            ),
            trail_settings=TrailSettings(
                "vouch/westeurope", SealSettings(3600, 300, 4, 604_800, 5), {}, 7_776_000, 7_776_000, None
            ),
        )
        self.functions = Functions(Edge(self.service, RoleTokens(), self.clock), self.engine)

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        roles: str | None = "scorer",
        headers: Mapping[str, str] | None = None,
    ) -> func.HttpResponse:
        """Send as a client would; `body` is sent as JSON unless it is bytes. The host's route order is kept."""
        parts = urlsplit(url)
        handler, route_params = self.functions.find(method, decode_path(parts.path.encode()))
        raw = body if isinstance(body, bytes) else (b"" if body is None else json.dumps(body).encode())
        sent = {**(JSON if raw else {}), **({"authorization": f"Bearer {roles}"} if roles is not None else {})}
        request = func.HttpRequest(
            method=method,
            url=f"https://westeurope.example{url}",
            headers={**sent, **(headers or {})},
            params=dict(parse_qsl(parts.query)),
            route_params=route_params,
            body=raw,
        )
        durable = getattr(handler, "client_function", None)  # what the library wraps, to hand it its client
        return await (durable(request, "client") if durable else handler(request))


def sign_checkpoint(size: int, root: bytes) -> str:
    """A checkpoint of eastus2, as a note."""
    checkpoint = Checkpoint("vouch/eastus2", size, root)
    return sign_note(checkpoint, SIGNED_BY, SIGNING.sign(checkpoint.text.encode(), ec.ECDSA(SHA256())))


def read(response: func.HttpResponse) -> Any:
    """The JSON of an answer."""
    return json.loads(response.get_body())
