"""The reference tables in memory: what is held, what serves while something is wrong, and what health says of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from flows.deciding.decide_deals import Decided
from flows.errors import StorageFailed
from flows.reference import current_references
from flows.reference.active_snapshots import ActiveSnapshot, ActiveSnapshots
from flows.reference.current_references import DAMAGED_PAUSE_S, CurrentReferences
from flows.reference.load_snapshot import snapshot_folder
from flows.releasing.current_releases import MAX_AGE_S
from scoring.model import Model
from scoring.release import Target
from tests.fakes import FakeClock, LookupModel, MemoryModels, MemoryRows, RuleModel
from tests.fakes_trail import MemoryLake
from tests.snapshots import DATASET, ROWS, digest_of, put, snapshot_of
from tests.unit.flows.conftest import CALL, STABLE, Stage

PART = snapshot_folder(DATASET, "s2") + "part-00000.jsonl.gz"


class Shelf:
    """References over fakes, as another instance than the one that activates would have them."""

    def __init__(self, lake: MemoryLake | None = None) -> None:
        self.model: Any = LookupModel("1.2.0")
        self.models = MemoryModels([RuleModel("1.0.0"), self.model])
        self.lake = lake or MemoryLake()
        self.rows = MemoryRows()
        self.clock = FakeClock()
        self.references = CurrentReferences(ActiveSnapshots(self.rows), self.lake, self.models, self.clock)

    async def activate(self, snapshot: str, generation: int, digest: str = "") -> None:
        digest = digest or put(self.lake, snapshot_of(snapshot), snapshot)
        document = asdict(ActiveSnapshot(DATASET, snapshot, digest, len(ROWS), generation, "2026-11-23T21:00:00.000Z"))
        row = await self.rows.read("active", DATASET)
        await (self.rows.replace("active", row, document) if row else self.rows.insert("active", DATASET, document))

    async def refresh(self) -> None:
        await self.references._start_refresh()

    def faults(self) -> list[str]:
        return list(self.references.find_faults(self.model))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def test_active_snapshot_is_there_for_whoever_asks_first(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    tables = await shelf.references.tables_for([DATASET])
    assert tables[DATASET].rows["7"] == (20, "north")
    assert shelf.faults() == []


async def test_scoring_reads_no_storage_once_a_dataset_was_tried(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    await shelf.references.tables_for([DATASET])
    shelf.lake.steps.failure = shelf.rows.failure = StorageFailed("down")
    reads = len(shelf.lake.steps.calls)
    assert DATASET in await shelf.references.tables_for([DATASET])
    assert len(shelf.lake.steps.calls) == reads


async def test_new_snapshot_replaces_the_old_one_whole(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    before = await shelf.references.tables_for([DATASET])
    await shelf.activate("s2", 2)
    await shelf.refresh()
    assert shelf.references.serving(DATASET) == "s2"
    assert before[DATASET].snapshot == "s1", "a request under way keeps the snapshot that it began with"


async def test_snapshot_that_is_in_memory_is_not_loaded_again(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    await shelf.refresh()
    reads = len(shelf.lake.steps.calls)
    await shelf.refresh()
    assert len(shelf.lake.steps.calls) == reads


async def test_without_an_active_snapshot_health_says_so_and_nobody_waits(shelf: Shelf) -> None:
    assert await shelf.references.tables_for([DATASET]) == {}
    assert shelf.faults() == [
        "reference dataset agents: no snapshot is active here; deliver one and activate it; its values are missing"
    ]
    await shelf.activate("s1", 1)
    await shelf.refresh()
    assert shelf.faults() == []


async def test_storage_that_is_down_leaves_the_last_known_snapshot_serving(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    await shelf.refresh()
    shelf.rows.failure = StorageFailed("down")
    await shelf.refresh()
    assert shelf.references.serving(DATASET) == "s1"
    assert shelf.faults() == [
        "reference dataset agents: which snapshot is active can't be read; snapshot s1 serves"
    ]  # fmt: skip
    shelf.rows.failure = None
    await shelf.refresh()
    assert shelf.faults() == []


async def test_snapshot_that_is_damaged_leaves_the_last_known_one_serving(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.activate("s1", 1)
    await shelf.refresh()
    await shelf.activate("s2", 2)
    whole = shelf.lake.files[PART]
    shelf.lake.files[PART] = whole[:-1]
    await shelf.refresh()
    assert shelf.references.serving(DATASET) == "s1"
    assert shelf.faults() == [
        "reference dataset agents: snapshot s2 is damaged; activate another one; snapshot s1 serves"
    ]
    assert any("Snapshot s2 of agents" in record.getMessage() for record in caplog.records)
    shelf.lake.files[PART] = whole
    reads = len(shelf.lake.steps.calls)
    await shelf.refresh()
    assert len(shelf.lake.steps.calls) == reads, "what never changes is not read over and over"
    shelf.clock.advance(DAMAGED_PAUSE_S)
    await shelf.refresh()
    assert (shelf.references.serving(DATASET), shelf.faults()) == ("s2", [])


async def test_damaged_snapshot_replaced_by_another_is_forgotten_at_once(shelf: Shelf) -> None:
    await shelf.activate("s1", 1, "sha256:wrong")
    await shelf.refresh()
    assert shelf.references.serving(DATASET) is None
    await shelf.activate("s2", 2)
    await shelf.refresh()
    assert (shelf.references.serving(DATASET), shelf.faults()) == ("s2", [])


async def test_lake_that_is_down_is_tried_again_at_the_next_refresh(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    shelf.lake.steps.failure = StorageFailed("down")
    await shelf.refresh()
    assert "snapshot s1 can't be read from the lake; its values are missing" in shelf.faults()[0]
    shelf.lake.steps.failure = None
    await shelf.refresh()
    assert shelf.references.serving(DATASET) == "s1"


async def test_snapshot_that_lacks_what_a_model_looks_up_is_named_with_the_model(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    shelf.model.features = tuple(LookupModel("x", column="claims_ever").features)
    await shelf.refresh()
    assert shelf.faults() == [
        "reference dataset agents: snapshot s1 has no column claims_ever of type number, "
        "which the feature claims needs of deal-fraud 1.2.0"
    ]


async def test_region_whose_models_look_nothing_up_asks_storage_nothing() -> None:
    shelf = Shelf()
    shelf.models.held = [RuleModel("1.0.0")]
    shelf.rows.failure = shelf.lake.steps.failure = StorageFailed("down")
    await shelf.refresh()
    assert await shelf.references.tables_for(()) == {}


async def test_dataset_of_a_version_loaded_later_is_loaded_for_whoever_asks_first(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    shelf.models.held = [RuleModel("1.0.0")]
    await shelf.refresh()
    shelf.models.hold(shelf.model)
    assert DATASET in await shelf.references.tables_for([DATASET])


async def test_table_that_no_model_names_any_more_is_dropped(shelf: Shelf) -> None:
    await shelf.activate("s1", 1)
    await shelf.refresh()
    shelf.models.held = [RuleModel("1.0.0")]
    await shelf.refresh()
    assert shelf.references.serving(DATASET) is None
    shelf.models.hold(shelf.model)
    await shelf.refresh()
    assert shelf.references.serving(DATASET) == "s1"


class SlowLake(MemoryLake):
    """A lake whose reads wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def stream(self, name: str, start: int = 0) -> AsyncIterator[bytes]:
        await self.let_go.wait()
        async for piece in super().stream(name, start):
            yield piece


