"""Purging over real storage: what lies in the lake goes from the ledger, though answers are lost, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_lake import BlobsLake
from adapters.tables_index import TablesIndex
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import TablesLedger
from adapters.tables_record_keys import TablesRecordKeys
from adapters.tables_reservations import TablesReservations
from adapters.tables_rows import TablesRows
from flows.compose_trail import TrailPorts, TrailSettings, build_trail
from flows.seal_window import SealSettings
from flows.trail_room import TrailRoom, due_data
from tests.edge.ledger.making import make_record
from tests.edge.ledger.proxy import Fault, Proxy, first
from tests.edge.trail.conftest import LIMITS
from tests.edge.trail.making import WINDOW, WINDOW_S, write_one
from tests.fakes import CountingEntropy, FakeClock, MemoryBundles, MemoryModels
from tests.fakes_trail import MemoryVault
from tests.unit.flows.trail import REGION, Instance, NoRegions

RETENTION_S = 3_600.0


@dataclass
class Region:
    """A region's trail over the account, and its clock."""

    room: TrailRoom
    lanes: TablesLanes
    clock: FakeClock

    async def seal(self) -> None:
        while due := await self.room.seal.due():
            for one in due:
                order = due_data(one)
                fenced = await self.room.fence(order)
                lanes = [
                    await self.room.seal_lane({**order, "lane": lane["lane"], "types": sorted(lane["types"])})
                    for lane in fenced["lanes"]
                ]
                await self.room.finish({**order, "lanes": fenced["lanes"], "sealed": lanes})

    async def left(self) -> int:
        """Rows of the registry that are there."""
        return len(await self.lanes.registered(WINDOW, WINDOW))


@pytest.fixture
async def direct(connection_string: str) -> AsyncIterator[AzureStorage]:
    connected = connect_by_string(connection_string)
    yield connected
    await connected.close()


@pytest.fixture
def region(storage: AzureStorage, direct: AzureStorage) -> Region:
    clock, lanes = FakeClock(), TablesLanes(storage, WINDOW_S, LIMITS)
    room = build_trail(
        REGION,
        TrailPorts(
            lake=BlobsLake(direct.blobs),
            lanes=lanes,
            record_keys=TablesRecordKeys(direct, WINDOW_S),
            index=TablesIndex(direct),
            vault=MemoryVault(),
            keyring_rows=TablesRows(direct, "keyring"),
            subject_rows=TablesRows(direct, "subjects"),
            witness_rows=TablesRows(direct, "witness"),
            note_rows=TablesRows(direct, "trail"),
            old_reservations=TablesReservations(direct),
            sealing=Instance(),
        ),
        TrailSettings("vouch/westeurope", SealSettings(WINDOW_S, 10, 4, 86_400, 5), {}, RETENTION_S, RETENTION_S),
        checkpoint_keys={},
        models=MemoryModels([]),
        kept=MemoryBundles(),
        clock=clock,
        entropy=CountingEntropy(),
        call_region=NoRegions(),
    )
    return Region(room, lanes, clock)


async def fill(ledger: TablesLedger, region: Region, count: int = 150) -> None:
    """A sealed window of one lane, past retention."""
    for _ in range(count // 50):
        minted = [await ledger.mint() for _ in range(50)]
        for record_id in minted:
            await ledger.append(make_record(record_id, "D-1"))
    region.clock.advance(2 * WINDOW_S)
    await region.seal()
    region.clock.advance(RETENTION_S)


async def test_window_that_lies_in_the_lake_is_purged(region: Region, ledger: TablesLedger) -> None:
    await fill(ledger, region)
    note = await region.room.purge()
    assert (note["windows"], note["kept"], note["faults"]) == (1, {}, [])
    assert await region.left() == 0
    assert (await region.room.purge())["windows"] == 0


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_ANSWER, Fault.FAILED_AFTER, Fault.BUSY])
@pytest.mark.parametrize("number", [1, 2])
async def test_purge_whose_answers_are_lost_is_done_all_the_same(
    region: Region, ledger: TablesLedger, proxy: Proxy, fault: Fault, number: int
) -> None:
    await fill(ledger, region)
    proxy.choose = first(number, fault, matching=b"$batch")
    assert (await region.room.purge())["windows"] == 1
    assert fault in proxy.struck
    assert await region.left() == 0


async def test_window_with_a_row_that_came_from_nowhere_is_kept(
    region: Region, ledger: TablesLedger, storage: AzureStorage
) -> None:
    await fill(ledger, region, 50)
    other = FakeClock()
    stranger = TablesLedger(storage, other, WINDOW_S)
    await write_one(stranger)
    await stranger.close()
    note = await region.room.purge()
    assert note["kept"][WINDOW.name]["reason"] == "late"
    assert await region.left() == 2
