"""What the ledger counted, read back: equal to what was written, from a minute on."""

from __future__ import annotations

from datetime import timedelta

from adapters.azure_storage import connect_by_string
from adapters.tables_counters import TablesCounters
from adapters.tables_ledger import TablesLedger
from audit.counters import Counters
from tests.edge.ledger.making import make_record
from tests.fakes import FakeClock

WINDOW_S = 60


async def write(ledger: TablesLedger, count: int) -> Counters:
    """Append so many records; what they add up to."""
    expected = Counters()
    for number in range(count):
        record = make_record(await ledger.mint(), f"D-{number}")
        await ledger.append(record)
        expected.add(record.tally)
    return expected


async def test_counters_of_all_lanes_and_windows_add_up_from_a_minute_on(connection_string: str) -> None:
    storage, clock = connect_by_string(connection_string), FakeClock()
    counters = TablesCounters(storage, clock, WINDOW_S)
    try:
        assert await counters.read(clock.now()) == Counters()
        await write(TablesLedger(storage, clock, WINDOW_S), 3)
        clock.advance(WINDOW_S * 2)
        since, one, other = clock.now(), TablesLedger(storage, clock, WINDOW_S), TablesLedger(storage, clock, WINDOW_S)
        expected = await write(one, 4)
        expected.merge(await write(other, 5))
        clock.advance(WINDOW_S)
        expected.merge(await write(one, 2))
        assert await counters.read(since) == expected
        assert await counters.read(since + timedelta(seconds=59)) == expected
        assert (await counters.read(since - timedelta(seconds=WINDOW_S * 2))).records == expected.records + 3
    finally:
        await storage.close()
