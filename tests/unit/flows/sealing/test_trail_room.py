"""What every region's timer does besides sealing: it deletes old histories of the engine, whatever comes of that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flows.ports import EngineFailed
from tests.unit.flows.trail import KEEP_HISTORY_S, Trail


async def test_histories_are_deleted_once_they_are_old_enough() -> None:
    trail = Trail()
    await trail.room.tick(None)
    assert trail.engine.purged_until == [trail.clock.now() - timedelta(seconds=KEEP_HISTORY_S)]


async def test_histories_that_control_looks_after_are_left_alone() -> None:
    trail = Trail()
    await replace(trail.room, keep_history_s=None).tick(None)
    assert trail.engine.purged_until == []


async def test_histories_that_cannot_be_deleted_are_logged_and_keep_the_timer_from_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trail = Trail()
    trail.engine.failure = EngineFailed("no purge")
    await trail.room.tick(None)
    assert "Old histories were not deleted: no purge" in caplog.text
    assert await trail.room.health.read() is not None, "its note of the trail is left all the same"
