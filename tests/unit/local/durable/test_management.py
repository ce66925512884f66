"""Management calls beside the recorded ones: bad input, queries, purges."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from local.durable.management import Call
from tests.unit.local.durable.hub import Hub

pytestmark = pytest.mark.filterwarnings("default")


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.wait_for_external_event("go"))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub whose engine doesn't run."""
    hub = Hub(tmp_path / "hub.sqlite", orchestrators=[waits])
    yield hub
    hub.store.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "instances/none", 404),
        ("DELETE", "instances/none", 404),
        ("DELETE", "instances/pending", 412),
        ("POST", "instances/none/terminate", 404),
        ("POST", "instances/none/raiseEvent/go", 404),
        ("POST", "instances/none/rewind", 404),
        ("POST", "instances/pending/rewind", 412),
        ("POST", "instances/none/restart", 400),
        ("POST", "instances/pending/unknown", 404),
        ("PUT", "instances/pending", 404),
        ("DELETE", "instances/", 400),
        ("GET", "elsewhere", 404),
        ("GET", "", 404),
    ],
)
def test_call_that_can_not_be_carried_out_says_so(hub: Hub, method: str, path: str, status: int) -> None:
    hub.start("waits", "pending")
    assert hub.call(method, path).status == status
    assert hub.status("pending")["runtimeStatus"] == "Pending"


@pytest.mark.parametrize("path", ["orchestrators/waits/new", "instances/pending/raiseEvent/go", "entities/e/k"])
def test_body_that_is_no_json_is_refused(hub: Hub, path: str) -> None:
    hub.start("waits", "pending")
    reply = hub.management.answer(Call("POST", path.split("/"), {}, b"{", "application/json", ""))
    assert reply.status == 400
    assert "JSON" in (reply.body or "")


def test_event_of_another_content_type_is_refused(hub: Hub) -> None:
    hub.start("waits", "pending")
    call = Call("POST", ["instances", "pending", "raiseEvent", "go"], {}, b"1", "text/plain", "")
    assert hub.management.answer(call).status == 400


def test_list_gives_a_hundred_at_most_and_takes_prefix_status_and_time(hub: Hub) -> None:
    for number in range(101):
        hub.start("waits", f"a{number:03}")
    hub.start("waits", "b")

    def listed(**query: str) -> list[str]:
        return [one["instanceId"] for one in json.loads(hub.call("GET", "instances/", **query).body or "[]")]

    assert len(listed()) == 100
    assert listed(instanceIdPrefix="b") == ["b"]
    assert len(listed(top="102")) == 102
    assert listed(runtimeStatus="Completed,Failed") == []
    assert len(listed(runtimeStatus="pending")) == 100
    assert listed(createdTimeFrom="2100-01-01T00:00:00.000000Z") == []
    assert listed(createdTimeTo="1-01-01T00:00:00.000000Z") == []


async def test_purge_by_time_takes_finished_instances_only(tmp_path: Path) -> None:
    async with Hub(tmp_path / "hub.sqlite", orchestrators=[waits]) as hub:
        hub.start("waits", "done")
        hub.raise_event("done", "go")
        await hub.end_of("done")
        hub.start("waits", "waiting")
        await hub.settled("waiting")
        since = "1-01-01T00:00:00.000000Z"
        assert hub.call("DELETE", "instances/", createdTimeFrom=since).body == '{"instancesDeleted":1}'
        assert hub.call("GET", "instances/done").status == 404
        assert hub.status("waiting")["runtimeStatus"] == "Running"
        assert hub.call("DELETE", "instances/", createdTimeFrom=since).status == 404


async def test_restart_under_the_same_id_is_refused_while_it_runs_and_begins_anew_afterwards(tmp_path: Path) -> None:
    async with Hub(tmp_path / "hub.sqlite", orchestrators=[waits]) as hub:
        hub.start("waits", "a", {"n": 1})
        await hub.settled("a")
        assert hub.call("POST", "instances/a/restart", restartWithNewInstanceId="false").status == 409
        hub.raise_event("a", "go")
        await hub.end_of("a")
        assert hub.call("POST", "instances/a/restart", restartWithNewInstanceId="false").status == 202
        await hub.settled("a")
        assert hub.status("a")["input"] == '{"n": 1}'


async def test_history_is_shown_with_results_only_when_asked(tmp_path: Path) -> None:
    async with Hub(tmp_path / "hub.sqlite", orchestrators=[waits]) as hub:
        hub.start("waits", "a")
        hub.raise_event("a", "go", 7)
        await hub.end_of("a")
        shown = json.loads(hub.call("GET", "instances/a", showHistory="True").body or "{}")["historyEvents"]
        assert [event["EventType"] for event in shown] == ["ExecutionStarted", "EventRaised", "ExecutionCompleted"]
        assert "Result" not in shown[-1]
        shown = json.loads(hub.call("GET", "instances/a", showHistory="True", showHistoryOutput="True").body or "{}")
        assert shown["historyEvents"][-1]["Result"] == "7"
