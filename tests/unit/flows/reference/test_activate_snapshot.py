"""Activating a snapshot: checked whole, recorded first, switched at once, and nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import pytest

from flows.errors import LedgerUnavailable, StorageFailed, Superseded, UnsoundSnapshot
from flows.ports import Row
from flows.reference.active_snapshots import PARTITION, ActiveSnapshot
from flows.reference.load_snapshot import load_snapshot, snapshot_folder
from scoring.reference_table import MANIFEST_FILE, Column, ColumnType, InvalidSnapshot
from tests.fakes import LookupModel, MemoryRows
from tests.snapshots import DATASET, change_manifest, digest_of, put, snapshot_of
from tests.unit.flows.conftest import CALL, Stage
from vouch.snapshots import build_snapshot

ACTIVATED, SUPERSEDED = "vouch.reference.activated.v1", "vouch.reference.superseded.v1"


def standing(stage: Stage) -> Mapping[str, Any] | None:
    row = stage.reference_rows.rows.get((PARTITION, DATASET))
    return row.document if row else None


async def activate(stage: Stage, snapshot: str = "s1") -> ActiveSnapshot:
    digest = put(stage.lake, snapshot_of(snapshot), snapshot)
    return await stage.activate(CALL, DATASET, snapshot, digest)


async def test_first_activation_is_generation_1_and_names_what_was_checked(stage: Stage) -> None:
    active = await activate(stage)
    digest = digest_of(snapshot_of())
    assert active == ActiveSnapshot(DATASET, "s1", digest, 2, 1, "2026-11-23T21:00:00.000Z")
    assert standing(stage) == {
        "dataset": DATASET, "snapshot": "s1", "digest": digest, "rows": 2, "generation": 1,
        "activated_at": "2026-11-23T21:00:00.000Z",
    }  # fmt: skip


async def test_activation_is_recorded_with_what_was_before(stage: Stage) -> None:
    first = await activate(stage)
    second = await activate(stage, "s2")
    events = stage.ledger.events(ACTIVATED)
    assert [event["data"]["before"] for event in events] == [None, standing_of(first)]
    assert events[1]["data"]["after"] == standing_of(second) == standing(stage)
    assert events[1]["data"]["caller"] == "deal-system"


def standing_of(active: ActiveSnapshot) -> dict[str, object]:
    return {name: getattr(active, name) for name in ActiveSnapshot.__slots__}  # type: ignore[attr-defined]


async def test_same_activation_again_changes_and_records_nothing(stage: Stage) -> None:
    first = await activate(stage)
    assert await activate(stage) == first
    assert len(stage.ledger.events(ACTIVATED)) == 1


async def test_earlier_snapshot_is_activated_again_as_a_generation_of_its_own(stage: Stage) -> None:
    await activate(stage, "s1")
    await activate(stage, "s2")
    back = await activate(stage, "s1")
    assert (back.snapshot, back.generation) == ("s1", 3)


async def test_snapshot_that_is_unsound_changes_and_records_nothing(stage: Stage) -> None:
    await activate(stage)
    files = snapshot_of("s2")
    digest = put(stage.lake, {**files, "part-00000.jsonl.gz": b"x" * len(files["part-00000.jsonl.gz"])}, "s2")
    before = standing(stage)
    with pytest.raises(UnsoundSnapshot, match=r"part-00000\.jsonl\.gz: is changed or foreign"):
        await stage.activate(CALL, DATASET, "s2", digest)
    assert standing(stage) == before
    assert len(stage.ledger.events(ACTIVATED)) == 1


async def test_snapshot_that_is_not_delivered_yet_is_told(stage: Stage) -> None:
    with pytest.raises(UnsoundSnapshot, match=r"manifest\.json: is not in the lake under reference/agents/v1/snapsh"):
        await stage.activate(CALL, DATASET, "s1", "sha256:0")


async def test_manifest_that_is_not_the_one_meant_is_told(stage: Stage) -> None:
    put(stage.lake, snapshot_of())
    with pytest.raises(UnsoundSnapshot, match="is another one than was meant"):
        await stage.activate(CALL, DATASET, "s1", digest_of(snapshot_of("s2")))


@pytest.mark.parametrize(("dataset", "snapshot"), [("../x", "s1"), ("a/b", "s1"), ("agents", "s/1"), ("agents", "..")])
async def test_name_that_would_lead_elsewhere_is_refused_unread(stage: Stage, dataset: str, snapshot: str) -> None:
    with pytest.raises(InvalidSnapshot, match="can have such a name"):
        await load_snapshot(stage.lake, dataset, snapshot, "sha256:0")
    assert stage.lake.steps.calls == []


async def test_file_longer_than_the_manifest_says_is_not_read_to_its_end(stage: Stage) -> None:
    files = snapshot_of()
    digest = put(stage.lake, {**files, "part-00000.jsonl.gz": b"x" * 2**20})
    with pytest.raises(UnsoundSnapshot, match=r"has (\d{1,4}) bytes, the manifest says"):
        await stage.activate(CALL, DATASET, "s1", digest)


async def test_snapshot_without_the_column_that_a_model_looks_up_is_refused(stage: Stage) -> None:
    stage.models.hold(LookupModel("1.2.0"))
    files = build_snapshot(
        DATASET, "s1", "2026-11-01T00:00:00Z", "rep_number", [Column("claims", ColumnType.NUMBER)], []
    )
    digest = put(stage.lake, files)
    with pytest.raises(UnsoundSnapshot, match=r"no column claims_last_year .* of deal-fraud 1\.2\.0"):
        await stage.activate(CALL, DATASET, "s1", digest)
    assert standing(stage) is None


async def test_snapshot_without_a_row_is_refused_unless_that_is_meant(stage: Stage) -> None:
    await activate(stage)
    digest, before = put(stage.lake, snapshot_of("s2", rows=[]), "s2"), standing(stage)
    with pytest.raises(UnsoundSnapshot, match=r"has no row, so every look-up would find nothing: .*allow_empty"):
        await stage.activate(CALL, DATASET, "s2", digest)
    assert standing(stage) == before
    assert len(stage.ledger.events(ACTIVATED)) == 1

    active = await stage.activate(CALL, DATASET, "s2", digest, allow_empty=True)
    assert (active.snapshot, active.rows, active.generation) == ("s2", 0, 2)


async def test_crash_between_record_and_switch_leaves_what_was_active_and_can_be_repeated(stage: Stage) -> None:
    await activate(stage, "s1")
    stage.reference_rows.failure_of_writes = StorageFailed("gone")
    with pytest.raises(LedgerUnavailable):
        await activate(stage, "s2")
    assert (standing(stage) or {})["snapshot"] == "s1"
    stage.reference_rows.failure_of_writes = None
    assert (await activate(stage, "s2")).generation == 2
    assert [event["data"]["after"]["generation"] for event in stage.ledger.events(ACTIVATED)] == [1, 2, 2]


async def test_activation_that_cannot_be_recorded_is_not_made(stage: Stage) -> None:
    stage.ledger.failures = [LedgerUnavailable("down")]
    with pytest.raises(LedgerUnavailable):
        await activate(stage)
    assert standing(stage) is None


@pytest.mark.parametrize("down", ["lake.steps", "reference_rows"])
async def test_storage_that_is_down_is_told_as_unknown(stage: Stage, down: str) -> None:
    digest = put(stage.lake, snapshot_of())
    attrgetter(down)(stage).failure = StorageFailed("down")
    with pytest.raises(LedgerUnavailable):
        await stage.activate(CALL, DATASET, "s1", digest)


class RacedRows(MemoryRows):
    """Somebody else's write comes right before each of the first `races`."""

    races = 1
    other: Mapping[str, object]

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        await self._race(partition, key)
        await super().insert(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        await self._race(partition, row.key)
        await super().replace(partition, row, document)

    async def _race(self, partition: str, key: str) -> None:
        if self.races:
            self.races -= 1
            self._put(partition, key, self.other)


async def test_of_two_activations_at_once_one_is_told_that_the_other_came_first() -> None:
    rows = RacedRows()
    rows.other = {**standing_of(ActiveSnapshot(DATASET, "s9", "sha256:9", 1, 1, "2026-11-23T21:00:00.000Z"))}
    stage = Stage(reference_rows=rows)
    with pytest.raises(Superseded):
        await activate(stage)
    assert (standing(stage) or {})["snapshot"] == "s9"
    assert len(stage.ledger.events(ACTIVATED)) == len(stage.ledger.events(SUPERSEDED)) == 1
    assert (await activate(stage)).generation == 2


async def test_same_snapshot_activated_twice_at_once_is_one_activation_for_both(stage: Stage) -> None:
    digest = put(stage.lake, snapshot_of())
    answers = await asyncio.gather(*(stage.activate(CALL, DATASET, "s1", digest) for _ in range(4)))
    assert len(set(answers)) == 1
    assert answers[0].generation == 1
    assert len(stage.ledger.events(ACTIVATED)) - len(stage.ledger.events(SUPERSEDED)) == 1


async def test_answering_instance_looks_into_the_snapshot_at_once(stage: Stage) -> None:
    stage.models.hold(LookupModel("1.2.0"))
    await activate(stage)
    assert stage.references.serving(DATASET) == "s1"
    assert (await stage.activate.list())[0]["serving"] == "s1"


async def test_listing_names_what_is_active_and_what_no_model_here_needs(stage: Stage) -> None:
    assert await stage.activate.list() == []
    active = await activate(stage)
    assert await stage.activate.list() == [{**standing_of(active), "serving": None}]


async def test_activated_snapshot_is_loaded_again_for_replay_by_what_a_record_names(stage: Stage) -> None:
    first = await activate(stage, "s1")
    await activate(stage, "s2")
    table = await load_snapshot(stage.lake, first.dataset, first.snapshot, first.digest)
    assert table.rows["7"] == (20, "north")
    del stage.lake.files[snapshot_folder(DATASET, "s1") + MANIFEST_FILE]
    with pytest.raises(InvalidSnapshot, match="is not in the lake"):
        await load_snapshot(stage.lake, first.dataset, first.snapshot, first.digest)


async def test_snapshot_under_its_name_but_with_another_manifest_is_not_what_a_record_names(stage: Stage) -> None:
    first = await activate(stage, "s1")
    changed = change_manifest(snapshot_of("s1"), lambda document: document.update(created_at="2026-11-02T00:00:00Z"))
    put(stage.lake, changed, "s1")
    with pytest.raises(InvalidSnapshot, match="is another one than was meant"):
        await load_snapshot(stage.lake, first.dataset, first.snapshot, first.digest)