async def test_lake_that_is_slow_holds_the_first_deals_up_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_references, "FIRST_WAIT_S", 0.05)
    lake = SlowLake()
    shelf = Shelf(lake)
    await shelf.activate("s1", 1)
    loop = asyncio.get_running_loop()
    assert not shelf.references.is_tried(shelf.model)
    assert await asyncio.gather(*(shelf.references.tables_for([DATASET]) for _ in range(20))) == [{}] * 20
    began = loop.time()
    for _ in range(100):
        await shelf.references.tables_for([DATASET])
    assert loop.time() - began < 0.05
    assert shelf.references.is_tried(shelf.model)
    assert "is still being loaded" in shelf.faults()[0]
    lake.let_go.set()
    await shelf.refresh()
    assert (shelf.references.serving(DATASET), shelf.faults()) == ("s1", [])


async def test_first_deal_of_a_fresh_instance_whose_lake_is_slow_is_decided_without_what_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(current_references, "FIRST_WAIT_S", 0.3)
    lake = SlowLake()
    stage = Stage(lake=lake)
    await Stage(lake=MemoryLake(lake.files), reference_rows=stage.reference_rows).activate(
        CALL, DATASET, "s1", put(lake, snapshot_of())
    )
    stage.models.hold(LookupModel("1.2.0"))
    stage.store.rows["deal-fraud"] = replace(STABLE, stable=Target("1.2.0", "standard/1"))
    answer = await stage.one({"deal_id": "D-1", "features": {"amount": 100, "age": 40, "agent": 7}})
    assert isinstance(answer, Decided), answer
    assert answer.decision["references"] == [{"dataset": DATASET, "snapshot": None, "digest": None}]
    lake.let_go.set()


async def test_snapshot_activated_while_an_older_one_is_loaded_is_the_one_that_stays() -> None:
    lake = SlowLake()
    shelf = Shelf(lake)
    await shelf.activate("s1", 1)
    refreshing = shelf.references._start_refresh()
    await asyncio.sleep(0)
    await shelf.activate("s2", 2)
    newer = Stage(lake=MemoryLake(dict(lake.files)), reference_rows=shelf.rows)
    newer.models.hold(shelf.model)
    (active,) = await ActiveSnapshots(shelf.rows).list()
    shelf.references.adopt(active, (await newer.references.tables_for([DATASET]))[DATASET])
    lake.let_go.set()
    await refreshing
    assert shelf.references.serving(DATASET) == "s2"


async def test_release_of_a_version_that_looks_up_is_obeyed_once_its_tables_have_been_tried(stage: Stage) -> None:
    digest = put(stage.lake, snapshot_of())
    await stage.activate(CALL, DATASET, "s1", digest)
    await stage.releases.current("deal-fraud")
    stage.models.kept.append(LookupModel("1.2.0"))
    stage.store.rows["deal-fraud"] = replace(STABLE, generation=2, stable=Target("1.2.0", "standard/1"))
    stage.clock.advance(MAX_AGE_S + 0.1)
    assert (await stage.releases.current("deal-fraud")).release.generation == 2
    assert stage.references.serving(DATASET) == "s1"


async def test_fault_of_ours_does_not_end_the_refresh_in_silence(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.rows.insert("active", DATASET, {"snapshot": 7})
    await shelf.refresh()
    assert "a fault of ours keeps it from being refreshed" in shelf.faults()[0]
    assert any(record.levelno >= logging.ERROR for record in caplog.records)


async def test_stage_activates_what_another_instance_then_finds(stage: Stage) -> None:
    digest = put(stage.lake, snapshot_of())
    await stage.activate(CALL, DATASET, "s1", digest)
    other = Stage(lake=stage.lake, reference_rows=stage.reference_rows)
    model: Model = LookupModel("1.2.0")  # type: ignore[assignment]
    other.models.hold(model)
    assert (await other.references.tables_for([DATASET]))[DATASET].digest == digest_of(snapshot_of())
