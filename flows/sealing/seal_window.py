"""Seal a window: fence its lanes, let each be sealed, then write its manifest and commit it.

    closed --fence--> fenced --each lane--> segments --performance, manifest--> written --in order--> committed

A window is due once it and its grace are over and every window before it has its turn. Each step looks what is there
already, so that running it twice, or at once, leaves one set of files, one manifest and one entry of the chain. Lanes
that appear in the registry later are sealed as a correction of their window.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from audit.chain import next_window
from audit.counters import Counters
from audit.feature_counts import FeatureCounts
from audit.layout import PERFORMANCE, manifest_name, performance_name
from audit.manifests import Difference, LaneEntry, Manifest, compare_counts, read_manifest
from audit.performance import build_performance
from audit.segments import FileEntry, SegmentWriter
from audit.windows import Window, window_of
from flows.ports import Clock, Lake
from flows.sealing.chain_log import ChainLog
from flows.sealing.read_back import ReadBack
from flows.sealing.seal_lane import SealedLane
from flows.trail_ports import Lanes, RegisteredLane

logger = logging.getLogger("vouch.trail")


@dataclass(frozen=True, slots=True)
class SealSettings:
    """`grace_s`: how long after its end a window is sealed, longer than the write deadline and the clocks' skew;
    `at_once`: how many windows are sealed at a time; `look_back_s`: how far back late lanes are looked for."""

    window_s: int
    grace_s: float
    at_once: int
    look_back_s: int
    suppressed_below: int


@dataclass(frozen=True, slots=True)
class Due:
    """A window to be sealed; `correction` 0: for the first time."""

    window: Window
    correction: int = 0


class SealWindow:
    def __init__(
        self, region: str, lake: Lake, lanes: Lanes, chain: ChainLog, clock: Clock, settings: SealSettings
    ) -> None:
        self._region = region
        self._lake = lake
        self._lanes = lanes
        self._chain = chain
        self._clock = clock
        self._settings = settings

    async def first_window(self) -> Window | None:
        """The window that the chain begins with: the first that has a lane; None while there is none."""
        return await self._lanes.oldest()

    async def due(self) -> list[Due]:
        """The next windows to seal, oldest first, and the corrections of late lanes. Raises StorageFailed or
        InvalidEntry."""
        last = await self._chain.last_window()
        first = last or await self.first_window()
        if first is None:
            return []
        due: list[Due] = []
        window = next_window(last, first)
        while len(due) < self._settings.at_once and self.is_closed(window):
            due.append(Due(window))
            window = next_window(window, first)
        return [*due, *(await self._late(last) if last else [])]

    def is_closed(self, window: Window) -> bool:
        """Whether nothing can be written to it any more but by a lane that is late."""
        return self._clock.now().timestamp() >= window.end_s + self._settings.grace_s

    def count_closed(self, from_s: int) -> int:
        """How many of the windows from a window's start on are closed."""
        passed_s = self._clock.now().timestamp() - self._settings.grace_s - from_s
        return max(0, int(passed_s // self._settings.window_s))

    async def fence(self, due: Due) -> list[LaneEntry]:
        """Fence the window's lanes, of a correction only those that no manifest holds, and say what their heads say.
        Raises StorageFailed."""
        registered = await self._lanes.registered(due.window, due.window)
        if due.correction:
            registered = [lane for lane in registered if not lane.is_sealed]
        entries = []
        for lane in registered:
            head = await self._lanes.fence(lane.window, lane.lane)
            entries.append(LaneEntry(lane.lane, head.records, dict(head.types)))
        return entries

    async def write_manifest(self, due: Due, lanes: Sequence[LaneEntry], sealed: Sequence[SealedLane]) -> str:
        """Write the window's performance and manifest, unless they stand, and say the manifest's name. Raises
        StorageFailed."""
        name = manifest_name(self._region, due.window, due.correction)
        files = [file for lane in sealed for file in lane.files]
        counts, differences = compare_counts(
            lanes,
            {lane.lane: lane.rows for lane in sealed},
            {lane.lane: lane.counters.records for lane in sealed},
            files,
        )
        damaged = [Difference(lane.lane, "digests", 0, lane.damaged) for lane in sealed if lane.damaged]
        performance = await self._write_performance(due, sealed)
        manifest = Manifest(
            region=self._region,
            window=due.window,
            correction=due.correction,
            lanes=lanes,
            files=[*files, *([performance] if performance else [])],
            counts=counts,
            differences=[*differences, *damaged],
        )
        if not await self._lake.create(name, manifest.to_bytes()):
            logger.info("%s stood already.", name)
        elif manifest.differences:
            logger.error("%s tells %d differences: the ledger's counts don't agree.", name, len(manifest.differences))
        return name

    async def commit(self, due: Due) -> None:
        """Commit what is due, and note in the registry which lanes the window's manifest holds. Raises StorageFailed,
        InvalidEntry or VaultFailed."""
        if due.correction:
            await self._chain.commit_correction(due.window, due.correction)
        else:
            await self._chain.commit_windows(await self.first_window() or due.window)
        await self._mark(due)

    async def _write_performance(self, due: Due, sealed: Sequence[SealedLane]) -> FileEntry | None:
        counters, features = Counters(), FeatureCounts()
        for lane in sealed:
            counters.merge(lane.counters)
            features.merge(lane.features)
        lines = build_performance(self._region, due.window, counters, features, self._settings.suppressed_below)
        if not lines:
            return None
        name = performance_name(self._region, due.window, due.correction)
        writer = SegmentWriter()
        for line in lines:
            writer.add(line, "", PERFORMANCE)
        content = writer.finish()
        if await self._lake.create(name, content):
            return writer.entry(PERFORMANCE, name, "")
        return await self._read_performance(name)

    async def _read_performance(self, name: str) -> FileEntry:
        reading = ReadBack(self._lake, PERFORMANCE, name, "")
        async for _ in reading.lines():
            pass
        return reading.entry

    async def _late(self, last: Window) -> list[Due]:
        """Windows of the chain that have lanes which no manifest holds."""
        first = window_of((last.start_s - self._settings.look_back_s) * 1000, self._settings.window_s)
        registered = await self._lanes.registered(first, last)
        unsealed = [lane for lane in registered if not lane.is_sealed]
        late = [await self._settle(list(lanes)) for _, lanes in groupby(unsealed, key=lambda lane: lane.window)]
        return [due for due in late if due is not None]

    async def _settle(self, lanes: Sequence[RegisteredLane]) -> Due | None:
        """Mark those lanes of a window that a manifest holds; what is left of them is due as the next correction."""
        window, left, correction = lanes[0].window, {lane.lane for lane in lanes}, 0
        while (held := await self._held_by(Due(window, correction))) is not None:
            await self.commit(Due(window, correction))
            left -= held
            correction += 1
        return Due(window, max(1, correction)) if left else None

    async def _mark(self, due: Due) -> None:
        for lane in await self._held_by(due) or ():
            await self._lanes.mark_sealed(due.window, lane)

    async def _held_by(self, due: Due) -> set[str] | None:
        """The lanes that a manifest holds; None where there is no such manifest."""
        content = await self._lake.read(manifest_name(self._region, due.window, due.correction))
        return None if content is None else {lane.lane for lane in read_manifest(content).lanes}
