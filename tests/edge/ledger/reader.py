"""Reads a ledger as an auditor would: with Microsoft's SDK and its own decoding, sharing no code with the ledger."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableClient, UpdateMode


@dataclass
class Lane:
    """A partition's rows: its head, its minutes and its records."""

    head: dict[str, Any] = field(default_factory=dict)
    minutes: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)


def read_lanes(connection_string: str) -> dict[str, Lane]:
    """Every lane of the ledger, by partition key."""
    lanes: dict[str, Lane] = defaultdict(Lane)
    for row in _rows(connection_string, "ledger"):
        lane = lanes[row["PartitionKey"]]
        if row["RowKey"] == "!head":
            lane.head = row
        elif row["RowKey"].startswith("!minute-"):
            lane.minutes.append(row)
        else:
            lane.records.append(row)
    return dict(lanes)


def read_registry(connection_string: str) -> set[str]:
    """The registered lanes as partition keys."""
    return {f"{row['RowKey']}-{row['PartitionKey']}" for row in _rows(connection_string, "windows")}


def seal_lane(connection_string: str, partition: str) -> int:
    """Fence a lane as the sealer does; returns how many records its head counts from then on."""
    with TableClient.from_connection_string(connection_string, "ledger") as table:
        while True:
            head = table.get_entity(partition, "!head")
            change = {"PartitionKey": partition, "RowKey": "!head", "sealed": True}
            try:
                table.update_entity(
                    change, UpdateMode.MERGE, etag=head.metadata["etag"], match_condition=MatchConditions.IfNotModified
                )
            except ResourceModifiedError:
                continue
            return int(head["records"].value)


def check_lane(partition: str, lane: Lane) -> None:
    """The head, the minutes and the rows of a lane agree, and every record is what its digest says."""
    assert len(lane.records) == lane.head["records"].value, partition
    batches = Counter(row["batch"].value for row in lane.records)
    assert set(batches) == set(range(1, lane.head["batch"].value + 1)), partition
    assert lane.head["payload_bytes"].value == sum(len(row["event"]) for row in lane.records), partition
    types = Counter(row["type"] for row in lane.records)
    assert json.loads(lane.head["types"]) == dict(types), partition
    _check_minutes(partition, lane, types)
    for row in lane.records:
        _check_record(partition, row)


def _check_minutes(partition: str, lane: Lane, types: Counter[str]) -> None:
    total: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for row in lane.minutes:
        counters = json.loads("".join(row[f"counters_{piece}"] for piece in range(row["pieces"].value)))
        total.update(counters["types"])
        assert counters["records"] == sum(counters["types"].values()), partition
        for *_, outcome, decisions, _errors, latency, risk in counters["groups"]:
            outcomes[outcome] += decisions
            assert sum(count for _, count in latency) == sum(count for _, count in risk) == decisions, partition
    assert total == types, partition
    recorded = Counter(decode(row)["data"]["outcome"] for row in lane.records)
    assert outcomes == recorded, partition


def _check_record(partition: str, row: dict[str, Any]) -> None:
    event = decode(row)
    assert event["id"] == row["RowKey"]
    assert partition.startswith(row["RowKey"][-4:])
    assert zlib.decompress(row["event"]) == rfc8785.dumps(event)
    personal = event["data"].pop("personal")
    assert event["data"]["personal_commitment"] == _digest(personal)
    assert row["digest"] == _digest(event)


def decode(row: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(zlib.decompress(row["event"]))
    return event


def _digest(value: Any) -> str:
    return f"sha256:{hashlib.sha256(rfc8785.dumps(value)).hexdigest()}"


def _rows(connection_string: str, table: str) -> list[dict[str, Any]]:
    with TableClient.from_connection_string(connection_string, table) as client:
        try:
            return [dict(row) for row in client.list_entities()]
        except ResourceNotFoundError:
            return []
