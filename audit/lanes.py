"""The lane log, pure: what a lane's transactions hold and how its rows read.

A lane is one writer's log in one window: the partition `<lane>-<window>`. Each transaction (at most 100 entities,
all or none) holds

    up to 98 records   row key: the record's id; inserted only
    `!minute-<hhmm>`   the counters of the records committed in that minute (UTC), replaced
    `!head`            batch number and id, records and bytes so far, counts by type; replaced with If-Match

so a commit costs the same at the end of the window as at its start, and whoever reads a partition can add up its
minutes, count its rows and compare both with the head. A record's payload is its canonical JSON, compressed (zlib).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.canonical import canonical_json, read_canonical
from audit.counters import Counters, Tally
from audit.records import Record
from audit.windows import DAY_S, Window

MAX_RECORDS = 98
MAX_TRANSACTION_BYTES = 3 * 2**20
MAX_PAYLOAD_BYTES = 64 * 2**10
ENTITY_OVERHEAD_BYTES = 1_024
ADDED_BY_SCORING_BYTES = 12 * 2**10
LONG_CHARACTERS = 1_024

HEAD_KEY = "!head"
MINUTE_PREFIX = "!minute-"
PIECE_CHARACTERS = 15_000  # a text property holds 32 Ki UTF-16 units

Property = str | int | bool | bytes
Entity = dict[str, Property]


def partition_of(lane: int, window: Window) -> str:
    return f"{lane_name(lane)}-{window.name}"


def lane_name(lane: int) -> str:
    """Two bytes in hex."""
    return f"{lane:04x}"


def fits_ledger(known: Mapping[str, Any]) -> bool:
    """Whether the record of a deal will fit, judged before scoring, generously; the ledger looks again.

    `known` is what the record will hold of the request: `deal_id`, `subjects` and `features`. A reason repeats its
    feature's value, so a long one counts twice."""
    repeated = [
        value for value in known["features"].values() if isinstance(value, str) and len(value) > LONG_CHARACTERS
    ]
    sizes = [len(zlib.compress(canonical_json(part), 1)) for part in (known, repeated)]
    return sum(sizes) + ADDED_BY_SCORING_BYTES <= MAX_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class Packed:
    """A record as the ledger keeps it."""

    record_id: UUID
    record_type: str
    digest: str
    payload: bytes
    tally: Tally

    @property
    def fits(self) -> bool:
        """Whether the payload is at most 64 KiB, the most that a binary property holds."""
        return len(self.payload) <= MAX_PAYLOAD_BYTES

    @property
    def encoded_size(self) -> int:
        """Bytes it takes in a transaction, at most: base64 and its share of the multipart text."""
        return len(self.payload) * 4 // 3 + ENTITY_OVERHEAD_BYTES


def pack_record(record: Record) -> Packed:
    payload = zlib.compress(record.encoded, 1)
    return Packed(record.record_id, record.tally.record_type, record.digest, payload, record.tally)


def unpack_event(entity: Mapping[str, Any]) -> dict[str, Any]:
    """The event of a record's row. Its digest (`digest_of_event`) equals the row's."""
    event: dict[str, Any] = read_canonical(zlib.decompress(entity["event"]))
    return event


def count_that_fit(waiting: Iterable[Packed]) -> int:
    """How many of the waiting records, from the first on, one transaction takes."""
    room, taken = MAX_TRANSACTION_BYTES, 0
    for packed in waiting:
        room -= packed.encoded_size
        if room < 0 or taken == MAX_RECORDS:
            break
        taken += 1
    return taken


@dataclass(frozen=True, slots=True)
class Head:
    """A lane's head. Batch 0, with no records, is the claim."""

    batch: int = 0
    batch_id: str = ""
    records: int = 0
    payload_bytes: int = 0
    types: Mapping[str, int] = field(default_factory=dict)
    sealed: bool = False

    def to_entity(self, partition: str) -> Entity:
        return {
            "PartitionKey": partition,
            "RowKey": HEAD_KEY,
            "batch": self.batch,
            "batch_id": self.batch_id,
            "records": self.records,
            "payload_bytes": self.payload_bytes,
            "types": canonical_json(self.types).decode(),
            "sealed": self.sealed,
        }

    @classmethod
    def from_entity(cls, entity: Mapping[str, Any]) -> Head:
        return cls(
            batch=int(entity["batch"]),
            batch_id=entity["batch_id"],
            records=int(entity["records"]),
            payload_bytes=int(entity["payload_bytes"]),
            types=json.loads(entity["types"]),
            sealed=bool(entity["sealed"]),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is written as one. `head` is the head as it stands once that is done."""

    head: Head
    entities: Sequence[Entity]


class LaneLog:
    """The writer's memory of its lane: the head, and the counters of the running minute.

    A transaction that was cut is either committed or the last of its lane: nothing is ever taken back.
    """

    def __init__(self, partition: str, head: Head | None = None) -> None:
        self.partition = partition
        self.head = head or Head()
        self._minute = -1
        self._counters = Counters()

    def cut(self, records: Sequence[Packed], unix_ms: int, batch_id: str) -> Transaction:
        """The next transaction, with these records. The minute never runs back, whatever the clock does."""
        minute = max(unix_ms // 60_000, self._minute)
        if minute != self._minute:
            self._minute, self._counters = minute, Counters()
        types = dict(self.head.types)
        for packed in records:
            self._counters.add(packed.tally)
            types[packed.record_type] = types.get(packed.record_type, 0) + 1
        self.head = Head(
            batch=self.head.batch + 1,
            batch_id=batch_id,
            records=self.head.records + len(records),
            payload_bytes=self.head.payload_bytes + sum(len(packed.payload) for packed in records),
            types=types,
        )
        rows = [_record_entity(self.partition, self.head.batch, packed) for packed in records]
        minute_row = _minute_entity(self.partition, minute, self._counters)
        return Transaction(self.head, [self.head.to_entity(self.partition), minute_row, *rows])


def read_counters(entity: Mapping[str, Any]) -> Counters:
    """The counters of a minute's row."""
    text = "".join(entity[f"counters_{piece}"] for piece in range(int(entity["pieces"])))
    return Counters.from_json(json.loads(text))


def minute_started_s(window: Window, row_key: str) -> int:
    """The Unix time at which a minute's row begins; a lane's last minutes may lie after its window."""
    hours, minutes = int(row_key[-4:-2]), int(row_key[-2:])
    after_s = (hours * 3600 + minutes * 60 - window.start_s) % DAY_S
    return window.start_s + after_s


def _record_entity(partition: str, batch: int, packed: Packed) -> Entity:
    return {
        "PartitionKey": partition,
        "RowKey": str(packed.record_id),
        "type": packed.record_type,
        "digest": packed.digest,
        "batch": batch,
        "event": packed.payload,
    }


def _minute_entity(partition: str, minute: int, counters: Counters) -> Entity:
    text = canonical_json(counters.to_json()).decode()
    pieces = [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]
    name = datetime.fromtimestamp(minute * 60, UTC).strftime("%H%M")
    entity: Entity = {"PartitionKey": partition, "RowKey": f"{MINUTE_PREFIX}{name}", "pieces": len(pieces)}
    return entity | {f"counters_{number}": piece for number, piece in enumerate(pieces)}
