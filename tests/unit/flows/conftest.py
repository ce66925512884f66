"""One region composed over fakes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from flows.calls import Call, Caller
from flows.compose_records import RecordPorts, RecordRoom, build_records
from flows.compose_trail import open_keys
from flows.deciding.admit_deal import Residency
from flows.deciding.decide_deals import Answer, Asked, DecideDeals
from flows.deciding.terms import FindTerms
from flows.idempotency import Idempotency
from flows.reference.activate_snapshot import ActivateSnapshot
from flows.reference.active_snapshots import ActiveSnapshots
from flows.reference.current_references import CurrentReferences
from flows.regions import Region
from flows.releasing.change_release import ChangeRelease
from flows.releasing.current_releases import CurrentReleases
from flows.write_record import WriteRecord
from scoring.release import Release, Target
from tests.fakes import (
    CountingEntropy,
    FakeClock,
    MemoryLedger,
    MemoryModels,
    MemoryReleases,
    MemoryReservations,
    MemoryRows,
    OnePolicy,
    RuleModel,
)
from tests.fakes_trail import MemoryLake, memory_trail

EUROPE = Region("westeurope", "eu", frozenset({"DE", "FR"}), "https://westeurope.example")
AMERICA = Region("eastus2", "us", frozenset({"US"}), "https://eastus2.example")
STABLE = Release("deal-fraud", Target("1.0.0", "standard/1"), generation=1)
CALL = Call(Caller("deal-system", frozenset({"scorer"})), "deals:score", "request-1", "00-1-2-01", 1000.0)


def no_references(models: MemoryModels, clock: FakeClock) -> CurrentReferences:
    """Those of a region in which nothing is looked up."""
    return CurrentReferences(ActiveSnapshots(MemoryRows()), MemoryLake(), models, clock)


@dataclass
class Stage:
    """The fakes and the flows over them."""

    clock: FakeClock = field(default_factory=FakeClock)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    reservations: MemoryReservations = field(default_factory=MemoryReservations)
    store: MemoryReleases = field(default_factory=lambda: MemoryReleases({"deal-fraud": STABLE}))
    stable: RuleModel = field(default_factory=lambda: RuleModel("1.0.0"))
    candidate: RuleModel = field(default_factory=lambda: RuleModel("1.1.0", shift=0.4))
    residency_required: bool = False
    lake: MemoryLake = field(default_factory=MemoryLake)
    reference_rows: MemoryRows = field(default_factory=MemoryRows)

    def __post_init__(self) -> None:
        entropy = CountingEntropy()
        self.models = models = MemoryModels([self.stable, self.candidate])
        self.idempotency = Idempotency(self.reservations, self.ledger, self.clock, b"k" * 32, lease_s=45)
        initial = {"deal-fraud": STABLE}
        active = ActiveSnapshots(self.reference_rows)
        self.references = CurrentReferences(active, self.lake, models, self.clock)
        self.releases = CurrentReleases(self.store, self.clock, initial, models, OnePolicy(), self.references)
        write = WriteRecord("westeurope", self.ledger, self.idempotency, self.clock, entropy)
        residency = Residency(EUROPE, {"westeurope": EUROPE, "eastus2": AMERICA}, self.residency_required)
        self.activate = ActivateSnapshot(active, self.lake, models, self.references, write, self.clock)
        terms = FindTerms(models, OnePolicy(), self.releases, self.references)
        self.decide = DecideDeals(residency, "deal-fraud", terms, self.ledger, self.idempotency, self.clock, entropy)
        self.records = self._build_records(write, entropy)
        self.read_decision = self.records.read_decision
        self.record_label = self.records.record_label
        self.record_review = self.records.record_review
        self.change_release = ChangeRelease(self.store, models, OnePolicy(), self.releases, write, self.clock)

    def _build_records(self, write: WriteRecord, entropy: CountingEntropy) -> RecordRoom:
        ports = RecordPorts(
            region="westeurope",
            window_s=3600,
            ledger=self.ledger,
            lake=self.lake,
            reservations=self.reservations,
            idempotency=self.idempotency,
            write=write,
            clock=self.clock,
            entropy=entropy,
        )
        trail = memory_trail(self.lake)
        return build_records(ports, trail, open_keys(trail, entropy))

    async def one(self, payload: object, **asked: object) -> Answer:
        """Decide one deal."""
        return (await self.decide(CALL, Asked([payload], **asked)))[0]  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def deal(deal_id: str = "D-1", amount: float = 100, **more: object) -> dict[str, object]:
    """A deal as its JSON decodes."""
    return {"deal_id": deal_id, "features": {"amount": amount, "age": 40}, **more}
