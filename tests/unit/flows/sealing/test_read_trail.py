"""Decisions read, proven, searched for and opened, wherever they lie by now."""

from __future__ import annotations

import json
import zlib
from uuid import UUID

import pytest

from audit.personal import DECISION
from flows.errors import Archived, Erased, NotFound, StorageFailed, StorageUnavailable
from flows.trail_ports import VaultFailed
from tests.unit.flows.conftest import CALL
from tests.unit.flows.reading import NEXT, archive, decide, purge, read, seal
from tests.unit.flows.trail import START, Trail

LABEL = ("fraud", "claims-desk", "2026-12-01T00:00:00Z")
NO_TIME = "f10cc4f3-ae39-789a-81cf-e9d7627bffe1"  # of the year 10414
NOBODY = "01a20b88-7c4e-7995-b00e-1b51e55f7352"


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def test_decision_is_the_same_from_the_ledger_and_from_the_lake(trail: Trail) -> None:
    record = decide(trail)
    await trail.records.record_label(CALL, str(record.record_id), *LABEL)
    await trail.records.record_review(CALL, str(record.record_id), "overturn", "decline", "her neighbour saw it")
    fresh = await read(trail, record)
    assert fresh["decision"] == record.event
    assert (fresh["record_digest"], fresh["erased"]) == (record.digest, False)
    assert [event["data"]["label"] for event in fresh["labels"]] == ["fraud"]
    assert [event["data"]["personal"]["reason"] for event in fresh["reviews"]] == ["her neighbour saw it"]
    await seal(trail)
    assert await read(trail, record) == fresh
    purge(trail)
    assert trail.lanes.find(record.record_id) is None
    assert await read(trail, record) == fresh


async def test_decision_with_nothing_but_a_salt_is_read_from_the_lake(trail: Trail) -> None:
    (record,) = trail.append(START, 0x9F3A)
    await seal(trail)
    purge(trail)
    found = await read(trail, record)
    assert (found["decision"], found["erased"]) == (record.event, False)


