"""The lake as it is handed out: which names, which bytes, and what is recorded of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.calls import Call, Caller
from flows.errors import LedgerUnavailable, NotFound, SpanNotThere, StorageFailed, StorageUnavailable
from flows.records.read_lake import MOST_REMEMBERED, RECORDED_FOR_S, ReadLake, is_prefix
from flows.write_record import WriteRecord
from tests.fakes import CountingEntropy
from tests.fakes_trail import MemoryLake
from tests.unit.flows.conftest import CALL, Stage

HOUR = "region=westeurope/year=2026/month=11/day=23/hour=21"
SEGMENT = f"audit/decisions/v1/{HOUR}/20261123T210000Z-9f3a.jsonl.gz"
OTHER_LANE = f"audit/decisions/v1/{HOUR}/20261123T210000Z-0001.jsonl.gz"
NEXT_WINDOW = f"audit/decisions/v1/{HOUR}/20261123T220000Z-9f3a.jsonl.gz"
RELEASES = f"audit/releases/v1/{HOUR}/20261123T210000Z-9f3a.jsonl.gz"
MANIFEST = f"audit/manifests/v1/{HOUR}/20261123T210000Z.json"
SNAPSHOT = "reference/claims-per-agent/v1/snapshot=s1/rows.jsonl.gz"
NAMES = (SEGMENT, OTHER_LANE, NEXT_WINDOW, RELEASES, MANIFEST, SNAPSHOT)


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake({name: name.encode() for name in NAMES})


@pytest.fixture
def read_lake(stage: Stage, lake: MemoryLake) -> ReadLake:
    write = WriteRecord("westeurope", stage.ledger, stage.idempotency, stage.clock, CountingEntropy())
    return ReadLake(lake, write, stage.clock)


def reads(stage: Stage) -> list[tuple[str, str]]:
    return [(event["data"]["lake"], event["data"]["part"]) for event in stage.ledger.events("vouch.audit.read.v1")]


async def test_file_is_read_in_spans(read_lake: ReadLake) -> None:
    span = await read_lake.read(CALL, SEGMENT, 6, 9)
    assert (span.content, span.total) == (b"decisions", len(SEGMENT))
    with pytest.raises(SpanNotThere):
        await read_lake.read(CALL, SEGMENT, len(SEGMENT), 1)


async def test_window_of_a_dataset_read_in_pieces_and_lanes_is_recorded_once_an_hour(
    stage: Stage, read_lake: ReadLake
) -> None:
    for name in (SEGMENT, SEGMENT, OTHER_LANE):
        await read_lake.read(CALL, name, 3, 5)
    assert reads(stage) == [("audit/decisions", "20261123T210000Z")]
    stage.clock.advance(RECORDED_FOR_S)
    await read_lake.read(CALL, SEGMENT, 0, 5)
    assert len(reads(stage)) == 2


async def test_other_windows_datasets_and_callers_are_recorded_apart(stage: Stage, read_lake: ReadLake) -> None:
    somebody: Call = replace(CALL, caller=Caller("somebody", frozenset({"auditor"})))
    for call, name in ((CALL, SEGMENT), (CALL, NEXT_WINDOW), (CALL, RELEASES), (CALL, SNAPSHOT), (somebody, SEGMENT)):
        await read_lake.read(call, name, 0, 5)
    assert reads(stage) == [
        ("audit/decisions", "20261123T210000Z"),
        ("audit/decisions", "20261123T220000Z"),
        ("audit/releases", "20261123T210000Z"),
        ("reference/claims-per-agent", "snapshot=s1"),
        ("audit/decisions", "20261123T210000Z"),
    ]


async def test_what_says_nothing_of_anybody_is_read_without_a_record(stage: Stage, read_lake: ReadLake) -> None:
    await read_lake.read(CALL, MANIFEST, 0, 5)
    assert reads(stage) == []


async def test_read_that_can_not_be_recorded_shows_nothing_and_is_recorded_next_time(
    stage: Stage, read_lake: ReadLake
) -> None:
    stage.ledger.failures = [LedgerUnavailable("down")]
    with pytest.raises(LedgerUnavailable):
        await read_lake.read(CALL, SEGMENT, 0, 5)
    await read_lake.read(CALL, SEGMENT, 0, 5)
    assert len(reads(stage)) == 1


async def test_read_of_more_windows_than_are_remembered_is_recorded_rather_twice_than_never(
    stage: Stage, read_lake: ReadLake
) -> None:
    read_lake._recorded = {(str(number), ""): stage.clock.monotonic() for number in range(MOST_REMEMBERED)}
    await read_lake.read(CALL, SEGMENT, 0, 5)
    assert len(read_lake._recorded) == 1
    assert len(reads(stage)) == 1


HOSTILE = [
    "", "audit", "audit/", "reference/", "versions/x", "audit/../versions/x", "audit/./x", "audit//x", "/audit/x",
    "audit/x/", "audit%2Fx", "audit/%2e%2e/x", "audit\\x", "audit/x\x00", "audit/x\n", "audit/ x", "AUDIT/x",
    f"audit/{'x' * 600}", "auditing/x", "audit/é", "audit/.hidden",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_name_that_is_none_of_the_lakes_is_not_found_and_not_looked_for(
    read_lake: ReadLake, lake: MemoryLake, name: str
) -> None:
    lake.files[name] = b"secret"
    with pytest.raises(NotFound):
        await read_lake.read(CALL, name, 0, 5)
    assert lake.steps.calls == []


@pytest.mark.parametrize("prefix", ["", "versions/", "audit", "/audit/", "audit/../", "audit//", "auditx/", "a" * 600])
def test_prefix_that_leads_elsewhere_is_none(prefix: str) -> None:
    assert not is_prefix(prefix)


@pytest.mark.parametrize("prefix", ["audit/", "reference/", "audit/chain/v1/region=w", f"audit/decisions/v1/{HOUR}/"])
def test_prefix_under_a_root_is_one(prefix: str) -> None:
    assert is_prefix(prefix)


async def test_list_comes_in_pages(read_lake: ReadLake) -> None:
    first = await read_lake.list("audit/", "", 3)
    second = await read_lake.list("audit/", first.next, 3)
    assert [file.name for page in (first, second) for file in page.files] == sorted(NAMES)[:5]
    assert (len(first.files), second.next) == (3, "")


async def test_storage_that_is_down_is_told_as_such(read_lake: ReadLake, lake: MemoryLake) -> None:
    lake.steps.failure = StorageFailed("down")
    with pytest.raises(StorageUnavailable):
        await read_lake.list("audit/", "", 3)
    with pytest.raises(StorageUnavailable):
        await read_lake.read(CALL, SEGMENT, 0, 5)
