"""The file: messages that nobody may get, activities that end twice, two hosts, another format."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from local.durable import events
from local.durable.decisions import Status
from local.durable.instances import Instance, Message, Start, Task
from local.durable.store import Store, StoreUnusable
from local.durable.turns import Commit, start_event

INSTANCE = Instance("i", "e", "waits", "1.0", Status.PENDING, 1, 1)
TASK = Task("i", "e", 0, "plus", "1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with one instance that was started, its first message taken."""
    with closing(Store(tmp_path / "hub.sqlite")) as store:
        store.start(Start(INSTANCE, start_event(INSTANCE, 1, generation=0)), 1)
        turn = store.load_turn("i", 1)
        assert turn is not None
        store.commit_turn(Commit(replace(INSTANCE, status=Status.RUNNING), turn.message_rows, ["{}"], tasks=[TASK]), 1)
        yield store


def test_living_instance_is_not_started_again(store: Store) -> None:
    other = replace(INSTANCE, execution_id="f")
    living = store.start(Start(other, start_event(other, 2, generation=0)), 2)
    assert living is not None
    assert living.execution_id == "e"
    assert store.load_turn("i", 2) is None


@pytest.mark.parametrize(("execution_id", "arrives"), [("e", True), ("before", False), (None, True)])
def test_message_reaches_only_the_execution_it_is_for(store: Store, execution_id: str | None, arrives: bool) -> None:
    store.send(Message("i", events.task_completed(2, 0, "1"), 2, execution_id), 2)
    assert (store.load_turn("i", 2) is not None) is arrives


def test_message_to_nobody_is_thrown_away(store: Store) -> None:
    store.send(Message("nobody", events.event_raised(2, "go", None), 2), 2)
    assert store.due_instances(2, 10) == ["nobody"]
    assert store.load_turn("nobody", 2) is None
    assert store.due_instances(2, 10) == []


def test_activity_that_ends_twice_is_told_once(store: Store) -> None:
    (task,) = store.due_tasks(1, 10)
    for _ in range(2):
        store.finish_task(task, events.task_completed(2, 0, "1"), 2)
    turn = store.load_turn("i", 2)
    assert turn is not None
    assert len(turn.arrived) == 1


def test_claimed_activity_is_due_again_when_it_was_said_to_be(store: Store) -> None:
    store.claim(store.due_tasks(1, 10), back_at=50)
    assert store.due_tasks(49, 10) == []
    assert store.next_due(1) == 50
    assert [task.task_id for task in store.due_tasks(50, 10)] == [0]


def test_timer_waits_for_its_time_and_messages_come_in_the_order_they_were_due(store: Store) -> None:
    store.send(Message("i", events.event_raised(2, "late", None), 30), 2)
    store.send(Message("i", events.event_raised(2, "early", None), 20), 2)
    assert store.load_turn("i", 19) is None
    turn = store.load_turn("i", 30)
    assert turn is not None
    assert [event["Name"] for event in turn.arrived] == ["early", "late"]


def test_parked_instance_is_looked_at_by_the_next_start_only(store: Store, tmp_path: Path) -> None:
    store.send(Message("i", events.event_raised(2, "go", None), 2), 2)
    store.park("i")
    assert store.due_instances(2**60, 10) == []
    store.close()
    with closing(Store(tmp_path / "hub.sqlite")) as again:
        assert again.due_instances(2, 10) == ["i"]


def test_second_host_on_one_file_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="Does another host run on it"):
        Store(tmp_path / "hub.sqlite", lock_timeout_s=0.1)


def test_file_of_another_format_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "hub.sqlite")) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreUnusable, match="has format 7"):
        Store(tmp_path / "hub.sqlite")


def test_turn_that_fails_in_the_middle_changes_nothing(store: Store) -> None:
    commit = Commit(replace(INSTANCE, status=Status.FAILED), (), ["{}"], messages=[Message("i", {"x": object()}, 2)])
    with pytest.raises(TypeError):
        store.commit_turn(commit, 2)
    found = store.find("i")
    assert found is not None
    assert found.status is Status.RUNNING
    assert store.history("i") == ["{}"]