async def test_label_and_review_of_a_decision_in_the_lake_are_found_with_it(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    await trail.records.record_label(CALL, str(record.record_id), *LABEL)
    await trail.records.record_review(CALL, str(record.record_id), "uphold", None, "as it should be")
    late = await read(trail, record)
    assert (len(late["labels"]), len(late["reviews"])) == (1, 1)
    await seal(trail)
    purge(trail)
    assert await read(trail, record) == late


@pytest.mark.parametrize("wrong", ["", "x", "../etc", NOBODY, NO_TIME, "f10cc4f3-ae39-4891-81cf-e9d7627bffe1"])
async def test_decision_that_is_none_is_not_found(trail: Trail, wrong: str) -> None:
    with pytest.raises(NotFound):
        await trail.records.read_decision(CALL, wrong)


async def test_record_that_is_no_decision_is_not_found_in_the_lake_either(trail: Trail) -> None:
    record = decide(trail)
    noted = await trail.records.record_label(CALL, str(record.record_id), *LABEL)
    await seal(trail)
    purge(trail)
    asked = (
        trail.records.read_decision(CALL, noted.record_id),
        trail.records.record_label(CALL, noted.record_id, *LABEL),
    )
    for ask in asked:
        with pytest.raises(NotFound):
            await ask


async def test_decision_of_somebody_erased_comes_without_what_was_personal(trail: Trail) -> None:
    record, other = decide(trail), decide(trail, "D-2", ("P-2",))
    await trail.records.record_label(CALL, str(record.record_id), *LABEL)
    await seal(trail)
    purge(trail)
    await trail.erase("P-1")
    found = await read(trail, record)
    assert found["erased"] is True
    assert "personal" not in found["decision"]["data"]
    assert found["record_digest"] == record.digest
    assert len(found["labels"]) == 1
    assert (await read(trail, other))["decision"] == other.event


async def test_tombstone_counts_before_the_row_is_blanked(trail: Trail) -> None:
    record = decide(trail)
    await trail.erase("P-1")
    assert b"P-1" in zlib.decompress(trail.row_of(record.record_id)["event"])
    found = await read(trail, record)
    assert (found["erased"], "personal" in found["decision"]["data"]) == (True, False)


async def test_review_of_what_was_erased_is_refused_and_a_label_is_not(trail: Trail) -> None:
    record = decide(trail)
    await trail.erase("P-1")
    with pytest.raises(Erased):
        await trail.records.record_review(CALL, str(record.record_id), "uphold", None, "about her")
    await trail.records.record_label(CALL, str(record.record_id), *LABEL)


async def test_box_that_was_tampered_with_is_told_apart_from_an_erasure(trail: Trail) -> None:
    record, other = decide(trail), decide(trail, "D-2", ("P-1",))
    await seal(trail)
    purge(trail)
    (manifest,) = trail.manifests()
    first, second = trail.lines(manifest)
    swapped = {**first, "data": {**first["data"], "personal": {**first["data"]["personal"]}}}
    swapped["data"]["personal"]["box"] = second["data"]["personal"]["box"]
    opened = await trail.records.privacy.access._records.opening().open_line(json.dumps(swapped).encode())
    assert (opened.state, "personal" in opened.event["data"]) == ("damaged", False)
    assert opened.shown()["damaged"] is True
    assert {record.record_id, other.record_id} == {UUID(first["id"]), UUID(second["id"])}


async def test_decision_in_an_offline_tier_says_where_it_lies(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    archive(trail)
    for ask in (
        trail.records.read_decision(CALL, str(record.record_id)),
        trail.records.record_label(CALL, str(record.record_id), *LABEL),
        trail.records.open_window(CALL, START, "decisions", None, 10),
    ):
        with pytest.raises(Archived, match="lake/audit/decisions"):
            await ask


@pytest.mark.parametrize("failure", [StorageFailed("down"), VaultFailed("down")])
async def test_storage_or_vault_that_does_not_answer_is_told_as_such(trail: Trail, failure: Exception) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    trail.restart()
    trail.steps.failure = failure
    for ask in (
        trail.records.read_decision(CALL, str(record.record_id)),
        trail.records.search_decisions(CALL, "D-1", None, 5),
        trail.records.open_window(CALL, START, "decisions", None, 10),
        trail.records.privacy.access(CALL, "P-1", None, 5),
        trail.records.rewrap_keys(CALL),
    ):
        with pytest.raises(StorageUnavailable):
            await ask


async def test_index_does_not_grow_with_reads(trail: Trail) -> None:
    record = decide(trail)
    for _ in range(3):
        await read(trail, record)
    await trail.records.record_label(CALL, str(record.record_id), *LABEL)
    await seal(trail)
    assert len(await trail.find(DECISION, str(record.record_id))) == 1


async def test_rewrap_wraps_the_keyring_by_the_newest_key_and_is_recorded(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    trail.vault.rotate()
    count, noted = await trail.records.rewrap_keys(CALL)
    assert count == 2
    assert (await trail.records.rewrap_keys(CALL))[0] == 0
    assert trail.row_of(UUID(noted.record_id))["type"] == "vouch.keys.rewrapped.v1"
    trail.restart()
    assert (await read(trail, record))["decision"] == record.event


async def test_rewrap_begins_a_generation_for_what_is_new_once_a_rotation(trail: Trail) -> None:
    old = decide(trail)
    await seal(trail)
    await trail.records.rewrap_keys(CALL)
    assert {key for _, key in trail.keyring_rows.rows} == {"index", "g1"}
    trail.vault.rotate()
    for _ in range(2):
        await trail.records.rewrap_keys(CALL)
        assert {key for _, key in trail.keyring_rows.rows} == {"index", "g1", "g2"}
    trail.restart()
    new = decide(trail, window=NEXT)
    await seal(trail)
    pages = [await trail.record_keys.find(record.record_id) for record in (old, new)]
    assert [page and page.generation for page in pages] == ["g1", "g2"]
    purge(trail)
    assert [(await read(trail, record))["decision"] for record in (old, new)] == [old.event, new.event]
