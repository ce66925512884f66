"""The reference tables that this instance looks into, kept in memory and refreshed in the background.

Held are the active snapshots of the datasets that the models in memory name. A new one is loaded off the loop and
swapped in whole, so that one request sees one snapshot. One that can't be loaded leaves the last known one serving;
without any the looked-up values are missing. Either way deals are decided, each record names the snapshot that was
looked into, and health says what is wrong.

Scoring never reads storage. Only what has never been tried is waited for, `FIRST_WAIT_S` at most: the first deals of
a fresh instance would otherwise be scored without what the region has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator

from flows.errors import StorageFailed
from flows.ports import Clock, Lake, Models
from flows.reference.active_snapshots import ActiveSnapshot, ActiveSnapshots
from flows.reference.load_snapshot import load_snapshot
from scoring.lookups import NO_TABLES, Tables, find_table_faults
from scoring.model import Model
from scoring.reference_table import InvalidSnapshot, ReferenceTable

REFRESH_S = 5.0
FIRST_WAIT_S = 2.0
DAMAGED_PAUSE_S = 60.0  # a snapshot never changes: one that is damaged is looked at again only in case it was restored

logger = logging.getLogger("vouch.reference")


class CurrentReferences:
    def __init__(self, active: ActiveSnapshots, lake: Lake, models: Models, clock: Clock) -> None:
        self._active = active
        self._lake = lake
        self._models = models
        self._clock = clock
        self._tables: Tables = NO_TABLES
        self._generations: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._damaged: dict[str, tuple[int, float]] = {}
        self._tried: set[str] = set()
        self._refreshing: asyncio.Task[None] | None = None

    async def tables_for(self, datasets: Collection[str]) -> Tables:
        """The tables by dataset, as they are now; those that can't be had are left out."""
        if not self._tried.issuperset(datasets):
            await self._try_first(datasets)
        return self._tables

    def serving(self, dataset: str) -> str | None:
        """The snapshot in memory."""
        table = self._tables.get(dataset)
        return table.snapshot if table else None

    def is_tried(self, model: Model) -> bool:
        """Whether its datasets are there, or known not to be."""
        return self._tried.issuperset(model.datasets)

    def find_faults(self, model: Model) -> Iterator[str]:
        """What keeps a model from looking up what it should, from memory alone."""
        for dataset in model.datasets:
            fault, table = self._faults.get(dataset), self._tables.get(dataset)
            if fault is not None:
                serving = f"snapshot {table.snapshot} serves" if table else "its values are missing"
                yield f"reference dataset {dataset}: {fault}; {serving}"
            if table is not None:
                yield from (
                    f"reference dataset {dataset}: snapshot {table.snapshot} {lack} of {model.name} {model.version}"
                    for lack in find_table_faults(model.features, table)
                )

    def adopt(self, active: ActiveSnapshot, table: ReferenceTable) -> None:
        """Look into a snapshot just activated."""
        if active.dataset in self._named() and self._generations.get(active.dataset, 0) <= active.generation:
            self._tables = {**self._tables, active.dataset: table}
            self._generations[active.dataset] = active.generation
            self._faults.pop(active.dataset, None)
            self._tried.add(active.dataset)

    async def refresh_forever(self) -> None:
        """Refresh every `REFRESH_S`; ends only by cancellation."""
        await self.tables_for(self._named())
        while True:
            await asyncio.wait({self._start_refresh()})
            await asyncio.sleep(REFRESH_S)

    async def _try_first(self, datasets: Collection[str]) -> None:
        for _ in range(2):  # a refresh that is under way may have begun before a model was loaded
            if not self._tried.issuperset(datasets):
                await asyncio.wait({self._start_refresh()}, timeout=FIRST_WAIT_S)
        for dataset in set(datasets) - self._tried:
            self._faults.setdefault(dataset, "the active snapshot is still being loaded")
            self._tried.add(dataset)

    def _start_refresh(self) -> asyncio.Task[None]:
        """One refresh at a time, shared by all who wait for it."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        return self._refreshing

    async def _refresh(self) -> None:
        datasets = self._named()
        if not datasets and not self._tables:
            return
        try:
            active = {found.dataset: found for found in await self._active.list()}
            for dataset in datasets:
                await self._take(dataset, active.get(dataset))
                self._tried.add(dataset)
            self._tables = {dataset: table for dataset, table in self._tables.items() if dataset in datasets}
        except StorageFailed as error:
            logger.warning("The active reference snapshots could not be read (%s); the last known ones serve.", error)
            self._note(datasets, "which snapshot is active can't be read")
        except Exception:
            # A background boundary: a fault of ours must not end the refresh in silence.
            logger.exception("The reference snapshots could not be refreshed by a fault of ours.")
            self._note(datasets, "a fault of ours keeps it from being refreshed; the log holds it")

    def _note(self, datasets: Collection[str], fault: str) -> None:
        self._faults.update(dict.fromkeys(datasets, fault))
        self._tried.update(datasets)

    async def _take(self, dataset: str, active: ActiveSnapshot | None) -> None:
        """Have the active snapshot in memory, or note why not."""
        if active is None:
            self._faults[dataset] = "no snapshot is active here; deliver one and activate it"
            return
        if self._generations.get(dataset) == active.generation and dataset in self._tables:
            self._faults.pop(dataset, None)
            return
        if self._is_known_as_damaged(active):
            return
        try:
            self.adopt(active, await load_snapshot(self._lake, dataset, active.snapshot, active.digest))
        except InvalidSnapshot:
            logger.exception("Snapshot %s of %s can't be used. Activate another one.", active.snapshot, dataset)
            self._damaged[dataset] = active.generation, self._clock.monotonic()
            self._faults[dataset] = f"snapshot {active.snapshot} is damaged; activate another one"
        except StorageFailed as error:
            logger.warning("Snapshot %s of %s could not be read (%s).", active.snapshot, dataset, error)
            self._faults[dataset] = f"snapshot {active.snapshot} can't be read from the lake"

    def _is_known_as_damaged(self, active: ActiveSnapshot) -> bool:
        generation, seen_at = self._damaged.get(active.dataset, (0, 0.0))
        return generation == active.generation and self._clock.monotonic() - seen_at < DAMAGED_PAUSE_S

    def _named(self) -> frozenset[str]:
        """The datasets that the models in memory name."""
        models = self._models
        versions = [(name, version) for name in models.names() for version in models.versions(name)]
        found = [models.find(name, version) for name, version in versions]
        return frozenset(dataset for model in found if model for dataset in model.datasets)
