"""A region over real storage whose hours pass as told, and a plain model of what its lake must hold in the end.

Two instances write, and a third whose clock is an hour behind, so that its lanes appear late. `Fuse` stands between
the adapters and storage: it blows at a request, before it is sent or after it was carried out, as when a process is
killed; everything after that fails, until a new process begins.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest

from adapters.azure_storage import Answer, AzureStorage, StorageService
from adapters.blobs_bundles import BlobsBundles
from adapters.blobs_lake import BlobsLake
from adapters.folder_policies import FolderPolicies
from adapters.held_models import HeldModels
from adapters.held_policies import HeldPolicies
from adapters.system_entropy import SystemEntropy
from adapters.tables_counters import TablesCounters
from adapters.tables_index import TablesIndex
from adapters.tables_lane import WriteLimits
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import TablesLedger
from adapters.tables_record_keys import TablesRecordKeys
from adapters.tables_releases import TablesReleases
from adapters.tables_reservations import TablesReservations
from adapters.tables_rows import TablesRows
from audit.ids import time_of
from audit.records import digest_of_event
from flows.calls import Call, Caller
from flows.compose_service import build_service
from flows.compose_trail import TrailPorts, TrailSettings
from flows.deciding.admit_deal import Residency
from flows.deciding.decide_deals import Asked, Decided
from flows.errors import Erased
from flows.keys.subject_keys import CLOCK_SKEW_MS
from flows.ports import RegionAnswer, RegionUnreachable
from flows.regions import Region
from flows.sealing.seal_window import SealSettings
from flows.service import Service
from scoring.release import Release, Target
from tests.desk import ROOT, RecordingSealing, golden_features, load_models
from tests.fakes import FakeClock
from tests.fakes_trail import MemoryVault

HOUR = 3600
GRACE_S = 60
REGION = Region("westeurope", "eu", frozenset({"DE"}), "https://westeurope.example")
INITIAL = {"deal-fraud": Release("deal-fraud", Target("1.0.0", "standard/1"), 1)}
CALL = Call(Caller("anybody", frozenset({"operator"})), "test", "request-1", f"00-{'a' * 32}-{'b' * 16}-01", 1000.0)
SEAL = SealSettings(window_s=HOUR, grace_s=GRACE_S, at_once=4, look_back_s=7 * 86_400, suppressed_below=5)


class Killed(Exception):
    """The process was killed at this request."""


@dataclass
class Fuse:
    """Blows at request number `at` (0: never); `late`: once it was carried out."""

    at: int = 0
    late: bool = False
    count: int = 0

    def light(self, at: int, *, late: bool) -> None:
        self.at, self.late, self.count = at, late, 0


class FusedService(StorageService):
    """A storage service behind a fuse."""

    def __init__(self, service: StorageService, fuse: Fuse) -> None:
        self.base_url = service.base_url
        self._service = service
        self._fuse = fuse

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float
    ) -> Answer:
        self._fuse.count += 1
        if self._fuse.at and self._fuse.count > self._fuse.at - (not self._fuse.late):
            if self._fuse.count == self._fuse.at:
                raise Killed(f"before {method} {path}")
            raise Killed("dead already")
        return await self._service.request(method, path, headers, body, timeout_s=timeout_s)


async def call_no_region(*_: object, **__: object) -> RegionAnswer:
    raise RegionUnreachable("there is no other region")


@dataclass
class Written:
    """A record as its caller knows it. `subjects`: whose erasure it falls under."""

    digest: str
    deal_id: str
    subjects: frozenset[str]
    is_personal: bool = True
    is_erased: bool = False


@dataclass
class World:
    storage: AzureStorage
    vault: MemoryVault = field(default_factory=MemoryVault)
    clock: FakeClock = field(default_factory=FakeClock)
    behind: FakeClock = field(default_factory=FakeClock)
    fuse: Fuse = field(default_factory=Fuse)
    written: dict[str, Written] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    erased_ms: dict[str, int] = field(default_factory=dict)
    deals: int = 0

    def __post_init__(self) -> None:
        self.behind.advance(-HOUR)
        self.writers = [self._build(self.storage, clock) for clock in (self.clock, self.clock, self.behind)]
        self.restart()

    def restart(self) -> None:
        """A new process, for everything but scoring."""
        fused = AzureStorage(FusedService(self.storage.tables, self.fuse), FusedService(self.storage.blobs, self.fuse))
        self.fuse.light(0, late=False)
        self.service = self._build(fused, self.clock)

    async def score(self, writer: int, subjects: frozenset[str]) -> None:
        self.deals += 1
        deal_id = f"deal-{self.deals}"
        deal = {"deal_id": deal_id, "subjects": sorted(subjects), "features": golden_features()}
        (answer,) = await self.writers[writer].decide_deals(CALL, Asked([deal]))
        assert isinstance(answer, Decided), answer
        decision = cast("Mapping[str, Any]", answer.decision)
        record = Written(decision["record_digest"], deal_id, subjects)
        record.is_erased = self.is_before_erasure(UUID(decision["decision_id"]), subjects)
        self.written[decision["decision_id"]] = record

    def is_before_erasure(self, record_id: UUID, subjects: frozenset[str]) -> bool:
        """Whether one of them was erased after the time that the record says, or just before it."""
        return any(time_of(record_id) <= self.erased_ms.get(one, -CLOCK_SKEW_MS) + CLOCK_SKEW_MS for one in subjects)

    async def label(self, decision_id: str) -> None:
        noted = await self.service.records.record_label(CALL, decision_id, "fraud", "desk", "2026-11-23T00:00:00Z")
        self.written[noted.record_id] = Written(noted.record_digest, "", frozenset(), is_personal=False)

    async def review(self, decision_id: str) -> None:
        """What a review says is of the people of its decision; of an erased one nothing is taken."""
        if self.written[decision_id].is_erased:
            with pytest.raises(Erased):
                await self.service.records.record_review(CALL, decision_id, "uphold", None, "looked at it")
            return
        noted = await self.service.records.record_review(CALL, decision_id, "uphold", None, "looked at it")
        about = self.written[decision_id]
        self.written[noted.record_id] = Written(noted.record_digest, "", about.subjects)

    async def erase(self, subject: str) -> None:
        ordered = await self.service.records.privacy.erase(CALL, subject, "asked")
        if ordered.erasure.stage.value == "deferred":
            self.waiting.add(subject)
            assert self.is_protected(subject)
        else:
            self.forget(subject)

    async def hold(self, subject: str) -> None:
        if subject not in self.held:
            self.held[subject] = (await self.service.records.privacy.hold.place(CALL, subject, "a lawsuit")).hold_id

    async def release(self, subject: str) -> None:
        """Whoever nobody holds any more is erased now."""
        if subject not in self.held:
            return
        await self.service.records.privacy.hold.release(CALL, subject, self.held[subject], "it is over")
        del self.held[subject]
        for waiting in [one for one in self.waiting if not self.is_protected(one)]:
            self.forget(waiting)

    def is_protected(self, subject: str) -> bool:
        """Whether somebody is held, or shares a record with somebody who is."""
        shared = {one for record in self.written.values() if subject in record.subjects for one in record.subjects}
        return bool({subject, *shared} & self.held.keys())

    def forget(self, subject: str) -> None:
        self.waiting.discard(subject)
        self.erased_ms[subject] = int(self.clock.now().timestamp() * 1000)
        for record in self.written.values():
            record.is_erased |= subject in record.subjects

    async def seal(self) -> None:
        """What the timer and the orchestrations do until nothing is due."""
        room = self.service.trail
        while due := await room.seal.due():
            for one in due:
                order = {"window": one.window.name, "correction": one.correction}
                fenced = await room.fence(order)
                sealed = [
                    await room.seal_lane({**order, "lane": lane["lane"], "types": sorted(lane["types"])})
                    for lane in fenced["lanes"]
                ]
                await room.finish({**order, "lanes": fenced["lanes"], "sealed": json.loads(json.dumps(sealed))})
        await self.service.records.privacy.finish()

    async def seal_and_be_killed(self, at: int, *, late: bool) -> None:
        """The same in a process that is killed at a request, if there are so many."""
        self.fuse.light(at, late=late)
        try:
            await self.seal()
        except Killed:
            pass
        finally:
            self.restart()

    async def advance(self, hours: int) -> None:
        for clock in (self.clock, self.behind):
            clock.advance(hours * HOUR)

    async def files(self) -> dict[str, bytes]:
        """The whole lake."""
        lake = BlobsLake(self.storage.blobs)
        return {file.name: await lake.read(file.name) or b"" async for file in lake.list("audit/")}

    async def open(self, record_id: str) -> tuple[str, Mapping[str, Any]]:
        """The state and what is personal of a record, wherever it lies."""
        found = await self.service.records.read_decision._records.find(UUID(record_id))
        assert found is not None, record_id
        return found.state.value, found.personal

    async def close(self) -> None:
        for service in (*self.writers, self.service):
            await service.stop()

    def _build(self, storage: AzureStorage, clock: FakeClock) -> Service:
        kept = BlobsBundles(storage.blobs, "versions")
        lake = BlobsLake(storage.blobs)
        reservations = TablesReservations(storage)
        return build_service(
            residency=Residency(REGION, {"westeurope": REGION}),
            default_model="deal-fraud",
            initial_releases=INITIAL,
            models=HeldModels(load_models(), kept),
            policies=HeldPolicies(FolderPolicies(ROOT / "policies"), kept),
            ledger=TablesLedger(storage, clock, HOUR, WriteLimits(deadline_s=10.0)),
            counters=TablesCounters(storage, clock, HOUR),
            reservations=reservations,
            store=TablesReleases(storage),
            clock=clock,
            entropy=SystemEntropy(),
            secret=b"k" * 32,
            lease_s=45,
            call_region=call_no_region,
            kept=kept,
            lake=lake,
            reference_rows=TablesRows(storage, "reference"),
            trail=TrailPorts(
                lake=lake,
                lanes=TablesLanes(storage, HOUR),
                record_keys=TablesRecordKeys(storage, HOUR),
                index=TablesIndex(storage),
                vault=self.vault,
                keyring_rows=TablesRows(storage, "keyring"),
                subject_rows=TablesRows(storage, "subjects"),
                witness_rows=TablesRows(storage, "witness"),
                note_rows=TablesRows(storage, "notes"),
                old_reservations=reservations,
                erasure_rows=TablesRows(storage, "erasures"),
                sealing=RecordingSealing(),
            ),
            trail_settings=TrailSettings("vouch/westeurope", SEAL, {}, 7_776_000, 7_776_000, None),
        )


def lines_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """The digest of every line of the lake by its id; one that stands twice fails."""
    found: dict[str, str] = {}
    for name, content in files.items():
        if "/decisions/" in name or "/releases/" in name:
            for line in gzip.decompress(content).splitlines():
                event = json.loads(line)
                assert event["id"] not in found, event["id"]
                found[event["id"]] = digest_of_event(event)
    return found
