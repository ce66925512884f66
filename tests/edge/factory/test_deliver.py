"""Reference data on its way from the platform into a region, on real storage, with the real API over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.reference.load_snapshot import snapshot_folder
from tests.desk import Desk, read
from tests.edge.factory.conftest import AUDIENCE, LAKE, STAGING, Ground
from tests.factory.runs import FAILED, SUCCEEDED, Run
from tests.snapshots import Files, change_manifest, digest_of
from tests.snapshots import snapshot_of as snapshot_of_dataset
from training.policy_types import DATASET as LOOKED_UP

DATASET = "offices"  # which no model of the app looks into
STAGED = f"reference_out/{DATASET}/s1/"
LANDED = snapshot_folder(DATASET, "s1")
PART = "part-00000.jsonl.gz"


def snapshot_of(rows_per_file: int = 100) -> Files:
    return snapshot_of_dataset(rows_per_file=rows_per_file, dataset=DATASET)


async def stage(ground: Ground, files: Files, digest: str = "", snapshot: str = "s1", **ordered: object) -> None:
    """Stage a snapshot as the platform does: its order last."""
    meant = (digest or digest_of(files)).removeprefix("sha256:")
    order = {"snapshot": snapshot, "manifest_sha256": meant, **ordered}
    staged = {**files, "activate.json": json.dumps(order).encode()}
    await ground.fill({STAGED + name: content for name, content in staged.items()}, STAGING)


async def deliver(ground: Ground) -> Run:
    """What the trigger starts when the order has been written."""
    return await ground.run("deliver_reference_data", folder=f"{STAGING}/{STAGED.rstrip('/')}")


async def active(desk: Desk) -> list[dict[str, Any]]:
    datasets: list[dict[str, Any]] = read(await desk.send("GET", "/api/v1/reference", roles="auditor"))["datasets"]
    return datasets


def assert_refused(run: Run, code: str, *words: str) -> None:
    assert (run.status, run.code) == (FAILED, code), run.error
    for word in words:
        assert word in run.error


async def test_staged_snapshot_lands_byte_for_byte_and_is_active(ground: Ground, desk: Desk) -> None:
    files = snapshot_of(rows_per_file=1)
    assert len(files) == 3
    await stage(ground, files)
    run = await deliver(ground)
    assert run.status == SUCCEEDED, run.error
    assert await ground.content(LAKE) == {LANDED + name: content for name, content in files.items()}
    (now,) = await active(desk)
    assert (now["snapshot"], now["digest"]) == ("s1", digest_of(files))
    record = json.loads((await ground.content(STAGING))[STAGED + "delivered-westeurope.json"])
    assert (record["region"], record["dataset"], record["snapshot"], record["generation"]) == (
        "westeurope",
        DATASET,
        "s1",
        1,
    )


async def test_delivery_of_what_was_delivered_changes_nothing(ground: Ground, desk: Desk) -> None:
    await stage(ground, snapshot_of())
    first = await deliver(ground)
    assert first.names("Copy") == ["Land the part", "Land the manifest"]
    again = await deliver(ground)
    assert (again.status, again.names("Copy")) == (SUCCEEDED, [])
    assert [found["generation"] for found in await active(desk)] == [1]


@pytest.mark.parametrize("content", [None, b"other"], ids=["missing", "tampered"])
async def test_staged_part_that_differs_is_not_delivered(ground: Ground, desk: Desk, content: bytes | None) -> None:
    files = snapshot_of()
    size = len(files[PART])
    staged = {name: body for name, body in files.items() if name != PART or content is not None}
    await stage(ground, staged | ({PART: content} if content else {}), digest_of(files))
    said = "is missing" if content is None else "has 5 bytes"
    assert_refused(
        await deliver(ground), "FileDiffers", f"{STAGED}{PART} {said} as it is staged; its manifest says {size} bytes"
    )
    assert await ground.content(LAKE) == {}
    assert await active(desk) == []


async def test_other_part_that_lies_in_the_lake_already_is_not_replaced(ground: Ground, desk: Desk) -> None:
    await stage(ground, snapshot_of())
    await ground.fill({LANDED + PART: b"from another delivery"})
    assert_refused(await deliver(ground), "FileDiffers", f"{LANDED}{PART} has 21 bytes in the lake")
    assert (await ground.content(LAKE))[LANDED + PART] == b"from another delivery"


async def test_part_of_the_same_size_with_other_bytes_is_refused_by_the_region(ground: Ground, desk: Desk) -> None:
    files = snapshot_of()
    await stage(ground, {**files, PART: bytes(len(files[PART]))})
    assert_refused(
        await deliver(ground), "NotActivated", "did not activate snapshot s1 of offices", PART, "answered 422"
    )
    assert await active(desk) == []


async def test_snapshot_that_models_would_not_find_their_columns_in_is_refused_by_the_region(
    ground: Ground, desk: Desk
) -> None:
    files = snapshot_of_dataset(dataset=LOOKED_UP)
    order = {"snapshot": "s1", "manifest_sha256": digest_of(files).removeprefix("sha256:")}
    staged = {**files, "activate.json": json.dumps(order).encode()}
    await ground.fill({f"reference_out/{LOOKED_UP}/s1/{name}": content for name, content in staged.items()}, STAGING)
    run = await ground.run("deliver_snapshot", dataset=LOOKED_UP, snapshot="s1")
    assert_refused(run, "NotActivated", "it has no column", "needs of deal-fraud 1.2.0")
    assert await active(desk) == []


async def test_order_that_names_another_manifest_is_refused_by_the_region(ground: Ground, desk: Desk) -> None:
    await stage(ground, snapshot_of(), digest="sha256:" + "0" * 64)
    assert_refused(await deliver(ground), "NotActivated", "what was active still is")
    assert await active(desk) == []


async def test_snapshot_without_a_row_is_active_only_where_the_order_says_that_it_is_meant(
    ground: Ground, desk: Desk
) -> None:
    files = snapshot_of_dataset(dataset=DATASET, rows=[])
    await stage(ground, files, allow_empty=False)
    assert_refused(await deliver(ground), "NotActivated", "it has no row", "allow_empty")
    assert await active(desk) == []
    await stage(ground, files, allow_empty=True)
    run = await deliver(ground)
    assert run.status == SUCCEEDED, run.error
    assert [found["rows"] for found in await active(desk)] == [0]


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(dataset="agents"),
        lambda document: document.update(snapshot="s2"),
        lambda document: document["files"][0].update(name="part-00000.csv"),
        lambda document: document["files"][0].update(name="part-../../../audit/x.jsonl.gz"),
    ],
    ids=["dataset", "snapshot", "name", "path"],
)
async def test_snapshot_that_is_not_what_its_folder_says_is_refused_whole(
    ground: Ground, desk: Desk, change: Any
) -> None:
    await stage(ground, change_manifest(snapshot_of(), change))
    assert_refused(await deliver(ground), "SnapshotDiffers", "reference_out/offices/s1/", "Nothing was delivered")
    assert await ground.content(LAKE) == {}


async def test_identity_without_the_role_is_told_and_nothing_is_active(ground: Ground, desk: Desk) -> None:
    ground.tokens[AUDIENCE] = "scorer"
    await stage(ground, snapshot_of())
    assert_refused(await deliver(ground), "NotActivated", "answered 403")
    assert await active(desk) == []


async def test_audience_of_another_region_gets_no_token(ground: Ground, desk: Desk) -> None:
    ground.changed |= {"api_audience": "api://vouch-eastus2"}
    await stage(ground, snapshot_of())
    assert_refused(await deliver(ground), "NotActivated", "no token for api://vouch-eastus2")


async def test_region_that_does_not_answer_fails_loudly(ground: Ground, desk: Desk) -> None:
    ground.changed |= {"api_url": "http://127.0.0.1:9"}
    await stage(ground, snapshot_of())
    assert_refused(await deliver(ground), "NotActivated", "did not activate snapshot s1")
    assert LANDED + "manifest.json" in await ground.content(LAKE)
