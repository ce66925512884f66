"""Snapshots in a real lake, activated through real rows."""

from __future__ import annotations

import asyncio
import random

import pytest

from adapters.azure_storage import AzureStorage
from adapters.blobs_lake import READ_BYTES, BlobsLake
from adapters.tables_rows import TablesRows
from flows.errors import Superseded, UnsoundSnapshot
from flows.reference.load_snapshot import load_snapshot, snapshot_folder
from tests.fakes import LookupModel
from tests.snapshots import DATASET, Files, digest_of, snapshot_of
from tests.unit.flows.conftest import CALL, Stage


@pytest.fixture
def lake(storage: AzureStorage) -> BlobsLake:
    return BlobsLake(storage.blobs)


def instance(storage: AzureStorage) -> Stage:
    """An instance of the region with a model that looks up, over the region's storage."""
    stage = Stage(lake=BlobsLake(storage.blobs), reference_rows=TablesRows(storage, "reference"))
    stage.models.hold(LookupModel("1.2.0"))
    return stage


async def deliver(lake: BlobsLake, files: Files, snapshot: str) -> str:
    """Write a snapshot as a pipeline does, the manifest last; returns its digest."""
    for name, content in files.items():
        assert await lake.create(snapshot_folder(DATASET, snapshot) + name, content)
    return digest_of(files)


async def test_snapshot_activated_by_one_instance_is_looked_into_by_the_others(
    storage: AzureStorage, lake: BlobsLake
) -> None:
    digest = await deliver(lake, snapshot_of(), "s1")
    active = await instance(storage).activate(CALL, DATASET, "s1", digest)
    other = instance(storage)
    tables = await other.references.tables_for([DATASET])
    assert (tables[DATASET].digest, tables[DATASET].rows["8"]) == (active.digest, (40, None))
    assert await other.activate(CALL, DATASET, "s1", digest) == active


async def test_delivery_without_its_manifest_is_none_and_one_with_a_part_missing_is_refused(
    storage: AzureStorage, lake: BlobsLake
) -> None:
    files = snapshot_of()
    part = files.pop("part-00000.jsonl.gz")
    stage = instance(storage)
    with pytest.raises(UnsoundSnapshot, match="it is delivered last of all"):
        await stage.activate(CALL, DATASET, "s1", digest_of(files))
    digest = await deliver(lake, files, "s1")
    with pytest.raises(UnsoundSnapshot, match=r"part-00000\.jsonl\.gz: is missing"):
        await stage.activate(CALL, DATASET, "s1", digest)
    assert await lake.create(snapshot_folder(DATASET, "s1") + "part-00000.jsonl.gz", part)
    assert (await stage.activate(CALL, DATASET, "s1", digest)).generation == 1


async def test_snapshot_larger_than_one_read_is_loaded_whole(lake: BlobsLake) -> None:
    draw = random.Random(7)
    rows = [
        {"rep_number": number, "claims_last_year": number, "office": draw.randbytes(100).hex()}
        for number in range(50_000)
    ]
    files = snapshot_of("s1", rows, rows_per_file=len(rows))
    assert len(files["part-00000.jsonl.gz"]) > READ_BYTES
    table = await load_snapshot(lake, DATASET, "s1", await deliver(lake, files, "s1"))
    assert table.rows == {str(row["rep_number"]): (row["claims_last_year"], row["office"]) for row in rows}


async def test_of_activations_at_once_one_comes_first_and_the_trail_says_which(
    storage: AzureStorage, lake: BlobsLake
) -> None:
    names = ["s1", "s2", "s3", "s4"]
    digests = [await deliver(lake, snapshot_of(name), name) for name in names]
    stage = instance(storage)
    answers = await asyncio.gather(
        *(stage.activate(CALL, DATASET, name, digest) for name, digest in zip(names, digests, strict=True)),
        return_exceptions=True,
    )
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert sorted(answer.generation for answer in won) == list(range(1, len(won) + 1))
    assert all(isinstance(answer, Superseded) for answer in answers if isinstance(answer, BaseException))
    (active,) = await stage.activate.list()
    made = [event["data"]["after"] for event in stage.ledger.events("vouch.reference.activated.v1")]
    superseded = [event["data"]["after"] for event in stage.ledger.events("vouch.reference.superseded.v1")]
    assert [after for after in made if after not in superseded][-1]["snapshot"] == active["snapshot"]
