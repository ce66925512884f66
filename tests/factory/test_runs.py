"""The runner's own rules: who runs after whom, what fails a run, and that nothing unknown is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factory.definitions import Factory, load_factory
from tests.factory.functions import NotSupported
from tests.factory.memory import MemoryOutside
from tests.factory.outside import Blob, Clock
from tests.factory.runs import FAILED, SUCCEEDED, Run, Runner
from tests.lakes import FIRST, KINDS, Region

FACTORY = load_factory()
SETTINGS = {name: about["value"] for name, about in FACTORY.global_parameters.items()}


def step(name: str, *needs: tuple[str, str], kind: str = "SetVariable", **properties: Any) -> dict[str, Any]:
    dependencies = [{"activity": need, "dependencyConditions": [condition]} for need, condition in needs]
    given = properties or {"variableName": "seen", "value": name}
    return {"name": name, "type": kind, "dependsOn": dependencies, "typeProperties": given}


def failing(name: str, *needs: tuple[str, str]) -> dict[str, Any]:
    return step(name, *needs, kind="Fail", message=f"{name} failed", errorCode="Mine")


async def run(*activities: dict[str, Any], clock: Clock | None = None) -> Run:
    pipeline = {"activities": list(activities), "variables": {"seen": {"type": "String"}, "flag": {"type": "Boolean"}}}
    factory = Factory({**FACTORY.objects, "pipeline": {"tried": pipeline}})
    return await Runner(factory, MemoryOutside(), clock or Clock(), SETTINGS).run("tried")


async def test_failure_that_is_caught_by_its_only_successor_is_none() -> None:
    ended = await run(failing("a"), step("b", ("a", "Failed")))
    assert (ended.status, ended.names("SetVariable")) == (SUCCEEDED, ["b"])


async def test_failure_beside_a_successor_that_was_skipped_fails_the_run() -> None:
    ended = await run(failing("a"), step("b", ("a", "Failed")), step("c", ("a", "Succeeded")))
    assert (ended.status, ended.code, ended.error) == (FAILED, "Mine", "Inner activity name: a, Error: a failed")
    assert ended.names("SetVariable") == ["b"]


async def test_successor_on_completion_runs_after_a_failure_but_not_after_a_skip() -> None:
    ended = await run(failing("a"), step("b", ("a", "Completed")))
    assert (ended.status, ended.names("SetVariable")) == (SUCCEEDED, ["b"])
    ended = await run(failing("a"), step("b", ("a", "Succeeded")), step("c", ("b", "Completed")))
    assert (ended.status, ended.names("SetVariable")) == (FAILED, [])


async def test_loop_goes_on_after_an_inner_failure_and_fails_if_its_last_round_did() -> None:
    def until(times: str) -> dict[str, Any]:
        return step(
            "loop",
            kind="Until",
            expression={"value": f"@{times}", "type": "Expression"},
            timeout="0.01:00:00",
            activities=[step("wait", kind="Wait", waitTimeInSeconds=1500), failing("a", ("wait", "Succeeded"))],
        )

    clock = Clock()
    ended = await run(until("false"), clock=clock)
    assert (ended.status, ended.code, len(clock.waited)) == (FAILED, "ActivityTimedOut", 3)
    ended = await run(until("true"), clock=clock)
    assert (ended.status, ended.code, len(clock.waited)) == (FAILED, "Mine", 4)


async def test_every_item_is_gone_through_though_one_fails() -> None:
    items = {"value": "@json('[1,2,3]')", "type": "Expression"}
    ended = await run(step("each", kind="ForEach", items=items, activities=[failing("a")]))
    assert (ended.status, ended.names("Fail")) == (FAILED, ["a", "a", "a"])


@pytest.mark.parametrize(
    "activity",
    [
        step("a", kind="Switch", on="x"),
        step("a", kind="Wait", waitTimeInSeconds=1, extra=1),
        step("a", kind="WebActivity", method="GET", authentication={"type": "Basic"}),
        step("a", ("b", "Succeeded")) | {"name": "b"},
    ],
    ids=["type", "property", "authentication", "circle"],
)
async def test_what_the_runner_lacks_is_not_passed_over(activity: dict[str, Any]) -> None:
    with pytest.raises(NotSupported):
        await run(activity)


async def test_variable_takes_its_type_alone_and_never_itself() -> None:
    ended = await run(step("a", variableName="flag", value="yes"))
    assert "can't take" in ended.error
    itself = {"value": "@concat(variables('seen'), 'x')", "type": "Expression"}
    ended = await run(step("a", variableName="seen", value=itself))
    assert "refers to itself" in ended.error


class LosingSink(MemoryOutside):
    """An account whose bronze says that every file is a byte shorter than what was written."""

    async def list(self, url: str, container: str, prefix: str) -> list[Blob]:
        found = await super().list(url, container, prefix)
        lost = 1 if container == "bronze" else 0
        return [Blob(blob.name, blob.size - lost, blob.modified) for blob in found]


async def test_copy_that_is_not_whole_stops_the_ingestion_before_the_manifest() -> None:
    region = Region()
    region.seal(FIRST, {"0001": region.records(FIRST, "0001", [next(iter(KINDS))])})
    outside = LosingSink({(SETTINGS["lake_url"], "lake"): region.files})
    ended = await Runner(FACTORY, outside, Clock(), SETTINGS).run("ingest_audit", window_start="2026-11-23T21:00:00Z")
    (segment,) = [name for name in region.files if "/decisions/" in name]
    size = len(region.files[segment])
    assert ended.names("Fail") == ["Refuse the copy", "Say what failed"]
    assert f"{segment} has {size - 1} bytes in bronze; its manifest says {size} bytes." in ended.error
    assert not [name for name in outside.container(SETTINGS["platform_url"], "bronze") if "/manifests/" in name]
