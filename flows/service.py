"""Everything the triggers call, composed once a process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.bring_version import BringVersion
from flows.change_release import ChangeRelease, ReadRelease
from flows.control_room import ControlRoom
from flows.current_releases import CurrentReleases
from flows.decide_deals import DecideDeals
from flows.ports import Models, Policies
from flows.read_decision import ReadDecision
from flows.read_metrics import ReadMetrics
from flows.record_label import RecordLabel
from flows.record_rejection import RecordRejection
from flows.record_review import RecordReview
from flows.score_golden import ScoreGolden
from flows.undo_version import UndoVersion


@dataclass(slots=True)
class Service:
    """The use cases of one region, and what they need in the background."""

    region: str
    default_model: str
    residencies: frozenset[str]
    models: Models
    policies: Policies
    releases: CurrentReleases
    decide_deals: DecideDeals
    read_decision: ReadDecision
    record_label: RecordLabel
    record_review: RecordReview
    read_release: ReadRelease
    read_metrics: ReadMetrics
    change_release: ChangeRelease
    record_rejection: RecordRejection
    score_golden: ScoreGolden
    undo_version: UndoVersion
    versions: BringVersion
    control: ControlRoom | None
    _refreshing: asyncio.Task[None] | None = field(default=None, init=False)

    async def ensure_started(self) -> None:
        """Start the background refresh, once a process; cheap afterwards."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self.releases.refresh_forever())

    async def stop(self) -> None:
        """End the background refresh and wait for it."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait({self._refreshing})

    def readiness(self) -> Sequence[str]:
        """What the region still waits for, from memory alone; empty: ready."""
        release = self.releases.known(self.default_model)
        if release is None:
            return [f"the release of {self.default_model} has not been read yet"]
        if self.models.find(release.model, release.stable.version) is None:
            return [f"{release.model} {release.stable.version} is not loaded"]
        if self.policies.find(release.stable.policy) is None:
            return [f"policy {release.stable.policy} is not loaded"]
        return []
