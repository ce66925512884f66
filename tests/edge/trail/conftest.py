"""The trail's ports over real storage by way of a road that can be broken, and the same over memory.

Tests that ask for `lanes`, `record_keys` or `index` run over both, so that the fakes are held to what storage does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_storage import AzureStorage
from adapters.tables_index import TablesIndex
from adapters.tables_lane import WriteLimits
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import TablesLedger
from adapters.tables_record_keys import TablesRecordKeys
from flows.trail_ports import RecordKeys, TrailIndex
from tests.edge.trail.making import WINDOW_S
from tests.fakes import FakeClock
from tests.fakes_trail import MemoryIndex, MemoryRecordKeys

LIMITS = AskLimits(deadline_s=4.0, attempt_s=0.5)


@pytest.fixture
def storage(proxied_storage: AzureStorage) -> AzureStorage:
    return proxied_storage


@pytest.fixture
async def ledger(storage: AzureStorage) -> AsyncIterator[TablesLedger]:
    opened = TablesLedger(storage, FakeClock(), WINDOW_S, WriteLimits(deadline_s=10.0, queue_limit=4_000))
    yield opened
    await opened.close()


@pytest.fixture
def lanes(storage: AzureStorage) -> TablesLanes:
    return TablesLanes(storage, WINDOW_S, LIMITS)


@pytest.fixture(params=["tables", "memory"])
def record_keys(request: pytest.FixtureRequest) -> RecordKeys:
    if request.param == "memory":
        return MemoryRecordKeys(window_s=WINDOW_S)
    return TablesRecordKeys(request.getfixturevalue("storage"), WINDOW_S, LIMITS)


@pytest.fixture(params=["tables", "memory"])
def index(request: pytest.FixtureRequest) -> TrailIndex:
    if request.param == "memory":
        return MemoryIndex()
    return TablesIndex(request.getfixturevalue("storage"), LIMITS)
