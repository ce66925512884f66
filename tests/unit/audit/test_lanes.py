"""The lane log: whatever is appended, in whatever batches and minutes, head, minutes and rows agree."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from audit.counters import Counters, Tally
from audit.ids import mint_id
from audit.lanes import (
    ADDED_BY_SCORING_BYTES,
    HEAD_KEY,
    MAX_PAYLOAD_BYTES,
    MAX_RECORDS,
    MAX_TRANSACTION_BYTES,
    Entity,
    Head,
    LaneLog,
    Packed,
    count_that_fit,
    fits_ledger,
    pack_record,
    partition_of,
    read_counters,
    unpack_event,
)
from audit.records import RecordType, build_record, digest_of_event
from audit.windows import Window

WINDOW = Window(1_795_467_600, 3600)
START_MS = WINDOW.start_s * 1000
PARTITION = partition_of(0x9F3A, WINDOW)


def packed(number: int, size: int = 100, record_type: str = "vouch.decision.scored.v1", outcome: str = "") -> Packed:
    tally = Tally(record_type, model="m", version="1", outcome=outcome)
    return Packed(mint_id(START_MS, number, 0x9F3A), record_type, "sha256:00", bytes(size), tally)


class LaneMachine(RuleBasedStateMachine):
    """Queue, commit and let time pass, in any order; the table is a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.log = LaneLog(PARTITION)
        self.table: dict[str, Entity] = {HEAD_KEY: self.log.head.to_entity(PARTITION)}
        self.waiting: deque[Packed] = deque()
        self.counted = Counters()
        self.now_ms = START_MS
        self.number = 0

    @rule(
        many=st.integers(1, 120),
        size=st.sampled_from([10, 2_000, MAX_PAYLOAD_BYTES]),
        kind=st.sampled_from(["vouch.decision.scored.v1", "vouch.audit.read.v1"]),
        outcome=st.sampled_from(["", "approve", "decline"]),
    )
    def queue(self, many: int, size: int, kind: str, outcome: str) -> None:
        for _ in range(many):
            self.number += 1
            self.waiting.append(packed(self.number, size, kind, outcome))

    @rule(change_ms=st.integers(-70_000, 70_000))
    def let_time_pass(self, change_ms: int) -> None:
        self.now_ms = max(START_MS, self.now_ms + change_ms)

    @rule()
    def commit(self) -> None:
        batch = [self.waiting.popleft() for _ in range(count_that_fit(self.waiting))]
        if not batch:
            return
        before = self.log.head
        transaction = self.log.cut(batch, self.now_ms, f"batch-{before.batch + 1}")
        assert len(transaction.entities) == len(batch) + 2 <= 100
        assert transaction.head.batch == before.batch + 1
        for entity in transaction.entities:
            assert entity["PartitionKey"] == PARTITION
            self.table[str(entity["RowKey"])] = entity
        for record in batch:
            self.counted.add(record.tally)

    @invariant()
    def head_minutes_and_rows_agree(self) -> None:
        records = [row for key, row in self.table.items() if not key.startswith("!")]
        head = Head.from_entity(self.table[HEAD_KEY])
        assert head == self.log.head
        assert head.records == len(records) == self.counted.records
        assert dict(head.types) == self.counted.types
        assert head.payload_bytes == sum(len(row["event"]) for row in records if isinstance(row["event"], bytes))
        total = Counters()
        for key, row in self.table.items():
            if key.startswith("!minute-"):
                total.merge(read_counters(row))
        assert total == self.counted


TestLaneMachine = LaneMachine.TestCase


@given(st.lists(st.integers(0, MAX_PAYLOAD_BYTES), max_size=150))
def test_batch_takes_the_oldest_that_one_transaction_holds(sizes: list[int]) -> None:
    waiting = [packed(number, size) for number, size in enumerate(sizes)]
    taken = count_that_fit(waiting)
    cost = [record.encoded_size for record in waiting]
    assert taken <= MAX_RECORDS
    assert sum(cost[:taken]) <= MAX_TRANSACTION_BYTES
    assert taken in (len(waiting), MAX_RECORDS) or sum(cost[: taken + 1]) > MAX_TRANSACTION_BYTES


