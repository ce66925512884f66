"""The trail's health: every fact that keeps it from being whole is told, and stays told until it is settled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.layout import manifest_name
from audit.windows import Window
from flows.errors import StorageFailed
from flows.sealing.seal_window import Due
from flows.sealing.trail_health import TrailFacts, decide_health
from tests.unit.flows.trail import HOUR, RETENTION_S, START, Trail

SECOND = Window(START.end_s, HOUR)
SOUND = TrailFacts(waiting=2, lag_s=7_000.0)


def test_trail_with_nothing_wrong_is_healthy() -> None:
    assert (decide_health(SOUND).status, decide_health(SOUND).reasons) == ("healthy", ())


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"waiting": 3, "lag_s": 11_000.4}, "3 windows wait to be sealed, the trail lags 11000 s behind"),
        ({"differences": {"20261123T210000Z": 2}}, "window 20261123T210000Z differ in 2 ways"),
        ({"unreadable": ["audit/manifests/v1/x.json"]}, "audit/manifests/v1/x.json can't be read"),
        ({"late": ["20261123T210000Z"]}, "lanes of 20261123T210000Z appeared after sealing"),
        ({"witness_fault": "eastus2: it answered 409"}, "the witness does not hold the newest checkpoint: eastus2"),
        ({"schema_fault": "other schemas than this app's lie in the lake: x"}, "other schemas than this app's"),
        ({"kept": {"20261123T210000Z": "late"}, "kept_windows": 31}, "31 windows past retention can't be purged"),
        ({"purge_faults": ["the ledger could not be purged: 503"]}, "the ledger could not be purged: 503"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_fact_that_is_wrong_degrades_and_is_told(fact: dict[str, Any], said: str) -> None:
    health = decide_health(replace(SOUND, **fact))
    assert health.status == "degraded"
    (reason,) = health.reasons
    assert said in reason


def test_many_names_are_told_in_few_words() -> None:
    health = decide_health(replace(SOUND, unreadable=[f"manifest-{number}" for number in range(100)]))
    assert "and 95 more" in health.reasons[0]


async def watch(trail: Trail, *due: Due) -> Any:
    return await trail.room.watch(due)


async def test_trail_that_keeps_up_is_healthy() -> None:
    trail = Trail()
    trail.append(START, 1, 3)
    trail.pass_windows()
    await trail.seal()
    note = await watch(trail)
    assert (note["status"], note["looked_until"]) == ("healthy", 0)
    assert trail.room.health.faults() == []


async def test_trail_that_falls_behind_is_degraded_until_it_has_caught_up() -> None:
    trail = Trail()
    trail.append(START, 1, 3)
    trail.pass_windows(3)
    assert "3 windows wait" in (await watch(trail))["reasons"][0]
    await trail.seal()
    assert (await watch(trail))["status"] == "healthy"


async def test_difference_stays_told_until_its_rows_are_gone() -> None:
    trail = Trail()
    (record, _) = trail.append(START, 1, 2)
    trail.remove_row(record.record_id)
    trail.pass_windows()
    await trail.seal()
    assert (await watch(trail))["differences"] == {START.name: 2}
    trail.restart()
    assert (await watch(trail))["status"] == "degraded"
    await trail.lanes.delete(START, "0001")
    assert (await watch(trail))["status"] == "healthy"


async def test_manifest_that_is_gone_stays_told_until_it_is_back() -> None:
    trail = Trail()
    trail.append(START, 1, 2)
    trail.append(SECOND, 1, 2)
    trail.pass_windows(2)
    await trail.seal()
    name = manifest_name("westeurope", START)
    content = trail.lake.files.pop(name)
    assert (await watch(trail))["unreadable"] == [name]
    assert (await watch(trail))["unreadable"] == [name]
    trail.lake.files[name] = content
    assert (await watch(trail))["status"] == "healthy"


async def test_late_lane_is_told_while_its_correction_is_due() -> None:
    trail = Trail()
    trail.append(START, 1, 2)
    trail.pass_windows()
    await trail.seal()
    trail.append(START, 2, 1)
    due = await trail.room.seal.due()
    assert "appeared after sealing" in (await watch(trail, *due))["reasons"][0]
    await trail.seal()
    assert (await watch(trail, *await trail.room.seal.due()))["status"] == "healthy"


async def test_window_that_can_not_be_purged_is_told() -> None:
    trail = Trail()
    trail.append(START, 1, 2)
    trail.pass_windows()
    await trail.seal()
    trail.append(START, 2, 1)
    trail.clock.advance(RETENTION_S)
    await trail.room.purge()
    reasons = (await watch(trail))["reasons"]
    assert any(f"1 windows past retention can't be purged: {START.name} (late)" in reason for reason in reasons)


async def test_note_that_is_old_is_told() -> None:
    trail = Trail()
    await watch(trail)
    await trail.room.health.read()
    trail.clock.advance(1_801)
    assert "nobody has looked after it" in trail.room.health.faults()[0]


async def test_health_that_can_not_be_read_leaves_what_is_known() -> None:
    trail = Trail()
    trail.append(START, 1, 3)
    trail.pass_windows(3)
    await watch(trail)
    await trail.room.health.read()
    trail.note_rows.failure = StorageFailed("away")
    with pytest.raises(StorageFailed):
        await trail.room.health.read()
    assert len(trail.room.health.faults()) == 1
