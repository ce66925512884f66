"""Look after the trail's health: gather the facts, decide, and leave a note that every instance reads.

Manifests are looked at once, as the chain grows; a window whose counts differ stays noted for as long as its rows lie
in the ledger, which is until somebody has looked at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from audit.manifests import InvalidManifest, read_manifest
from audit.windows import parse_window
from flows.ports import Clock, Lake
from flows.sealing.chain_log import ChainLog
from flows.sealing.publish_schemas import PublishSchemas
from flows.sealing.seal_window import Due, SealWindow
from flows.sealing.trail_health import TrailFacts, decide_health
from flows.sealing.trail_notes import HEALTH, PURGE, TrailNotes
from flows.sealing.witness import TellWitness
from flows.times import format_time
from flows.trail_ports import Lanes

ENTRIES_AT_ONCE, MOST_NOTED = 200, 200


class WatchTrail:
    """`tell_witness` None: the region has no witness. What that and `schemas` ran into is told too."""

    def __init__(
        self, window_s: int, chain: ChainLog, lake: Lake, lanes: Lanes, seal: SealWindow,
        tell_witness: TellWitness | None, schemas: PublishSchemas, notes: TrailNotes, clock: Clock,
    ) -> None:  # fmt: skip
        self._window_s = window_s
        self._chain = chain
        self._lake = lake
        self._lanes = lanes
        self._seal = seal
        self._tell_witness = tell_witness
        self._schemas = schemas
        self._notes = notes
        self._clock = clock

    async def __call__(self, due: Sequence[Due]) -> Mapping[str, Any]:
        """The note that was left; `due` is what is to be sealed now. Raises StorageFailed or InvalidEntry."""
        before, purge = await self._notes.read(HEALTH), await self._notes.read(PURGE)
        looked_until, differences, unreadable = await self._look(before)
        waiting, lag_s = await self._lag()
        facts = TrailFacts(
            waiting=waiting,
            lag_s=lag_s,
            differences=differences,
            unreadable=unreadable,
            late=[one.window.name for one in due if one.correction],
            witness_fault=self._tell_witness.fault if self._tell_witness else "",
            schema_fault=self._schemas.fault,
            kept={window: str(kept["reason"]) for window, kept in purge.get("kept", {}).items()},
            kept_windows=int(purge.get("kept_windows", 0)),
            purge_faults=list(purge.get("faults", ())),
        )
        health = decide_health(facts)
        note = {
            "at": format_time(self._clock.now()),
            **asdict(health),
            "looked_until": looked_until,
            "differences": differences,
            "unreadable": unreadable,
        }
        await self._notes.write(HEALTH, note)
        return note

    async def _look(self, before: Mapping[str, Any]) -> tuple[int, dict[str, int], list[str]]:
        """Look at the manifests that the chain has grown by: up to which entry, the differences by window, and what
        can't be read."""
        looked_until = int(before.get("looked_until", -1))
        noted: dict[str, int] = before.get("differences", {})
        differences = {window: count for window, count in noted.items() if await self._is_in_ledger(window)}
        names: list[str] = before.get("unreadable", [])
        unreadable = [name for name in names if await self._count_differences(name) is None]
        for sequence in range(looked_until + 1, looked_until + 1 + ENTRIES_AT_ONCE):
            entry = await self._chain.entry(sequence) if len(differences) + len(unreadable) < MOST_NOTED else None
            if entry is None:
                break
            looked_until = sequence
            count = await self._count_differences(entry.manifest.name)
            if count is None:
                unreadable.append(entry.manifest.name)
            elif count:
                differences[entry.window] = differences.get(entry.window, 0) + count
        return looked_until, differences, unreadable

    async def _count_differences(self, manifest: str) -> int | None:
        """None: it can't be read."""
        content = await self._lake.read(manifest)
        try:
            return None if content is None else len(read_manifest(content).differences)
        except InvalidManifest:
            return None

    async def _is_in_ledger(self, name: str) -> bool:
        window = parse_window(name, self._window_s)
        return bool(await self._lanes.registered(window, window))

    async def _lag(self) -> tuple[int, float]:
        """How many windows are over and not in the chain, and the seconds since the last one that is has ended."""
        last, now = await self._chain.last_window(), self._clock.now().timestamp()
        first = await self._seal.first_window() if last is None else None
        done_until = last.end_s if last else first.start_s if first else None
        if done_until is None:
            return 0, 0.0
        return self._seal.count_closed(done_until), max(0.0, now - done_until)
