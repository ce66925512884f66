"""The ingestion's pipelines run for real, from a region's lake into bronze: happy, late, empty, corrected, and each way
that a lake can be other than its manifests say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.chain import read_entry
from audit.layout import chain_name, manifest_name, segment_name
from audit.manifests import Counts, Difference, Manifest, read_manifest
from audit.windows import Window
from tests.edge.factory.conftest import LAKE, Ground
from tests.factory.runs import FAILED, SUCCEEDED, Run
from tests.lakes import FIRST, KINDS, Region, after, sound_lake, two_regions, write_lake
from vouch.__main__ import main

HOURS = ["2026-11-23T21:00:00Z", "2026-11-23T22:00:00Z", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"]
LAST = HOURS[-1]
EVER = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
SEGMENT = segment_name("decisions", "westeurope", FIRST, "0001")
SCORED = next(iter(KINDS))
HEAD = "_ingested/audit/v1/region=westeurope/head.json"


def trail(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is of the lake, without what the ingestion wrote of itself."""
    return {name: content for name, content in files.items() if not name.startswith("_ingested/")}


def part_of(region: Region, *, entries: int) -> dict[str, bytes]:
    """The lake when only the first manifests were committed."""
    kept = {chain_name(region.name, number) for number in range(entries)}
    return {name: content for name, content in region.files.items() if "/chain/" not in name or name in kept}


def verify(files: Mapping[str, bytes], region: Region, folder: Path) -> int:
    """The exit code of `vouch verify` on these files."""
    return main(["verify", str(write_lake(files, folder)), "--key", str(region.verifier_key)])


async def ingest_all(ground: Ground, window_start: str = LAST) -> None:
    for pipeline in ("ingest_audit", "ingest_performance"):
        run = await ground.run(pipeline, window_start=window_start)
        assert run.status == SUCCEEDED, run.error


def assert_failed(run: Run, code: str, *words: str) -> None:
    assert (run.status, run.code) == (FAILED, code), run.error
    for word in words:
        assert word in run.error


async def test_bronze_is_the_lake_byte_for_byte_and_verifies(ground: Ground, tmp_path: Path) -> None:
    region = sound_lake()
    await ground.fill(region.files)
    await ingest_all(ground)
    bronze = await ground.content()
    assert trail(bronze) == region.files
    assert verify(bronze, region, tmp_path) == 0


async def test_every_entry_leaves_a_record_of_its_ingestion(ground: Ground) -> None:
    region = sound_lake()
    await ground.fill(region.files)
    await ingest_all(ground)
    bronze = await ground.content()
    for number in range(5):
        entry = read_entry(region.files[chain_name("westeurope", number)])
        record = json.loads(bronze[f"_ingested/audit/v1/region=westeurope/{number:012}.json"])
        manifest = read_manifest(region.files[entry.manifest.name])
        assert record["manifest"] == {
            "name": entry.manifest.name,
            "sha256": entry.manifest.sha256,
            "bytes": entry.manifest.bytes,
        }
        assert record["files"] == sum(file.dataset != "performance" for file in manifest.files)
        assert (record["sequence"], record["differences"]) == (number, 0)
    assert json.loads(bronze[HEAD]) == {"next": 5, "window": "20261124T000000Z"}


async def test_two_regions_of_one_jurisdiction_share_a_bronze_that_verifies(ground: Ground, tmp_path: Path) -> None:
    west, north, both = two_regions()
    await ground.fill(both)
    for region in ("westeurope", "northeurope"):
        ground.changed = {"region": region}
        await ingest_all(ground)
    bronze = await ground.content()
    assert trail(bronze) == {name: content for name, content in both.items() if "/witness/" not in name}
    run = await ground.run("ingest_witness", window_start=EVER[0], window_end=EVER[1])
    assert run.status == SUCCEEDED, run.error
    copy = str(write_lake(await ground.content(), tmp_path))
    keys = ["--key", str(west.verifier_key), "--key", str(north.verifier_key)]
    assert main(["verify", copy, *keys, "--witness", copy]) == 0


