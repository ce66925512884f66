"""Decisions read, proven, searched for and opened, wherever they lie by now."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.lanes import unpack_event
from audit.notes import VerifierKey
from audit.personal import DECISION
from audit.proofs import check_proof, read_proof
from audit.records import Record
from audit.windows import Window
from flows.errors import Archived, Erased, LedgerUnavailable, NotFound, StorageFailed, StorageUnavailable
from flows.trail_ports import VaultFailed
from tests.fakes_trail import Steps
from tests.unit.flows.conftest import CALL
from tests.unit.flows.persons import run_apart
from tests.unit.flows.trail import HOUR, START, Trail

NEXT = Window(START.end_s, HOUR)
LABEL = ("fraud", "claims-desk", "2026-12-01T00:00:00Z")
NO_TIME = "f10cc4f3-ae39-789a-81cf-e9d7627bffe1"  # of the year 10414
NOBODY = "01a20b88-7c4e-7995-b00e-1b51e55f7352"


@pytest.fixture
def trail() -> Trail:
    return Trail()


def decide(trail: Trail, deal_id: str = "D-1", subjects: tuple[str, ...] = ("P-1",), window: Window = START) -> Record:
    (record,) = trail.append(window, 0x9F3A, deal_id=deal_id, subjects=list(subjects), features={"age": 40})
    return record


async def read(trail: Trail, record: Record, **more: bool) -> Any:
    return await trail.records.read_decision(CALL, str(record.record_id), **more)


async def seal(trail: Trail) -> None:
    trail.pass_windows()
    await trail.seal()


def purge(trail: Trail) -> None:
    """What is sealed leaves the ledger, and reservations are over."""
    for key, lane in list(trail.lanes.lanes.items()):
        if lane.is_marked:
            del trail.lanes.lanes[key]
    trail.reservations.rows.clear()


def reads(trail: Trail) -> list[Mapping[str, Any]]:
    """What was recorded of reads, in the ledger."""
    rows = [row for lane in trail.lanes.lanes.values() for row in lane.record_rows()]
    return [unpack_event(row)["data"] for row in rows if row["type"] == "vouch.audit.read.v1"]


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


class TestProof:
    async def test_proof_of_a_sealed_decision_holds_offline(self, trail: Trail) -> None:
        for window in (START, NEXT, Window(NEXT.end_s, HOUR)):
            records = [decide(trail, f"D-{number}", window=window) for number in range(3)]
            await seal(trail)
        found = await read(trail, records[1], is_proven=True)
        proven = check_proof(read_proof(found["proof"]), believed(trail))
        assert (proven.record_id, proven.record_digest) == (records[1].record_id, records[1].digest)
        assert (proven.tree_size, proven.region) == (3, "westeurope")

    async def test_proof_holds_after_an_erasure_and_a_purge(self, trail: Trail) -> None:
        record = decide(trail)
        await seal(trail)
        purge(trail)
        await trail.erase("P-1")
        found = await read(trail, record, is_proven=True)
        assert found["erased"] is True
        assert check_proof(read_proof(found["proof"]), believed(trail)).record_digest == record.digest

    async def test_decision_that_is_not_sealed_says_so(self, trail: Trail) -> None:
        record = decide(trail)
        found = await read(trail, record, is_proven=True)
        assert found["proof"] is None
        assert START.name in found["unproven"]
        assert "proof" not in await read(trail, record)

    async def test_decision_of_a_late_lane_is_proven_by_the_correction(self, trail: Trail) -> None:
        early = decide(trail)
        await seal(trail)
        (late,) = trail.append(START, 0x0001, deal_id="D-late")
        found = await read(trail, late, is_proven=True)
        assert (found["proof"], "correction" in found["unproven"]) == (None, True)
        await seal(trail)
        for record, size in ((early, 1), (late, 3)):
            proof = read_proof((await read(trail, record, is_proven=True))["proof"])
            proven = check_proof(proof, believed(trail))
            assert (proven.record_digest, proven.tree_size) == (record.digest, size)

    async def test_manifest_that_is_not_in_the_chain_yet_is_no_proof(self, trail: Trail) -> None:
        record = decide(trail)
        await seal(trail)
        for name in [name for name in trail.lake.files if "/chain/" in name]:
            del trail.lake.files[name]
        found = await read(trail, record, is_proven=True)
        assert (found["proof"], "chain" in found["unproven"]) == (None, True)

    async def test_chain_of_many_windows_is_walked_in_few_steps(self, trail: Trail) -> None:
        decide(trail)
        trail.pass_windows(40)
        await trail.seal()
        last = Window(START.start_s + 40 * HOUR, HOUR)
        record = decide(trail, window=last)
        await seal(trail)
        trail.steps.calls.clear()
        found = await read(trail, record, is_proven=True)
        assert check_proof(read_proof(found["proof"]), believed(trail)).tree_size == 41
        assert trail.steps.calls.count("lake.read") < 8


def believed(trail: Trail) -> Any:
    spki = trail.vault.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return lambda region: [VerifierKey(f"vouch/{region}", spki)]


class TestSearch:
    async def search(self, trail: Trail, deal_id: str, after: str | None = None, most: int = 20) -> Any:
        return await trail.records.search_decisions(CALL, deal_id, UUID(after) if after else None, most)

    async def test_deal_is_found_in_open_windows_the_ledger_and_the_lake(self, trail: Trail) -> None:
        purged = decide(trail, "D-1", ("P-1",))
        decide(trail, "D-2", ("P-1",))
        await seal(trail)
        purge(trail)
        sealed = decide(trail, "D-1", ("P-2",), NEXT)
        await seal(trail)
        fresh = decide(trail, "D-1", ("P-3",), Window(NEXT.end_s, HOUR))
        page = await self.search(trail, "D-1")
        assert [found["decision"] for found in page.found] == [purged.event, sealed.event, fresh.event]
        assert page.next is None
        first = await self.search(trail, "D-1", most=2)
        second = await self.search(trail, "D-1", first.next, most=2)
        assert [len(first.found), len(second.found), second.next] == [2, 1, None]
        assert [*first.found, *second.found] == page.found

    async def test_deal_of_somebody_erased_is_not_found_by_its_id(self, trail: Trail) -> None:
        decide(trail)
        await trail.erase("P-1")
        assert (await self.search(trail, "D-1")).found == []
        await seal(trail)
        assert (await self.search(trail, "D-1")).found == []

    async def test_search_is_recorded_by_what_it_showed_and_never_by_the_deals_id(self, trail: Trail) -> None:
        record = decide(trail, "D-planted")
        await self.search(trail, "D-planted")
        await self.search(trail, "D-nobody")
        shown, nothing = reads(trail)
        assert (shown["decision_ids"], nothing["decision_ids"]) == ([str(record.record_id)], [])
        assert "planted" not in str(reads(trail))
        assert "nobody" not in str(reads(trail))

    async def test_search_that_can_not_be_recorded_shows_nothing(self, trail: Trail) -> None:
        decide(trail)
        trail.ledger.failure = LedgerUnavailable("down")
        with pytest.raises(LedgerUnavailable):
            await self.search(trail, "D-1")

    async def test_decision_in_an_offline_tier_is_listed_with_its_place(self, trail: Trail) -> None:
        record = decide(trail)
        await seal(trail)
        purge(trail)
        name = archive(trail)
        page = await self.search(trail, "D-1")
        assert page.found == [{"decision_id": str(record.record_id), "archived": name}]
        assert page.next is None


def archive(trail: Trail) -> str:
    """Let the only segment of decisions lie in an offline tier."""
    (name,) = [name for name in trail.lake.files if "/decisions/" in name]
    trail.lake.archived.add(name)
    return f"lake/{name}"


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


class TestOpenWindow:
    async def open(self, trail: Trail, after: str | None = None, most: int = 100, window: Window = START) -> Any:
        return await trail.records.open_window(CALL, window, "decisions", UUID(after) if after else None, most)

    async def test_window_is_opened_in_pages_over_its_lanes_and_corrections(self, trail: Trail) -> None:
        records = [decide(trail, f"D-{number}") for number in range(5)]
        records += trail.append(START, 0x0002, 4, deal_id="D-x", subjects=["P-2"])
        await seal(trail)
        records += trail.append(START, 0x0001, 2, deal_id="D-late")
        await seal(trail)
        purge(trail)
        whole = await self.open(trail)
        assert whole.next is None
        assert {entry["record"]["id"] for entry in whole.found} == {str(record.record_id) for record in records}
        by_id = {str(record.record_id): record for record in records}
        for entry in whole.found:
            assert entry["record"] == by_id[entry["record"]["id"]].event
            assert entry["record_digest"] == by_id[entry["record"]["id"]].digest
            assert entry["erased"] is False
        for most in (1, 2, 3, 4, 10, 11):
            paged, after = [], None
            while True:
                page = await self.open(trail, after, most)
                paged += page.found
                after = page.next
                if after is None:
                    break
                assert len(page.found) == most
            assert paged == whole.found

    async def test_erased_record_comes_without_what_was_personal(self, trail: Trail) -> None:
        decide(trail)
        decide(trail, "D-2", ("P-2",))
        await seal(trail)
        await trail.erase("P-1")
        erased, kept = (await self.open(trail)).found
        assert (erased["erased"], kept["erased"]) == (True, False)
        assert "personal" not in erased["record"]["data"]

    async def test_page_is_recorded_with_window_and_count(self, trail: Trail) -> None:
        decide(trail)
        await seal(trail)
        await self.open(trail)
        (recorded,) = reads(trail)
        assert (recorded["window"], recorded["count"], recorded["purpose"]) == (START.name, 1, "open")

    async def test_window_that_is_not_sealed_is_not_found(self, trail: Trail) -> None:
        decide(trail)
        with pytest.raises(NotFound):
            await self.open(trail)

    async def test_empty_window_is_an_empty_page(self, trail: Trail) -> None:
        decide(trail)
        trail.pass_windows(2)
        await trail.seal()
        page = await self.open(trail, window=NEXT)
        assert (page.found, page.next) == ([], None)

    async def test_keys_of_a_window_are_read_by_the_page(self, trail: Trail) -> None:
        trail.append(START, 0x9F3A, 100, deal_id="D-1", subjects=["P-1"])
        await seal(trail)
        trail.steps.calls.clear()
        assert len((await self.open(trail)).found) == 100
        assert trail.steps.calls.count("record_keys.find") == 1


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


async def test_deal_whose_window_is_sealed_during_the_search_is_found() -> None:
    at = 0
    while True:
        at += 1
        fresh = Trail()
        record = decide(fresh, "D-1")
        fresh.pass_windows()
        steps = Steps(at=at)

        def seal_elsewhere(fresh: Trail = fresh, steps: Steps = steps) -> None:
            fresh.use(Steps())
            run_apart(fresh.seal())
            fresh.use(steps)

        steps.meanwhile = seal_elsewhere
        fresh.use(steps)
        page = await fresh.records.search_decisions(CALL, "D-1", None, 5)
        assert [found["decision"]["id"] for found in page.found] == [str(record.record_id)]
        if len(steps.calls) < at:
            break
    assert at > 3
