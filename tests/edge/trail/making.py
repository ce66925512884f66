"""Windows, ids and lanes for tests of the trail's ports."""

from __future__ import annotations

from uuid import UUID

from adapters.tables_ledger import TablesLedger
from audit.ids import lane_of, mint_id
from audit.lanes import lane_name
from audit.windows import Window, window_of
from tests.edge.ledger.making import make_record
from tests.fakes import FakeClock

WINDOW_S = 60
NOW_MS = int(FakeClock().time.timestamp() * 1000)
WINDOW = window_of(NOW_MS, WINDOW_S)


def ids(count: int, lane: int = 7, unix_ms: int = NOW_MS) -> list[UUID]:
    """Ids of one lane, ascending."""
    minted: list[UUID] = []
    for number in range(count):
        minted.append(mint_id(unix_ms, number, lane, minted[-1] if minted else None))
    return minted


def window_after(minutes: int) -> Window:
    return Window(WINDOW.start_s + minutes * WINDOW_S, WINDOW_S)


async def write_one(ledger: TablesLedger, deal_id: str = "D-1") -> UUID:
    record_id = await ledger.mint()
    await ledger.append(make_record(record_id, deal_id))
    return record_id


def lane_name_of(record_id: UUID) -> str:
    return lane_name(lane_of(record_id))
