"""The engine with the real library over small functions: what the real host does beside its recorded scenarios."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from local.durable.settings import DurableSettings, FailureStrategy
from tests.unit.local.durable.hub import Hub

pytestmark = pytest.mark.filterwarnings("default")  # the library advises on typing in its threads
Context = df.DurableOrchestrationContext
Steps = Generator[Any, Any, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "durable" / "hub.sqlite"


def calls_one(context: Context) -> Steps:
    return (yield context.call_activity(context.get_input(), "x"))


def waits(context: Context) -> Steps:
    return (yield context.wait_for_external_event("go"))


async def test_async_activity_runs_on_the_loop_and_a_plain_one_in_a_thread(file: Path) -> None:
    seen: dict[str, int] = {}

    def plain(x: str) -> str:
        seen["plain"] = threading.get_ident()
        return x

    async def awaiting(x: str) -> str:
        seen["awaiting"] = threading.get_ident()
        await asyncio.sleep(0)
        return x

    async with Hub(file, orchestrators=[calls_one], activities=[plain, awaiting]) as hub:
        for name in ("plain", "awaiting"):
            hub.start("calls_one", name, name)
            assert await hub.end_of(name) == ("Completed", "x")
    assert seen["awaiting"] == threading.get_ident() != seen["plain"]


async def test_activity_that_exits_has_failed(file: Path) -> None:
    def leaves(x: str) -> str:
        raise SystemExit(3)

    async with Hub(file, orchestrators=[calls_one], activities=[leaves]) as hub:
        hub.start("calls_one", "a", "leaves")
        status, output = await hub.end_of("a")
    assert status == "Failed"
    assert "Activity function 'leaves' failed:  SystemExit: 3" in str(output)


async def test_activity_whose_result_is_no_json_has_failed(file: Path) -> None:
    def strange(x: str) -> object:
        return object()

    async with Hub(file, orchestrators=[calls_one], activities=[strange]) as hub:
        hub.start("calls_one", "a", "strange")
        status, output = await hub.end_of("a")
    assert status == "Failed"
    assert "must be json serializable" in str(output)


async def test_unknown_activity_leaves_the_orchestration_running_until_an_app_has_it(file: Path) -> None:
    async with Hub(file, orchestrators=[calls_one]) as hub:
        hub.start("calls_one", "a", "plus")
        await hub.settled("a")
        await hub.until(lambda: not hub.store.due_tasks(2**62, 10))
        assert hub.status("a")["runtimeStatus"] == "Running"
    async with Hub(file, orchestrators=[calls_one], activities=[lambda_plus()]) as hub:
        assert await hub.end_of("a") == ("Completed", "done")


def lambda_plus() -> Any:
    def plus(x: str) -> str:
        return "done"

    return plus


async def test_unknown_orchestrator_is_started_and_fails(file: Path) -> None:
    async with Hub(file, orchestrators=[waits]) as hub:
        hub.start("nowhere", "a")
        status, output = await hub.end_of("a")
    assert status == "Failed"
    assert "The function 'nowhere' doesn't exist" in str(output)


async def test_orchestrator_that_is_no_generator_ends_with_what_it_returns(file: Path) -> None:
    def at_once(context: Context) -> str:
        return context.instance_id

    async with Hub(file, orchestrators=[at_once]) as hub:
        hub.start("at_once", "a")
        assert await hub.end_of("a") == ("Completed", "a")


async def test_instance_of_another_version_waits_for_a_host_that_suits(file: Path) -> None:
    async with Hub(file, orchestrators=[waits]) as hub:
        hub.start("waits", "a", version="2.0")
        hub.raise_event("a", "go", 1)
        await hub.until(lambda: not hub.store.due_instances(2**62, 10))
        assert hub.status("a")["runtimeStatus"] == "Pending"
    async with Hub(file, orchestrators=[waits], settings=DurableSettings(default_version="2.1")) as hub:
        assert await hub.end_of("a") == ("Completed", "1")


async def test_instance_of_another_version_fails_where_the_app_says_so(file: Path) -> None:
    settings = DurableSettings(default_version="1.0", failure=FailureStrategy.FAIL)
    async with Hub(file, orchestrators=[waits], settings=settings) as hub:
        hub.start("waits", "a", version="2.0")
        assert (await hub.end_of("a"))[0] == "Failed"


async def test_event_raised_before_the_first_turn_is_kept(file: Path) -> None:
    hub = Hub(file, orchestrators=[waits])
    hub.start("waits", "a")
    hub.raise_event("a", "go", {"by": "ann"})
    async with hub:
        assert await hub.end_of("a") == ("Completed", '{"by": "ann"}')


async def test_what_happens_while_suspended_counts_after_the_resumption(file: Path) -> None:
    async with Hub(file, orchestrators=[waits]) as hub:
        hub.start("waits", "a")
        hub.call("POST", "instances/a/suspend", reason="look first")
        await hub.settled("a", "Suspended")
        hub.raise_event("a", "go", 1)
        await hub.settled("a", "Suspended")
        hub.call("POST", "instances/a/resume", reason="go on")
        assert await hub.end_of("a") == ("Completed", "1")


async def test_terminated_parent_leaves_its_child_running_and_ignores_its_end(file: Path) -> None:
    def parent(context: Context) -> Steps:
        return (yield context.call_sub_orchestrator("waits", None, "the-child"))

    async with Hub(file, orchestrators=[parent, waits]) as hub:
        hub.start("parent", "p")
        await hub.settled("the-child")
        hub.call("POST", "instances/p/terminate", reason="enough")
        assert await hub.end_of("p") == ("Terminated", "enough")
        hub.raise_event("the-child", "go", 1)
        assert await hub.end_of("the-child") == ("Completed", "1")
        assert hub.status("p")["runtimeStatus"] == "Terminated"


async def test_terminated_child_has_failed_for_its_parent(file: Path) -> None:
    def parent(context: Context) -> Steps:
        try:
            yield context.call_sub_orchestrator("waits", None, "c")
        except Exception as error:
            return str(error).split(" \n", maxsplit=1)[0]

    async with Hub(file, orchestrators=[parent, waits]) as hub:
        hub.start("parent", "p")
        await hub.settled("c")
        hub.call("POST", "instances/c/terminate", reason="enough")
        assert await hub.end_of("p") == ("Completed", "enough")


async def test_result_of_an_execution_before_is_not_that_of_the_one_now(file: Path) -> None:
    release = threading.Event()

    def slow(x: str) -> str:
        release.wait(10)
        return "old"

    async with Hub(file, orchestrators=[calls_one, waits], activities=[slow]) as hub:
        hub.start("calls_one", "a", "slow")
        await hub.settled("a")
        hub.call("POST", "instances/a/terminate", reason="again")
        await hub.end_of("a")
        hub.start("waits", "a")
        release.set()
        await hub.until(lambda: not hub.store.due_tasks(2**62, 10))
        await hub.settled("a")
        hub.raise_event("a", "go", "new")
        assert await hub.end_of("a") == ("Completed", '"new"')


async def test_events_after_continue_as_new_in_one_batch_reach_the_next_generation(file: Path) -> None:
    def again(context: Context) -> Steps:
        first = yield context.wait_for_external_event("tick")
        got = [*context.get_input(), first]
        if len(got) < 3:
            context.continue_as_new(got)
            return None
        return got

    hub = Hub(file, orchestrators=[again])
    hub.start("again", "a", [])
    for number in range(3):
        hub.raise_event("a", "tick", number)
    async with hub:
        assert await hub.end_of("a") == ("Completed", ["0", "1", "2"])


async def test_cancelled_timer_that_comes_due_later_changes_nothing(file: Path) -> None:
    def races(context: Context) -> Steps:
        timer = context.create_timer(context.current_utc_datetime + timedelta(milliseconds=100))
        event = context.wait_for_external_event("go")
        won = yield context.task_any([event, timer])
        timer.cancel()
        yield context.wait_for_external_event("end")
        return won == event

    hub = Hub(file, orchestrators=[races])
    hub.start("races", "a")
    hub.raise_event("a", "go")
    async with hub:
        await hub.until(lambda: hub.store.next_due(0) is None)
        hub.raise_event("a", "end")
        assert await hub.end_of("a") == ("Completed", True)


async def test_rewound_orchestration_calls_again_only_what_had_failed(file: Path) -> None:
    calls: list[str] = []

    def steady(x: str) -> str:
        calls.append("steady")
        return x

    def flaky(x: str) -> str:
        calls.append("flaky")
        if calls.count("flaky") == 1:
            raise RuntimeError("first time")
        return x

    def child(context: Context) -> Steps:
        yield context.call_activity("steady", "x")
        return (yield context.call_activity("flaky", "y"))

    def parent(context: Context) -> Steps:
        return (yield context.call_sub_orchestrator("child", None, "c"))

    async with Hub(file, orchestrators=[parent, child], activities=[steady, flaky]) as hub:
        hub.start("parent", "p")
        assert (await hub.end_of("p"))[0] == "Failed"
        assert hub.call("POST", "instances/p/rewind", reason="mended").status == 202
        assert await hub.end_of("p") == ("Completed", "y")
    assert calls == ["steady", "flaky", "flaky"]


async def test_entity_that_fails_tells_its_caller_and_keeps_its_state(file: Path) -> None:
    def counter(context: df.DurableEntityContext) -> None:
        value = context.get_state(lambda: 0)
        if context.operation_name == "break":
            raise ValueError("not that")
        context.set_state(value + context.get_input())
        context.set_result(value)

    def asks(context: Context) -> Steps:
        entity = df.EntityId("counter", "k")
        context.signal_entity(entity, "add", 5)
        try:
            yield context.call_entity(entity, "break")
        except Exception as error:
            return str(error)

    async with Hub(file, orchestrators=[asks], entities=[counter]) as hub:
        hub.start("asks", "a")
        assert await hub.end_of("a") == ("Completed", "not that")
        assert hub.call("POST", "entities/Counter/k", "2", op="add").status == 202
        await hub.until(lambda: hub.call("GET", "entities/counter/k").body == "7")
        assert hub.call("GET", "entities/counter/other").status == 404


async def test_waiting_orchestrations_hold_no_task_and_no_thread(file: Path) -> None:
    async with Hub(file, orchestrators=[waits]) as hub:
        for number in range(100):
            hub.start("waits", f"w{number}")
        await hub.until(lambda: all(hub.status(f"w{n}")["runtimeStatus"] == "Running" for n in range(100)))
        await hub.until(lambda: len(asyncio.all_tasks()) <= 2)
        assert threading.active_count() <= 6
