"""Windows on Azurite: rows written as the ledger writes them, then sealed through the adapters that Azure gets.

What storage was asked is counted by what it was for. The seconds of requests that were under way at the same time are
each counted, so that they add up to more than passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from adapters.azure_storage import Answer, AzureStorage, StorageService
from adapters.blobs_bundles import BlobsBundles
from adapters.blobs_lake import BlobsLake
from adapters.file_vault import FileVault
from adapters.folder_models import FolderModels
from adapters.held_models import HeldModels
from adapters.system_clock import SystemClock
from adapters.system_entropy import SystemEntropy
from adapters.tables_asking import ask
from adapters.tables_bulk import BULK_LIMITS, put_rows
from adapters.tables_creating import insert_into
from adapters.tables_index import TablesIndex
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import LEDGER_TABLE, WINDOWS_TABLE
from adapters.tables_record_keys import TablesRecordKeys
from adapters.tables_rest import Table
from adapters.tables_rows import TablesRows
from audit.lanes import MAX_RECORDS, LaneLog, lane_name, pack_record, partition_of
from audit.records import Record
from audit.windows import Window
from benchmarks.claims_1996 import ROOT
from benchmarks.sealed_lake import FIRST, REGION
from benchmarks.sealing_storage import renew_records
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.sealing.chain_log import ChainLog
from flows.sealing.known_bins import KnownBins
from flows.sealing.seal_lane import SealLane
from flows.sealing.seal_window import Due, SealSettings, SealWindow

PURPOSES = {
    LEDGER_TABLE: "rows of the ledger",
    "recordkeys": "record keys",
    "subjects": "subject keys",
    "$batch": "index",
}
OTHERS = "registry, keyring, lake and chain"


@dataclass(slots=True)
class Asked:
    """Requests of one purpose, and the seconds that they took, added up."""

    requests: int = 0
    seconds: float = 0.0


class CountedService(StorageService):
    """Storage that counts what it is asked, by purpose."""

    def __init__(self, service: StorageService, asked: dict[str, Asked]) -> None:
        self._service = service
        self._asked = asked
        self.base_url = service.base_url

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, timeout_s: float
    ) -> Answer:
        began = time.perf_counter()
        answer = await self._service.request(method, path, headers, body, timeout_s=timeout_s)
        asked = self._asked.setdefault(purpose_of(path), Asked())
        asked.requests += 1
        asked.seconds += time.perf_counter() - began
        return answer

    async def close(self) -> None:
        await self._service.close()


def purpose_of(path: str) -> str:
    """What a request is for, by its path."""
    return PURPOSES.get(path.removeprefix("/").partition("(")[0], OTHERS)


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """Seconds that the window took, of them those that this process worked, and what storage was asked; before it, the
    seconds that reading its rows took, all lanes side by side, and nothing else."""

    rows: int
    seconds: float
    worked_s: float
    reading_s: float
    asked: Mapping[str, Asked]


@dataclass
class Region:
    """A region's ledger and lake, and what seals them."""

    storage: AzureStorage
    vault: FileVault
    asked: dict[str, Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counted = AzureStorage(
            CountedService(self.storage.tables, self.asked), CountedService(self.storage.blobs, self.asked)
        )
        clock, entropy, length_s = SystemClock(), SystemEntropy(), FIRST.length_s
        lake, self.lanes = BlobsLake(counted.blobs), TablesLanes(counted, length_s)
        keyring = Keyring(TablesRows(counted, "keyring", BULK_LIMITS), self.vault, entropy)
        kept = BlobsBundles(counted.blobs, "versions")
        self.lane = SealLane(
            REGION,
            lake,
            self.lanes,
            keyring,
            RecordKeyring(TablesRecordKeys(counted, length_s), keyring, entropy),
            SubjectKeys(TablesRows(counted, "subjects", BULK_LIMITS), keyring, entropy),
            TablesIndex(counted),
            KnownBins(HeldModels(FolderModels(ROOT / "model_artifacts"), kept), kept),
        )
        chain = ChainLog(REGION, f"vouch/{REGION}", length_s, lake, self.vault, clock)
        settings = SealSettings(length_s, grace_s=0, at_once=1, look_back_s=0, suppressed_below=10)
        self.window = SealWindow(REGION, lake, self.lanes, chain, clock, settings)

    async def write(self, window: Window, lanes: int, rows: int, records: Sequence[Record], *, subjects: bool) -> None:
        """Fill a window: so many rows, by lanes."""
        await asyncio.gather(
            *(
                self._write_lane(
                    window, lane, renew_records(records, window, lane, rows // lanes, subjects=subjects)
                )
                for lane in range(1, lanes + 1)
            )
        )  # fmt: skip

    async def _write_lane(self, window: Window, lane: int, records: Iterator[Record]) -> None:
        log = LaneLog(partition_of(lane, window))
        ledger, windows = Table(self.storage.tables, LEDGER_TABLE), Table(self.storage.tables, WINDOWS_TABLE)
        registered = {"PartitionKey": window.name, "RowKey": lane_name(lane)}
        await ask(partial(insert_into, windows, registered), BULK_LIMITS)
        batch = 0
        while packed := [pack_record(record) for record in islice(records, MAX_RECORDS)]:
            batch += 1
            transaction = log.cut(packed, window.start_s * 1000, f"{lane}-{batch}")
            await put_rows(ledger, transaction.entities, BULK_LIMITS)

    async def seal(self, window: Window) -> SealedWindow:
        """Seal a window as the orchestration does: fence, lanes side by side, manifest, chain. Raises RuntimeError
        where anything differs."""
        reading_s = await self._read_rows(window)
        self.asked.clear()
        began, worked = time.perf_counter(), time.process_time()
        due = Due(window)
        lanes = await self.window.fence(due)
        sealed = await asyncio.gather(*(self.lane(window, lane.lane, lane.types) for lane in lanes))
        await self.window.write_manifest(due, lanes, sealed)
        await self.window.commit(due)
        seconds, worked_s = time.perf_counter() - began, time.process_time() - worked
        rows = sum(file.rows for lane in sealed for file in lane.files)
        if rows != sum(lane.records for lane in lanes) or any(lane.damaged for lane in sealed):
            raise RuntimeError(f"{rows} rows of window {window.name} were sealed, not those of its heads.")
        return SealedWindow(rows, seconds, worked_s, reading_s, dict(self.asked))

    async def _read_rows(self, window: Window) -> float:
        async def read(lane: str) -> None:
            async for _ in self.lanes.rows(window, lane):
                pass

        began = time.perf_counter()
        await asyncio.gather(*(read(one.lane) for one in await self.lanes.registered(window, window)))
        return time.perf_counter() - began


def open_region(storage: AzureStorage, vault: Path) -> Region:
    """`vault`: the folder of one that was made."""
    return Region(storage, FileVault(vault))