async def test_hourly_runs_bring_one_window_each_and_a_correction_with_the_next(ground: Ground) -> None:
    region = sound_lake()
    brought = []
    for hour, committed in zip(HOURS, (1, 2, 3, 5), strict=True):
        await ground.fill(part_of(region, entries=committed))
        run = await ground.run("ingest_audit", window_start=hour)
        assert run.status == SUCCEEDED, run.error
        brought.append(run.names("ExecutePipeline").count("Ingest the entry"))
    assert brought == [1, 1, 1, 2]
    assert manifest_name("westeurope", FIRST, 1) in await ground.content()


async def test_window_that_was_ingested_is_safe_to_run_again(ground: Ground) -> None:
    await ground.fill(sound_lake().files)
    await ingest_all(ground)
    before = await ground.content()
    run = await ground.run("ingest_audit", window_start=HOURS[0])
    assert (run.status, run.names("ExecutePipeline")) == (SUCCEEDED, ["Ingest what the chain holds"])
    assert await ground.content() == before


async def test_copies_that_were_spoilt_are_made_good_from_a_sequence_on(ground: Ground, tmp_path: Path) -> None:
    region = sound_lake()
    await ground.fill(region.files)
    await ingest_all(ground)
    await ground.fill({SEGMENT: b"spoilt"}, "bronze")
    assert verify(await ground.content(), region, tmp_path / "spoilt") == 1
    run = await ground.run("ingest_audit", window_start=LAST, from_sequence="0")
    assert run.status == SUCCEEDED, run.error
    assert verify(await ground.content(), region, tmp_path / "good") == 0


async def test_window_that_is_sealed_late_is_waited_for(ground: Ground) -> None:
    region = sound_lake()
    await ground.fill(part_of(region, entries=1))

    async def seal_at_last(_: int) -> None:
        if len(ground.clock.waited) == 3:
            await ground.fill(part_of(region, entries=2))

    ground.clock.on_wait = seal_at_last
    run = await ground.run("ingest_audit", window_start=HOURS[1])
    assert run.status == SUCCEEDED, run.error
    assert ground.clock.waited == [60, 60, 60, 1]
    assert manifest_name("westeurope", after(FIRST)) in await ground.content()


async def test_window_that_is_not_sealed_fails_loudly_and_the_next_run_goes_on(ground: Ground) -> None:
    region = sound_lake()
    await ground.fill(part_of(region, entries=1))
    run = await ground.run("ingest_audit", window_start=HOURS[1])
    assert_failed(run, "WindowNotSealed", "Window 20261123T220000Z of westeurope", "120 minutes", "GET /api/v1/exports")
    assert len(ground.clock.waited) == 121
    assert SEGMENT in await ground.content()
    await ground.fill(part_of(region, entries=3))
    run = await ground.run("ingest_audit", window_start=HOURS[2])
    assert (run.status, run.names("ExecutePipeline").count("Ingest the entry")) == (SUCCEEDED, 2)


async def test_window_before_the_trail_began_is_no_failure(ground: Ground) -> None:
    await ground.fill(sound_lake().files)
    run = await ground.run("ingest_audit", window_start="2026-11-23T05:00:00Z")
    assert run.status == SUCCEEDED, run.error


async def test_empty_window_brings_its_manifest_and_says_so(ground: Ground) -> None:
    region = Region()
    region.seal(FIRST, {})
    await ground.fill(
        region.files | {"audit/schemas/decisions/v1.schema.json": b"{}", "audit/schemas/releases/v1.schema.json": b"{}"}
    )
    run = await ground.run("ingest_audit", window_start=HOURS[0])
    assert run.status == SUCCEEDED, run.error
    bronze = await ground.content()
    assert set(region.files) <= set(bronze)
    assert json.loads(bronze["_ingested/audit/v1/region=westeurope/000000000000.json"])["files"] == 0


