"""What sealing tells of a window's decisions: their features too, but for those of erased persons."""

from __future__ import annotations

import gzip
import json
from typing import Any

from audit.counters import Tally, Traffic
from audit.ids import mint_id
from audit.layout import performance_name
from audit.records import Record, RecordType, build_record
from flows.ports import MODELS_KIND
from scoring.bundle import read_bundle
from tests.unit.flows.trail import START, Trail
from tests.unit.scoring.bundles import read_demo

DEAL = read_bundle(read_demo()).golden[0].features


def decision(number: int, subject: str, version: str = "1.0.0", lane: int = 0x9F3A) -> Record:
    data = {
        "outcome": "approve",
        "model": {"name": "deal-fraud", "version": version, "digest": "sha256:00"},
        "policy": {"name": "standard", "version": "1"},
        "traffic": "live",
    }
    tally = Tally(
        RecordType.DECISION_SCORED, "deal-fraud", version, "standard/1", 3, Traffic.LIVE, "approve", latency_ms=12
    )
    return build_record(
        mint_id(START.start_s * 1000 + number, number << 32, lane), RecordType.DECISION_SCORED, "westeurope",
        "2026-11-23T21:00:00.000Z", data, {"deal_id": f"D-{number}", "subjects": [subject], "features": DEAL},
        f"{number:032x}", tally,
    )  # fmt: skip


async def sealed(trail: Trail, records: list[Record]) -> list[dict[str, Any]]:
    """The performance lines of the window."""
    trail.lanes.write(records)
    trail.pass_windows()
    await trail.seal()
    content = trail.lake.files[performance_name("westeurope", START)]
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


async def test_version_that_the_region_keeps_has_its_features_counted() -> None:
    trail = Trail()
    await trail.kept.write(MODELS_KIND, "deal-fraud", "1.0.0", read_demo(), "sha256:00")
    (line,) = await sealed(trail, [decision(number, "P-1") for number in range(1, 10)])
    assert line["decisions"] == line["features"]["decisions"] == 9
    (histogram,) = (h for h in line["features"]["histograms"] if h["feature"] == "accident_area")
    assert histogram["counts"] == [9 * (DEAL["accident_area"] == area) for area in histogram["categories"]]


async def test_decision_of_a_person_who_was_erased_has_no_features_counted() -> None:
    trail = Trail()
    await trail.kept.write(MODELS_KIND, "deal-fraud", "1.0.0", read_demo(), "sha256:00")
    await trail.erase("P-2")
    (line,) = await sealed(trail, [decision(number, "P-2" if number < 6 else "P-1") for number in range(1, 14)])
    assert (line["decisions"], line["features"]["decisions"]) == (13, 8)


async def test_few_decisions_of_an_erased_person_can_not_be_counted_from_the_others_features() -> None:
    trail = Trail()
    await trail.kept.write(MODELS_KIND, "deal-fraud", "1.0.0", read_demo(), "sha256:00")
    await trail.erase("P-2")
    (line,) = await sealed(trail, [decision(number, "P-2" if number == 1 else "P-1") for number in range(1, 14)])
    assert (line["decisions"], line["features"]) == (13, None)


async def test_version_that_is_kept_nowhere_has_a_line_without_features() -> None:
    (line,) = await sealed(Trail(), [decision(number, "P-1", version="9.9.9") for number in range(1, 10)])
    assert (line["decisions"], line["features"]) == (9, None)
