"""A process that appends records as the flows do, and says on its standard output what became of each.

One JSON line a record: `{"id", "digest", "fate"}`; `fate` is `written`, or the name of the error. A record whose lane
was closed is made anew under another id, as the flows do.

    python -m tests.edge.ledger.caller '{"connection": ..., "callers": 8, "records": 5, ...}'
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.azure_storage import connect_by_string
from adapters.system_clock import SystemClock
from adapters.tables_lane import WriteLimits
from adapters.tables_ledger import TablesLedger
from flows.errors import LaneClosed, LedgerBusy, LedgerUnavailable
from tests.edge.ledger.making import make_record

FAULTS = (LaneClosed, LedgerBusy, LedgerUnavailable)


@dataclass(frozen=True)
class Order:
    """What the process is to do. `lanes` are the random lanes that it draws first; `until_told` lets it append until
    its standard input is closed instead of `records` times a caller."""

    connection: str
    callers: int = 8
    records: int = 5
    deadline_s: float = 3.0
    attempt_s: float = 0.5
    queue_limit: int = 2_000
    lanes: tuple[int, ...] = ()
    until_told: bool = False


async def work(order: Order) -> None:
    storage = connect_by_string(order.connection)
    limits = WriteLimits(order.deadline_s, order.attempt_s, order.queue_limit)
    ledger = TablesLedger(storage, SystemClock(), 3600, limits, _drawing(order.lanes))
    going = asyncio.Event()
    going.set()
    if order.until_told:
        asyncio.get_running_loop().add_reader(sys.stdin, going.clear)
    try:
        async with asyncio.TaskGroup() as callers:
            for number in range(order.callers):
                callers.create_task(_call(ledger, number, order, going))
    finally:
        await ledger.close()
        await storage.close()
    figures = ledger.figures
    _say({"transactions": figures.transactions, "records": figures.records, "repeats": figures.repeats})


async def _call(ledger: TablesLedger, number: int, order: Order, going: asyncio.Event) -> None:
    done = 0
    while going.is_set() and (order.until_told or done < order.records):
        done += await _append_one(ledger, f"D-{number}-{done}")


async def _append_one(ledger: TablesLedger, deal_id: str) -> bool:
    """Whether the record was settled, well or ill; not where it has to be made anew."""
    try:
        record = make_record(await ledger.mint(), deal_id)
    except LedgerUnavailable:
        _say({"id": None, "fate": "NoLane"})
        return True
    try:
        await ledger.append(record)
    except FAULTS as error:
        _say({"id": str(record.record_id), "digest": record.digest, "fate": type(error).__name__})
        return not isinstance(error, LaneClosed)
    _say({"id": str(record.record_id), "digest": record.digest, "fate": "written"})
    return True


def _drawing(lanes: tuple[int, ...]) -> Callable[[int], int]:
    left = list(lanes)
    return lambda bits: left.pop(0) if left else secrets.randbits(bits)


def _say(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(work(Order(**json.loads(sys.argv[1]))))
