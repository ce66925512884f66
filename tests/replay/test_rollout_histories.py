"""Every rollout that was ever recorded replays on the orchestrators as they are now, turn by turn.

An orchestration that began before a deployment goes on after it, over the history that it has by then: the same turn
must ask for the same things, and the last one answer what it answered. A change that breaks this belongs behind a
new version; `rollout_histories/README.md` says how.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from local.durable.decisions import Status
from local.durable.events import EventType
from local.durable.instances import Instance
from local.durable.turns import Turn, finish_turn
from tests.replay.record_rollouts import HISTORIES, Record, current_version, read_records, records_of
from tests.replay.recordings import ORCHESTRATOR_COMPLETED, ORCHESTRATOR_STARTED, normal
from tests.replay.rehearsal import Rehearsal
from tests.replay.rollout_stories import STORIES, play
from tests.replay.virtual_hub import VirtualHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads"),  # advice of the library, once a process
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion for TaskId. nudge"),
]
RECORDED = sorted(HISTORIES.glob("*/*.jsonl.gz"))
DECISIONS = {EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED, EventType.TIMER_CREATED}
WORDING = {"message", "reason", "detail"}
"""What people read: it may be worded anew under any version."""


@cache
def hub() -> VirtualHub:
    return Rehearsal().hub


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}-{file.name.partition('.')[0]}")
def test_recorded_rollout_replays_with_the_same_actions(file: Path) -> None:
    async def check() -> None:
        for record in read_records(file):
            await assert_replays(record)

    asyncio.run(check())


@pytest.mark.parametrize("story", STORIES)
def test_two_passes_over_the_same_history_give_the_same_actions(story: str) -> None:
    async def check() -> None:
        for turn in (await play(STORIES[story])).hub.turns:
            assert await hub().answer(turn.name, turn.payload) == turn.answer

    asyncio.run(check())


@pytest.mark.parametrize("story", STORIES)
def test_story_is_recorded_for_the_present_version_as_it_goes_now(story: str) -> None:
    """So that what is recorded is what runs. A change that alters it needs a new version, unless none was deployed."""
    told = records_of(asyncio.run(play(STORIES[story])).hub.turns)
    recorded = read_records(HISTORIES / current_version() / f"{story}.jsonl.gz")
    assert [one["name"] for one in told] == [one["name"] for one in recorded]
    for one, other in zip(told, recorded, strict=True):
        assert unworded(normal(one["actions"])) == unworded(normal(other["actions"]))


def test_every_version_has_its_recordings() -> None:
    assert {file.parent.name for file in RECORDED} >= {"1.0", current_version()}
    assert {file.name for file in RECORDED} >= {f"{story}.jsonl.gz" for story in STORIES}


async def assert_replays(record: Record) -> None:
    """Each turn decides what the history says that it decided; the last one answers what was recorded."""
    payload, answer = record["payload"], None
    for past, started, arrived, decided in turns_of(payload["history"]):
        new = [started, *({**event, "IsPlayed": False} for event in arrived)]
        text = json.dumps({**payload, "history": [*past, *new], "isReplaying": bool(past)})
        answer = await hub().answer(record["name"], text)
        commit = finish_turn(turn(record, past, new), new, answer, current_version(), lambda: next(TICKS))
        if decided is not None:
            decisions = [event for event in map(json.loads, commit.history) if event["EventType"] in DECISIONS]
            assert list(map(shown, decisions)) == list(map(shown, decided)), f"{record['name']}: another decision"
    assert answer is not None
    for name in ("actions", "is_done", "output", "error", "custom_status"):
        assert unworded(getattr(answer, name)) == unworded(record[name]), f"{record['name']}: {name}"


def turns_of(history: Sequence[Record]) -> Iterator[tuple[list[Record], Record, list[Record], list[Record] | None]]:
    """Each turn of a payload's history: what was before it, its start, what arrived, what it decided (None: the last
    one's decisions are not in it yet)."""
    starts = [i for i, event in enumerate(history) if event["EventType"] == ORCHESTRATOR_STARTED]
    for start, end in itertools.pairwise([*starts, len(history)]):
        events = list(history[start + 1 : end])
        is_last = end == len(history)
        arrived = [event for event in events if is_last or event["IsPlayed"]]
        decided = [event for event in events if event not in arrived and event["EventType"] != ORCHESTRATOR_COMPLETED]
        yield list(history[:start]), history[start], arrived, None if is_last else decided


TICKS = itertools.count(0)


def turn(record: Record, past: Sequence[Record], new: Sequence[Record]) -> Turn:
    begun = next(event for event in [*past, *new] if event["EventType"] == EventType.EXECUTION_STARTED)
    instance = Instance(
        instance_id=begun["OrchestrationInstance"]["InstanceId"],
        execution_id=begun["OrchestrationInstance"]["ExecutionId"],
        name=record["name"],
        version=begun["Version"],
        status=Status.RUNNING,
        created_at=0,
        updated_at=0,
        input_text=begun["Input"],
        parent=begun["ParentInstance"],
    )
    return Turn(instance, [json.dumps(event) for event in past], new[1:], ())


def unworded(value: Any) -> Any:
    """The value without its wording; inputs are JSON in strings."""
    if isinstance(value, dict):
        return {name: None if name in WORDING else unworded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [unworded(part) for part in value]
    if isinstance(value, str) and value[:1] in ("{", '"'):
        return unworded(json.loads(value))
    return value


def shown(event: Record) -> Any:
    """A decision without when it was written."""
    return {name: value for name, value in event.items() if name not in ("Timestamp", "IsPlayed")}