@pytest.mark.parametrize("content", [None, b"longer or shorter"], ids=["missing", "tampered"])
async def test_file_that_differs_from_its_manifest_stops_everything_after_it(
    ground: Ground, content: bytes | None, tmp_path: Path
) -> None:
    region = sound_lake()
    files = {name: body for name, body in region.files.items() if name != SEGMENT}
    await ground.fill(files if content is None else files | {SEGMENT: content})
    run = await ground.run("ingest_audit", window_start=LAST)
    said = "is missing" if content is None else f"has {len(content)} bytes"
    figures = f"{SEGMENT} {said} in the lake; its manifest says {len(region.files[SEGMENT])} bytes."
    assert_failed(run, "IngestionFailed", "Entry 0 of the chain of westeurope", figures)
    bronze = await ground.content()
    assert not [name for name in bronze if "/chain/" in name or "/manifests/" in name or name == SEGMENT]
    assert HEAD not in bronze
    await ground.fill({SEGMENT: region.files[SEGMENT]})
    await ingest_all(ground)
    assert verify(await ground.content(), region, tmp_path) == 0


async def test_entry_that_can_not_be_ingested_is_passed_over_only_by_who_says_so(
    ground: Ground, tmp_path: Path
) -> None:
    region = sound_lake()
    await ground.fill(region.files | {SEGMENT: b"tampered"})
    run = await ground.run("ingest_audit", window_start=LAST, from_sequence="1")
    assert run.status == SUCCEEDED, run.error
    assert (await ground.run("ingest_performance", window_start=LAST)).status == SUCCEEDED
    bronze = await ground.content()
    assert (SEGMENT in bronze, chain_name("westeurope", 0) in bronze) == (False, False)
    assert verify(bronze, region, tmp_path) == 1


async def test_good_copy_is_not_replaced_by_a_tampered_file(ground: Ground) -> None:
    region = sound_lake()
    await ground.fill(region.files)
    await ingest_all(ground)
    await ground.fill({SEGMENT: b"tampered"})
    run = await ground.run("ingest_audit", window_start=LAST, from_sequence="0")
    assert_failed(run, "IngestionFailed", SEGMENT)
    assert (await ground.content())[SEGMENT] == region.files[SEGMENT]


async def test_manifest_that_differs_from_the_chain_is_refused(ground: Ground) -> None:
    region = sound_lake()
    name = manifest_name("westeurope", FIRST)
    await ground.fill(region.files | {name: region.files[name] + b" "})
    run = await ground.run("ingest_audit", window_start=LAST)
    size = len(region.files[name])
    assert_failed(run, "IngestionFailed", f"{name} has {size + 1} bytes in the lake; the chain says {size} bytes")
    assert HEAD not in await ground.content()


def short(manifest: Manifest) -> Manifest:
    """One file fewer than lines were written for."""
    return replace(manifest, files=manifest.files[1:])


def wrong_counts(manifest: Manifest) -> Manifest:
    return replace(manifest, counts=Counts(5, 5, 5, 6))


def elsewhere(manifest: Manifest) -> Manifest:
    """A file of another region."""
    (first, *rest) = manifest.files
    return replace(manifest, files=[replace(first, name=first.name.replace("westeurope", "eastus2")), *rest])


def upwards(manifest: Manifest) -> Manifest:
    (first, *rest) = manifest.files
    return replace(manifest, files=[replace(first, name=f"{first.name}/../../x"), *rest])


def foreign(manifest: Manifest) -> Manifest:
    return replace(manifest, region="eastus2")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (short, "have 0 rows; it says that 5 lines were written"),
        (wrong_counts, "have 5 rows; it says that 6 lines were written"),
        (elsewhere, "or names files of other places"),
        (upwards, "or names files of other places"),
        (foreign, "is not the manifest of window 20261123T210000Z of westeurope"),
    ],
)
async def test_manifest_that_is_not_what_it_should_be_is_refused_whole(ground: Ground, change: Any, said: str) -> None:
    region, scratch = Region(), Region()
    sound = scratch.seal(FIRST, {"0001": scratch.records(FIRST, "0001", [SCORED] * 5)})
    region.files |= {name: body for name, body in scratch.files.items() if name.endswith(".gz")}
    entry = region.commit(sound, change(sound).to_bytes())
    await ground.fill(region.files)
    run = await ground.run("ingest_audit", window_start=HOURS[0])
    assert_failed(run, "IngestionFailed", entry.manifest.name, said, "Nothing of it was copied")
    assert not trail(await ground.content())


