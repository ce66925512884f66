"""Prove that a window of the ledger lies whole in the lake, by reading it back from there.

1. chain:  its manifests are those that the chain names (`flows.sealing.committed_manifests`);
2. counts: they know of no difference, and every registered lane stands in one of them;
3. files:  every file of theirs is what they say: size, SHA-256, lines, Merkle root;
4. rows:   every row of the ledger is a line of these files, by its id and its digest.

What was deleted in part is proven by what is left of it. Memory is bounded by a piece of a file and a page of rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AsyncExitStack, aclosing

import msgspec

from audit.layout import dataset_of
from audit.manifests import Manifest
from audit.segments import DamagedSegment, FileEntry
from audit.windows import Window
from flows.ports import Lake
from flows.sealing.committed_manifests import CommittedManifests, NotProven, Reason
from flows.sealing.read_back import ReadBack
from flows.trail_ports import Lanes


class ProveWindow:
    def __init__(self, lake: Lake, lanes: Lanes, manifests: CommittedManifests) -> None:
        self._lake = lake
        self._lanes = lanes
        self._manifests = manifests

    async def __call__(self, window: Window, registered: Collection[str]) -> None:
        """Return once it is proven. Raises NotProven or StorageFailed."""
        manifests = await self._manifests.find(window)
        _check_counts(manifests, registered)
        lanes: dict[str, dict[str, FileEntry]] = {}
        for manifest in manifests:
            for file in manifest.files:
                lanes.setdefault(file.lane, {})[file.dataset] = file
        for lane, files in sorted(lanes.items()):
            await self._prove_lane(window, lane, files)
        for lane in sorted(set(registered) - lanes.keys()):
            await self._prove_lane(window, lane, {})

    async def _prove_lane(self, window: Window, lane: str, files: Mapping[str, FileEntry]) -> None:
        """Read the lane's files to their ends, and find its rows in them on the way."""
        async with AsyncExitStack() as stack:
            readings = {dataset: _Reading(self._lake, entry, stack) for dataset, entry in files.items()}
            if lane:
                await self._find_rows(window, lane, readings)
            for reading in readings.values():
                await reading.finish()

    async def _find_rows(self, window: Window, lane: str, readings: Mapping[str, _Reading]) -> None:
        async for page in self._lanes.rows(window, lane):
            for row in page:
                reading = readings.get(dataset_of(str(row["type"])))
                if reading is None or not await reading.holds(str(row["RowKey"]), str(row["digest"])):
                    raise NotProven(Reason.DIFFERENT, f"the row {row['RowKey']} of lane {lane} is not in the lake")


class _Reading:
    """One reading of a file, from its first line to its last. Raises NotProven or StorageFailed."""

    def __init__(self, lake: Lake, entry: FileEntry, stack: AsyncExitStack) -> None:
        self._lines = _read_lines(lake, entry)
        stack.push_async_callback(self._lines.aclose)
        self._at: tuple[str, str] = ("", "")

    async def holds(self, record_id: str, digest: str) -> bool:
        """Whether a line is this record's; asked in order of ids."""
        while self._at[0] < record_id:
            try:
                self._at = await anext(self._lines)
            except StopAsyncIteration:
                return False
        return self._at == (record_id, digest)

    async def finish(self) -> None:
        """Read what is left, so that the whole file is held against its entry."""
        async for _ in self._lines:
            pass


async def _read_lines(lake: Lake, entry: FileEntry) -> AsyncGenerator[tuple[str, str], None]:
    """Id and digest of each line; at the end the file must have been what its entry says."""
    reading = ReadBack(lake, entry.dataset, entry.name, entry.lane)
    try:
        async with aclosing(reading.lines()) as lines:
            async for found in lines:
                yield found
    except (DamagedSegment, msgspec.DecodeError) as error:
        raise NotProven(Reason.DIFFERENT, f"{entry.name} can't be read back: {error}") from error
    if reading.entry != entry:
        raise NotProven(Reason.DIFFERENT, f"{entry.name} is not what its manifest says")


def _check_counts(manifests: list[Manifest], registered: Collection[str]) -> None:
    differences = [difference for manifest in manifests for difference in manifest.differences]
    if differences:
        raise NotProven(Reason.DIFFERENT, f"its manifests tell of {len(differences)} differences")
    held = {lane.lane for manifest in manifests for lane in manifest.lanes}
    late = sorted(set(registered) - held)
    if late:
        raise NotProven(Reason.LATE, f"no manifest holds the lanes {', '.join(late)}")
