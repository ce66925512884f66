"""Everything the triggers call, composed once a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flows.compose_records import RecordRoom
from flows.deciding.decide_deals import DecideDeals
from flows.deciding.record_rejection import RecordRejection
from flows.deciding.score_golden import ScoreGolden
from flows.ports import Models, Policies
from flows.reference.activate_snapshot import ActivateSnapshot
from flows.reference.current_references import CurrentReferences
from flows.releasing.bring_version import BringVersion
from flows.releasing.change_release import ChangeRelease, ReadRelease
from flows.releasing.current_releases import CurrentReleases
from flows.releasing.read_metrics import ReadMetrics
from flows.rolling_out.control_room import ControlRoom
from flows.rolling_out.undo_version import UndoVersion
from flows.sealing.trail_room import TrailRoom
from scoring.model import Model
from scoring.release import Release


@dataclass(slots=True)
class Service:
    """The use cases of one region, and what they need in the background."""

    region: str
    default_model: str
    residencies: frozenset[str]
    models: Models
    policies: Policies
    releases: CurrentReleases
    references: CurrentReferences
    decide_deals: DecideDeals
    read_release: ReadRelease
    read_metrics: ReadMetrics
    change_release: ChangeRelease
    record_rejection: RecordRejection
    score_golden: ScoreGolden
    undo_version: UndoVersion
    versions: BringVersion
    records: RecordRoom
    activate_snapshot: ActivateSnapshot
    control: ControlRoom | None
    trail: TrailRoom
    _refreshing: asyncio.Task[None] | None = field(default=None, init=False)

    async def ensure_started(self) -> None:
        """Start the background refresh, once a process; cheap afterwards."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh_forever())

    async def stop(self) -> None:
        """End the background refresh and wait for it."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait({self._refreshing})

    async def _refresh_forever(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.releases.refresh_forever())
            group.create_task(self.references.refresh_forever())
            group.create_task(self.trail.health.refresh_forever())

    def readiness(self) -> Sequence[str]:
        """What the region still waits for, from memory alone; empty: ready."""
        release = self.releases.known(self.default_model)
        if release is None:
            lack = self.releases.find_lack(self.default_model)
            return [lack or f"the release of {self.default_model} has not been read yet"]
        model = self.models.find(release.model, release.stable.version)
        if model is None:
            return [f"{release.model} {release.stable.version} is not loaded"]
        if self.policies.find(release.stable.policy) is None:
            return [f"policy {release.stable.policy} is not loaded"]
        if not self.references.is_tried(model):
            return [f"the reference datasets of {release.model} {release.stable.version} are being loaded"]
        return []

    def degradation(self) -> Sequence[str]:
        """What keeps the region from deciding, or its trail from being kept, as well as it should, from memory alone;
        empty: nothing."""
        served = dict.fromkeys(model for release in self.releases.all_known() for model in self._serving(release))
        faults = [fault for model in served for fault in self.references.find_faults(model)]
        return [*self.releases.find_faults(), *faults, *self.trail.health.faults()]

    def _serving(self, release: Release) -> Iterator[Model]:
        """The versions that judge deals now: stable, and the candidate where there is one."""
        for target in filter(None, (release.stable, release.candidate)):
            model = self.models.find(release.model, target.version)
            if model is not None:
                yield model