def test_largest_record_alone_always_fits_a_transaction() -> None:
    assert count_that_fit([packed(1, MAX_PAYLOAD_BYTES)]) == 1


def test_record_beyond_the_limit_does_not_fit() -> None:
    assert packed(1, MAX_PAYLOAD_BYTES).fits
    assert not packed(1, MAX_PAYLOAD_BYTES + 1).fits


def test_packed_record_is_unpacked_with_the_same_digest() -> None:
    record = build_record(
        record_id=mint_id(START_MS, 1, 2),
        kind=RecordType.DECISION_SCORED,
        region="westeurope",
        time="2026-11-23T21:00:00.000Z",
        data={"outcome": "approve", "score": 1e-9},
        personal={"deal_id": "é", "contributions": [1.0, -0.0]},
        salt="00",
        tally=Tally(RecordType.DECISION_SCORED.value),
    )
    log = LaneLog(PARTITION)
    *_, row = log.cut([pack_record(record)], START_MS, "b").entities
    event = unpack_event(row)
    assert event == record.event
    assert digest_of_event(event) == record.digest == row["digest"]


def test_clock_that_runs_back_takes_no_minutes_counters_back() -> None:
    log = LaneLog(PARTITION)
    table: dict[str, Entity] = {}
    for number, minute in enumerate([5, 6, 5]):
        transaction = log.cut([packed(number)], START_MS + minute * 60_000, f"b{number}")
        table |= {str(entity["RowKey"]): entity for entity in transaction.entities}
    counts = {key: read_counters(row).records for key, row in table.items() if key.startswith("!minute-")}
    assert sum(counts.values()) == 3
    assert list(counts.values()) == [1, 2]


def test_counters_of_a_busy_minute_are_spread_over_properties_that_storage_takes() -> None:
    log = LaneLog(PARTITION)
    batch = [packed(number, outcome=f"outcome-{number}-{'x' * 900}") for number in range(98)]
    _, minute, *_ = log.cut(batch, START_MS, "b").entities
    assert isinstance(minute["pieces"], int)
    assert minute["pieces"] > 3
    assert all(len(value) <= 15_000 for value in minute.values() if isinstance(value, str))
    assert read_counters(minute).records == 98


@settings(max_examples=40)
@given(st.integers(0, 120_000), st.booleans(), st.integers(0, 2**32))
def test_deal_that_is_said_to_fit_does(size: int, is_feature: bool, seed: int) -> None:
    source = random.Random(seed)
    text = source.randbytes(size // 2).hex()
    features = {"amount": 1.5, "text": text if is_feature else "short"}
    known: dict[str, Any] = {"deal_id": "D-1", "subjects": ["" if is_feature else text], "features": features}
    reasons = [{"code": "c", "feature": "text", "value": features["text"], "text": "t" * 200}]
    record = build_record(
        record_id=mint_id(START_MS, 1, 2),
        kind=RecordType.DECISION_SCORED,
        region="westeurope",
        time="2026-11-23T21:00:00.000Z",
        data={"caller": "c" * 300},
        personal={**known, "reasons": reasons, "contributions": [source.gauss(0, 1) for _ in range(500)]},
        salt="00" * 16,
        tally=Tally("t"),
    )
    if fits_ledger(known):
        assert pack_record(record).fits
    else:
        assert size > (MAX_PAYLOAD_BYTES - ADDED_BY_SCORING_BYTES) / 2


@pytest.mark.parametrize("sealed", [False, True])
def test_head_written_and_read_is_the_same(sealed: bool) -> None:
    head = Head(3, "b3", 40, 4_000, {"a": 40}, sealed)
    assert Head.from_entity(head.to_entity(PARTITION)) == head
