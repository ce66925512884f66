"""The purge timer's work: reservations and windows, each though the other fails, and the note of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from flows.errors import StorageFailed
from flows.ports import Reservation
from flows.sealing import purge_ledger
from flows.sealing.trail_notes import PURGE, TrailNotes
from tests.fakes_trail import Steps
from tests.unit.flows.trail import RETENTION_S, START, Trail


async def reserve(trail: Trail, partition: str) -> None:
    """A reservation whose lease has ended now."""
    row = Reservation("0000", "print", UUID(int=1), trail.clock.now() - timedelta(seconds=1))
    await trail.reservations.insert(partition, [row])


async def old_trail() -> Trail:
    """A sealed window and reservations, all past retention; and a new reservation."""
    trail = Trail()
    trail.append(START, 1, 2)
    trail.pass_windows()
    await trail.seal()
    for partition in ("ab", "label-1", "review-1"):
        await reserve(trail, partition)
    trail.clock.advance(RETENTION_S)
    await reserve(trail, "label-2")
    return trail


async def test_purge_sweeps_reservations_and_windows_and_says_so() -> None:
    trail = await old_trail()
    note = await trail.room.purge()
    assert (note["windows"], note["reservations"], note["is_done"], note["faults"]) == (1, 3, True, [])
    assert [partition for partition, rows in trail.reservations.rows.items() if rows] == ["label-2"]
    assert trail.lanes.lanes == {}
    assert await TrailNotes(trail.note_rows).read(PURGE) == note
    assert (await trail.room.purge())["windows"] == 0


async def test_windows_are_purged_though_reservations_can_not_be_swept() -> None:
    trail = await old_trail()
    trail.reservations.failure = StorageFailed("away")
    note = await trail.room.purge()
    assert note["faults"] == ["reservations could not be swept: away"]
    assert (note["windows"], trail.lanes.lanes) == (1, {})


async def test_reservations_are_swept_though_the_lake_can_not_be_read() -> None:
    trail = await old_trail()
    trail.lake.steps = Steps(failure=StorageFailed("away"))
    note = await trail.room.purge()
    assert note["faults"] == ["the ledger could not be purged: away"]
    assert (note["reservations"], note["is_done"], len(trail.lanes.lanes)) == (3, False, 1)


async def test_sweep_goes_on_where_the_last_run_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge_ledger, "SWEEP_PAGES", 2)
    trail = await old_trail()
    assert [(await trail.room.purge())["reservations"] for _ in range(3)] == [2, 1, 0]


async def test_purge_that_can_leave_no_note_fails() -> None:
    trail = await old_trail()
    trail.note_rows.failure = StorageFailed("away")
    with pytest.raises(StorageFailed):
        await trail.room.purge()
