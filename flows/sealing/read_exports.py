"""Where the export of the trail stands: the last windows with their states, and how far behind it is.

open     records may still be written to it
closed   it is over, and its manifest isn't in the chain yet
sealed   its manifest is in the chain
late     sealed, and a lane has appeared since that no manifest holds
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from audit.chain import ChainEntry, next_window
from audit.manifests import Manifest, read_manifest
from audit.times import format_second
from audit.windows import Window, parse_window, window_of
from flows.ports import Clock, Lake
from flows.sealing.chain_log import ChainLog
from flows.sealing.current_trail_health import CurrentTrailHealth
from flows.sealing.seal_window import Due, SealWindow
from flows.sealing.witness import TellWitness
from flows.trail_ports import Lanes


@dataclass(frozen=True, slots=True)
class ReadExports:
    """`tell_witness` None: the region has no witness."""

    window_s: int
    lake: Lake
    lanes: Lanes
    chain: ChainLog
    seal: SealWindow
    clock: Clock
    tell_witness: TellWitness | None
    health: CurrentTrailHealth

    async def __call__(self, most: int) -> dict[str, Any]:
        """The last `most` windows, the newest first. Raises StorageFailed or InvalidEntry."""
        last = await self.chain.last()
        last_window = await self.chain.last_window()
        waiting = await self._waiting(last_window)
        sealed = await self._sealed(last, max(0, most - len(waiting)))
        done_until = last_window.end_s if last_window else waiting[0].start_s if waiting else None
        return {
            "region": self.chain.region,
            "windows": [*(self._waiting_data(window) for window in reversed(waiting[-most:])), *sealed],
            "waiting": sum(self.seal.is_closed(window) for window in waiting),
            "lag_s": round(self.clock.now().timestamp() - done_until, 1) if done_until is not None else 0.0,
            "sealed_until": format_second(last_window.end_s) if last_window else None,
            "checkpoint": {"size": last.size, "root": last.root, "note": last.checkpoint} if last else None,
            "witness": self._witness_data(last.size if last else 0),
            "health": await self.health.read(),
        }

    async def find(self, window: Window) -> tuple[str, Due | None]:
        """The state of one window, empty for one that the trail doesn't know, and what is to be sealed of it now.
        Raises StorageFailed, InvalidEntry or VaultFailed."""
        last, first = await self.chain.last_window(), await self._first()
        if first is None or window < first:
            return "", None
        if last is not None and window <= last:
            late = next((due for due in await self.seal.due() if due.window == window), None)
            return ("late" if late else "sealed"), late
        if window.start_s > self.clock.now().timestamp():
            return "", None
        return ("closed", Due(window)) if self.seal.is_closed(window) else ("open", None)

    async def _first(self) -> Window | None:
        """The window that the chain begins with, or will."""
        entry = await self.chain.entry(0)
        return parse_window(entry.window, self.window_s) if entry else await self.seal.first_window()

    async def _waiting(self, last: Window | None) -> list[Window]:
        """The windows after the last one in the chain, up to the current one, oldest first."""
        first = last or await self.seal.first_window()
        if first is None:
            return []
        current = window_of(int(self.clock.now().timestamp() * 1000), self.window_s)
        windows = []
        window = next_window(last, first)
        while window <= current:
            windows.append(window)
            window = next_window(window, first)
        return windows

    async def _sealed(self, last: ChainEntry | None, most: int) -> list[dict[str, Any]]:
        """The windows of the chain's last entries, the newest first."""
        if last is None or most == 0:
            return []
        first = max(0, last.sequence - most + 1)
        found = await asyncio.gather(*(self.chain.entry(sequence) for sequence in range(first, last.sequence + 1)))
        held = [await self._read(entry) for entry in found if entry is not None]
        late = await self._late(held)
        return [_sealed_data(entry, manifest, late, self.window_s) for entry, manifest in reversed(held)]

    async def _read(self, entry: ChainEntry) -> tuple[ChainEntry, Manifest | None]:
        content = await self.lake.read(entry.manifest.name)
        return entry, read_manifest(content) if content is not None else None

    async def _late(self, held: Sequence[tuple[ChainEntry, Manifest | None]]) -> set[str]:
        """Those of the windows that have a lane which no manifest holds."""
        if not held:
            return set()
        windows = [parse_window(entry.window, self.window_s) for entry, _ in held]
        known = {(entry.window, lane.lane) for entry, manifest in held if manifest for lane in manifest.lanes}
        registered = await self.lanes.registered(min(windows), max(windows))
        unsealed = {(lane.window.name, lane.lane) for lane in registered if not lane.is_sealed}
        return {window for window, _ in unsealed - known}

    def _waiting_data(self, window: Window) -> dict[str, Any]:
        state = "closed" if self.seal.is_closed(window) else "open"
        return {**_window_data(window), "state": state}

    def _witness_data(self, size: int) -> Mapping[str, Any] | None:
        told = self.tell_witness
        if told is None:
            return None
        return {"region": told.witness, "behind": told.behind(size), "fault": told.fault or None}


def _sealed_data(entry: ChainEntry, manifest: Manifest | None, late: Set[str], window_s: int) -> dict[str, Any]:
    return {
        **_window_data(parse_window(entry.window, window_s)),
        "state": "late" if entry.window in late else "sealed",
        "correction": entry.correction,
        "sequence": entry.sequence,
        "manifest": entry.manifest.name,
        "rows": manifest.counts.lines if manifest else None,
        "differences": len(manifest.differences) if manifest else None,
    }


def _window_data(window: Window) -> dict[str, Any]:
    return {"window": window.name, "start": format_second(window.start_s), "end": format_second(window.end_s)}
