"""Decisions of a region in memory, sealed, purged and put away, to be read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.lanes import unpack_event
from audit.notes import VerifierKey
from audit.records import Record
from audit.windows import Window
from tests.unit.flows.conftest import CALL
from tests.unit.flows.trail import HOUR, START, Trail

NEXT = Window(START.end_s, HOUR)


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


def archive(trail: Trail) -> str:
    """Let the only segment of decisions lie in an offline tier."""
    (name,) = [name for name in trail.lake.files if "/decisions/" in name]
    trail.lake.archived.add(name)
    return f"lake/{name}"


def believed(trail: Trail) -> Any:
    spki = trail.vault.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return lambda region: [VerifierKey(f"vouch/{region}", spki)]