async def test_differences_that_the_region_owns_up_to_are_ingested_and_told_loudly(
    ground: Ground, tmp_path: Path
) -> None:
    region = sound_lake()
    window = after(FIRST, 4)
    lanes = {"00ab": region.records(window, "00ab", [SCORED])}
    region.seal(window, lanes, differences=[Difference("00ab", "minutes", 1, 2)])
    await ground.fill(region.files)
    run = await ground.run("ingest_audit", window_start="2026-11-24T01:00:00Z")
    assert_failed(run, "CountsDiffer", "Everything was ingested", manifest_name("westeurope", window))
    assert (await ground.run("ingest_performance", window_start="2026-11-24T01:00:00Z")).status == SUCCEEDED
    assert verify(await ground.content(), region, tmp_path) == 3


async def test_entry_of_another_chain_is_refused(ground: Ground) -> None:
    region, other = sound_lake(), sound_lake("eastus2")
    name = chain_name("westeurope", 0)
    await ground.fill(region.files | {name: other.files[chain_name("eastus2", 0)]})
    run = await ground.run("ingest_audit", window_start=LAST)
    assert_failed(run, "IngestionFailed", f"{name} is not entry 0 of westeurope")
    assert not [found for found in await ground.content() if "/chain/" in found]


async def test_manifest_too_large_to_be_looked_up_fails_loudly(ground: Ground) -> None:
    region = sound_lake()
    last = Window(after(FIRST, 4).start_s, FIRST.length_s)
    differences = [Difference("00ab", "x" * 1000, 1, 2)] * 4200
    region.seal(last, {}, differences=differences)
    await ground.fill(region.files)
    run = await ground.run("ingest_audit", window_start="2026-11-24T01:00:00Z")
    assert_failed(run, "IngestionFailed", "Entry 5 of the chain", "limit of 4194304")


async def test_lake_that_does_not_answer_fails_loudly(ground: Ground) -> None:
    await ground.fill(sound_lake().files)
    ground.changed = {"lake_url": "http://127.0.0.1:9/nobody"}
    run = await ground.run("ingest_audit", window_start=LAST)
    assert (run.status, "There is no account" in run.error) == (FAILED, True)
    assert not trail(await ground.content())


async def test_schemas_that_are_missing_fail_the_run_and_hold_nothing_else_up(ground: Ground) -> None:
    region = sound_lake()
    await ground.fill({name: body for name, body in region.files.items() if "/schemas/" not in name})
    run = await ground.run("ingest_audit", window_start=LAST)
    assert (run.status, "audit/schemas/decisions/v1.schema.json" in run.error) == (FAILED, True)
    assert chain_name("westeurope", 4) in await ground.content()


async def test_checkpoints_that_were_accepted_as_a_witness_are_copied_in_their_hour(ground: Ground) -> None:
    west, _, _ = two_regions()
    notes = {name: content for name, content in west.files.items() if "/witness/" in name}
    assert len(notes) == 5
    run = await ground.run("ingest_witness", window_start="2020-01-01T00:00:00Z", window_end="2020-01-01T01:00:00Z")
    assert (run.status, run.names("Copy")) == (SUCCEEDED, [])
    await ground.fill(west.files, LAKE)
    run = await ground.run("ingest_witness", window_start="2020-01-01T00:00:00Z", window_end="2020-01-01T01:00:00Z")
    assert (run.status, run.steps[-1].output["filesRead"]) == (SUCCEEDED, 0)
    run = await ground.run("ingest_witness", window_start=EVER[0], window_end=EVER[1])
    assert run.status == SUCCEEDED, run.error
    assert await ground.content() == notes
