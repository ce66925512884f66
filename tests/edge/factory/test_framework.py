"""Microsoft's testing framework walks the same pipelines as our runner, over the same real exports, and agrees.

The runner runs a scenario on real storage; each pipeline that ran is then walked by the framework with the answers that
its activities had. Both have to come by the same activities with the same values in them, evaluated by two evaluators.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from audit.layout import chain_name, segment_name
from audit.manifests import Difference
from audit.records import RecordType
from local.environments import FACTORY
from local.environments import ROOT as PROJECT
from tests.desk import Desk
from tests.edge.factory.conftest import AUDIENCE, STAGING, Ground
from tests.factory.definitions import ROOT
from tests.factory.runs import RUN_ID, Run, Step
from tests.lakes import FIRST, Region, sound_lake
from tests.snapshots import ROWS, digest_of, snapshot_of

CONTAINERS = ("Until", "ForEach", "IfCondition", "Filter")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
PROGRAM = PROJECT / "tests" / "factory" / "framework.py"

Walk = Callable[[dict[str, Any]], list[dict[str, Any]]]

HAS_RUNTIME = (sys.platform, platform.machine()) == ("linux", "x86_64") and sys.version_info < (3, 13)

pytestmark = [
    pytest.mark.skipif(
        not FACTORY.is_made(),
        reason="The framework's environment is not made. Run: python -m local.environments factory",
    ),
    pytest.mark.skipif(
        not (HAS_RUNTIME or shutil.which("dotnet")),
        reason="The framework evaluates with .NET, and its package is for Linux x86_64 and Python below 3.13.",
    ),
]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """The framework in a process of its own: .NET would take over this one's signals."""
    command = [str(FACTORY.python), str(PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pipes = (process.stdin, process.stdout)

        def ask(job: dict[str, Any]) -> list[dict[str, Any]]:
            pipes[0].write(json.dumps(job) + "\n")
            pipes[0].flush()
            answer = json.loads(pipes[1].readline())
            assert "fault" not in answer, answer
            seen: list[dict[str, Any]] = answer["seen"]
            return seen

        yield ask
        process.stdin.close()


def job_for(run: Run, turn: int, settings: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, list[Any]] = defaultdict(list)
    for step in run.steps:
        if step.turn == turn and step.kind not in CONTAINERS:
            answers[step.name].append({"status": step.status, "output": step.output, "error": step.error})
    about = run.turns[turn]
    return {
        "folder": str(ROOT),
        "pipeline": about.pipeline,
        "parameters": dict(about.parameters),
        "settings": settings,
        "run_id": RUN_ID,
        "answers": answers,
    }


def by_name(entries: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for name, value in entries:
        found[name].append(json.loads(TIME.sub("<time>", json.dumps(value))))
    return dict(found)


def ours(steps: list[Step]) -> dict[str, list[Any]]:
    return by_name([(step.name, [step.properties, step.datasets]) for step in steps if step.kind not in CONTAINERS])


def theirs(seen: list[dict[str, Any]], run: Run) -> dict[str, list[Any]]:
    filters = {step.name for step in run.steps if step.kind == "Filter"}
    return by_name([(one["name"], [one["properties"], one["datasets"]]) for one in seen if one["name"] not in filters])


def assert_same(run: Run, walk: Walk, settings: dict[str, Any]) -> None:
    """The framework stops at a failure, and can't let one of its containers fail: of a run that failed it may come by
    fewer activities, and by the one that would have followed. What failed it comes by."""
    came_by: set[str] = set()
    for turn in range(len(run.turns)):
        found = theirs(walk(job_for(run, turn, settings)), run)
        expected = ours([step for step in run.steps if step.turn == turn])
        came_by |= set(found)
        if run.status == "Succeeded":
            assert found == expected
            continue
        found.pop("Note whether the end is reached", None)
        assert all(values == expected[name][: len(values)] for name, values in found.items())
    assert set(run.names("Fail")) <= came_by


async def happy(ground: Ground) -> Run:
    await ground.fill(sound_lake().files)
    return await ground.ingest(23)


async def late(ground: Ground) -> Run:
    region = sound_lake()
    hidden = {name: region.files.pop(name) for name in [chain_name("westeurope", number) for number in (1, 2, 3, 4)]}
    await ground.fill(region.files)

    async def seal(_: int) -> None:
        await ground.fill(hidden)

    ground.clock.on_wait = seal
    return await ground.ingest(23)


async def never_sealed(ground: Ground) -> Run:
    region = sound_lake()
    ground.changed = {"wait_minutes": 0}
    await ground.fill({name: content for name, content in region.files.items() if "/chain/" not in name})
    return await ground.ingest(21)


async def empty(ground: Ground) -> Run:
    region = Region()
    region.seal(FIRST, {})
    schemas = {name: content for name, content in sound_lake().files.items() if "/schemas/" in name}
    await ground.fill(region.files | schemas)
    return await ground.ingest(21)


async def tampered(ground: Ground) -> Run:
    region = sound_lake()
    await ground.fill(region.files | {segment_name("decisions", "westeurope", FIRST, "0001"): b"tampered"})
    return await ground.ingest(21)


async def short(ground: Ground) -> Run:
    region = sound_lake()
    region.files.pop(segment_name("decisions", "westeurope", FIRST, "9f3a"))
    await ground.fill(region.files)
    return await ground.ingest(21)


async def rows_differ(ground: Ground) -> Run:
    region, scratch = Region(), Region()
    sound = scratch.seal(FIRST, {"0001": scratch.records(FIRST, "0001", [RecordType.DECISION_SCORED] * 3)})
    region.commit(sound, replace(sound, files=sound.files[1:]).to_bytes())
    await ground.fill(region.files)
    return await ground.ingest(21)


async def counts_differ(ground: Ground) -> Run:
    region = Region()
    region.seal(FIRST, {}, differences=[Difference("", "rows", 1, 0)])
    await ground.fill(region.files)
    return await ground.ingest(21)


@pytest.mark.parametrize(
    ("scenario", "status", "fails"),
    [
        (happy, "Succeeded", []),
        (late, "Succeeded", []),
        (never_sealed, "Failed", ["Say that the window is late"]),
        (empty, "Succeeded", []),
        (tampered, "Failed", ["Refuse the file", "Say what failed"]),
        (short, "Failed", ["Refuse the file", "Say what failed"]),
        (rows_differ, "Failed", ["Refuse the rows", "Say what failed"]),
        (counts_differ, "Failed", ["Say where counts differ"]),
    ],
)
async def test_framework_comes_by_what_the_runner_came_by(
    ground: Ground, walk: Walk, scenario: Callable[[Ground], Awaitable[Run]], status: str, fails: list[str]
) -> None:
    run = await scenario(ground)
    assert (run.status, run.names("Fail")) == (status, fails), run.error
    assert_same(run, walk, ground.settings)


async def test_framework_finds_an_expression_that_was_changed(ground: Ground, walk: Walk) -> None:
    run = await happy(ground)
    (step,) = [step for step in run.steps if step.name == "Look for an earlier run"]
    step.properties["dataset"]["parameters"]["name"] += "x"
    with pytest.raises(AssertionError):
        assert_same(run, walk, ground.settings)


@pytest.mark.parametrize(
    ("role", "rows", "ordered", "fails"),
    [
        ("deliverer", ROWS, {}, []),
        ("scorer", ROWS, {}, ["Say that it was refused"]),
        ("deliverer", [], {}, ["Say that it was refused"]),
        ("deliverer", [], {"allow_empty": True}, []),
    ],
)
async def test_framework_delivers_as_the_runner_does(
    ground: Ground,
    walk: Walk,
    desk: Desk,
    role: str,
    rows: Sequence[Mapping[str, object]],
    ordered: dict[str, bool],
    fails: list[str],
) -> None:
    files = snapshot_of(rows=rows, rows_per_file=1, dataset="offices")
    order = {"snapshot": "s1", "manifest_sha256": digest_of(files).removeprefix("sha256:"), **ordered}
    staged = files | {"activate.json": json.dumps(order).encode()}
    await ground.fill({f"reference_out/offices/s1/{name}": content for name, content in staged.items()}, STAGING)
    ground.tokens[AUDIENCE] = role
    run = await ground.run("deliver_reference_data", folder="gold/reference_out/offices/s1")
    assert run.names("Fail") == fails
    assert_same(run, walk, ground.settings)
