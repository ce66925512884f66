"""A region's audit trail, composed once a process: what the timer starts, what the orchestrations ask, what people see.

Orders and answers are JSON values, as they go through orchestrations.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from audit.chain import InvalidEntry
from audit.counters import Counters
from audit.feature_counts import FeatureCounts
from audit.manifests import InvalidManifest, LaneEntry
from audit.segments import FileEntry
from audit.windows import parse_window
from flows.errors import StorageFailed
from flows.ports import Clock, EngineFailed
from flows.privacy.finish_erasures import FinishErasures
from flows.sealing.chain_log import ChainLog
from flows.sealing.current_trail_health import CurrentTrailHealth
from flows.sealing.publish_schemas import PublishSchemas
from flows.sealing.purge_ledger import PurgeLedger
from flows.sealing.read_exports import ReadExports
from flows.sealing.seal_lane import SealedLane, SealLane
from flows.sealing.seal_window import Due, SealWindow
from flows.sealing.watch_trail import WatchTrail
from flows.sealing.witness import KeepCheckpoint, TellWitness
from flows.trail_ports import VaultFailed

Document = Mapping[str, Any]
FAULTS = (StorageFailed, VaultFailed, EngineFailed, InvalidEntry, InvalidManifest)
"""What the room raises where storage, vault or engine don't answer, or the lake holds something else than it should."""

logger = logging.getLogger("vouch.trail")


class Sealing(Protocol):
    """What runs the orchestration that seals a window."""

    async def start(self, client: Any, instance: str, order: Mapping[str, Any]) -> bool:
        """Start it unless it is under way; whether it was started. Raises EngineFailed."""

    async def purge(self, client: Any, until: datetime) -> int:
        """Delete the histories of what began before a time and has ended; how many. Raises EngineFailed."""


@dataclass(frozen=True, slots=True)
class TrailRoom:
    """`pace` is how patient an orchestration is, in seconds (`orchestrations.asking.Pace`). `keep_history_s` is
    how long the engine's history of an ended one is kept, counted from its start; None: control's timer deletes them,
    once it has looked at rollouts."""

    window_s: int
    chain: ChainLog
    seal: SealWindow
    lane: SealLane
    exports: ReadExports
    tell_witness: TellWitness | None
    keep_checkpoint: KeepCheckpoint
    schemas: PublishSchemas
    watch: WatchTrail
    health: CurrentTrailHealth
    purge: PurgeLedger
    sealing: Sealing
    pace: Mapping[str, float]
    keep_history_s: float | None
    clock: Clock
    finish_erasures: FinishErasures

    async def tick(self, client: Any) -> None:
        """What the timer does: start what is due, delete old histories, carry on with erasures, tell the witness, lay
        the schemas, and leave a note of how the trail is. Raises one of FAULTS."""
        due = await self.seal.due()
        for one in due:
            await self.start(client, one)
        await self._purge_histories(client)
        await self.finish_erasures()
        if self.tell_witness is not None:
            await self.tell_witness()
        await self.schemas()
        await self.watch(due)

    async def start(self, client: Any, due: Due) -> bool:
        """Start sealing a window unless that is under way; whether it was started. Raises EngineFailed."""
        started = await self.sealing.start(client, instance_of(due), {**due_data(due), "pace": dict(self.pace)})
        if started:
            logger.info("Sealing of window %s has started (correction %d).", due.window.name, due.correction)
        return started

    async def _purge_histories(self, client: Any) -> None:
        if self.keep_history_s is None:
            return
        try:
            await self.sealing.purge(client, self.clock.now() - timedelta(seconds=self.keep_history_s))
        except EngineFailed as error:
            logger.warning("Old histories were not deleted: %s. It is tried again at the next turn.", error)

    async def fence(self, order: Document) -> Document:
        """`{window, correction}` to `{lanes}`."""
        return {"lanes": [msgspec.to_builtins(lane) for lane in await self.seal.fence(self._due(order))]}

    async def seal_lane(self, order: Document) -> Document:
        """`{window, correction, lane, types}` to what became of the lane."""
        return sealed_data(await self.lane(self._due(order).window, order["lane"], order["types"]))

    async def finish(self, order: Document) -> Document:
        """`{window, correction, lanes, sealed}` to the manifest, committed."""
        due = self._due(order)
        lanes = msgspec.convert(order["lanes"], list[LaneEntry])
        name = await self.seal.write_manifest(due, lanes, [read_sealed(sealed) for sealed in order["sealed"]])
        await self.seal.commit(due)
        return {**due_data(due), "lanes": len(lanes), "manifest": name}

    def _due(self, order: Document) -> Due:
        return Due(parse_window(order["window"], self.window_s), order["correction"])


def instance_of(due: Due) -> str:
    """The id of the orchestration that seals it."""
    return f"seal-{due.window.name}" + (f"-c{due.correction:02}" if due.correction else "")


def due_data(due: Due) -> dict[str, Any]:
    return {"window": due.window.name, "correction": due.correction}


def sealed_data(sealed: SealedLane) -> dict[str, Any]:
    return {
        "lane": sealed.lane,
        "rows": sealed.rows,
        "damaged": sealed.damaged,
        "files": [msgspec.to_builtins(file) for file in sealed.files],
        "counters": sealed.counters.to_json(),
        "features": sealed.features.to_json(),
    }


def read_sealed(value: Document) -> SealedLane:
    """The reverse."""
    return SealedLane(
        lane=value["lane"],
        rows=value["rows"],
        damaged=value["damaged"],
        files=msgspec.convert(value["files"], list[FileEntry]),
        counters=Counters.from_json(value["counters"]),
        features=FeatureCounts.from_json(value["features"]),
    )
