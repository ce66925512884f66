"""The releases this instance serves by, kept in memory and refreshed in the background.

A release older than `MAX_AGE_S` is read again before it is used, waiting `READ_WAIT_S` at most; failing that the
last known one serves and says that it is stale. Where storage says that there is no row yet, the region's initial
release is written insert-only, so that a new region comes up by itself.

A release is obeyed only once what it names is in memory, and the tables that it looks into have been tried, so that
no deal ever waits for a version: until then the last known one serves. A candidate that can't be loaded is none; a
stable version that can't be leaves things as they were. What no release names any more is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flows.errors import NotFound, NotReady, StorageFailed, Superseded
from flows.ports import Clock, Models, Policies, ReleaseStore
from flows.reference.current_references import CurrentReferences
from scoring.bundle import InvalidBundle
from scoring.policy import InvalidPolicy
from scoring.release import Release, Target

MAX_AGE_S = 10.0
REFRESH_S = 5.0
READ_WAIT_S = 0.2

logger = logging.getLogger("vouch.releases")


@dataclass(frozen=True, slots=True)
class Serving:
    """A release and whether it is older than it should be."""

    release: Release
    stale: bool


@dataclass(frozen=True, slots=True)
class _Known:
    release: Release | None
    read_at: float


class CurrentReleases:
    """`initial` holds, by model, the release of a region that has never had one; `references` are what versions look
    into."""

    def __init__(
        self,
        store: ReleaseStore,
        clock: Clock,
        initial: Mapping[str, Release],
        models: Models,
        policies: Policies,
        references: CurrentReferences,
    ) -> None:
        self._store = store
        self._models = models
        self._policies = policies
        self._clock = clock
        self._references = references
        self._initial = initial
        self._known: dict[str, _Known] = {}
        self._reads: dict[str, asyncio.Task[None]] = {}
        self._lacks: dict[str, str] = {}

    def known(self, model: str) -> Release | None:
        """What is in memory, however old."""
        known = self._known.get(model)
        return known.release if known else None

    def all_known(self) -> list[Release]:
        """Every release in memory, however old."""
        return [known.release for known in self._known.values() if known.release]

    def find_faults(self) -> Iterator[str]:
        """What keeps releases in memory from being the newest, or from being obeyed."""
        for release in self.all_known():
            if lack := self._lacks.get(release.model):
                yield lack
            elif self.is_stale(release.model):
                yield f"the release of {release.model} can't be read anew; the last known one serves"

    def find_lack(self, model: str) -> str | None:
        """What the newest release names that can't be loaded; None: nothing."""
        return self._lacks.get(model)

    def is_stale(self, model: str) -> bool:
        known = self._known.get(model)
        return known is None or self._clock.monotonic() - known.read_at > MAX_AGE_S

    async def current(self, model: str) -> Serving:
        """The release to serve by. Raises NotFound (no release of that model) or NotReady (none can be read)."""
        if self.is_stale(model):
            await asyncio.wait({self._start_read(model)}, timeout=READ_WAIT_S)
        known = self._known.get(model)
        if known is None:
            raise NotReady([self._lacks.get(model, f"the release of {model} can't be read")])
        if known.release is None:
            raise NotFound("release")
        return Serving(known.release, self.is_stale(model))

    async def refresh_forever(self) -> None:
        """Refresh every known model, every `REFRESH_S`; ends only by cancellation."""
        while True:
            for model in {*self._initial, *self._known}:
                await asyncio.wait({self._start_read(model)})
            await asyncio.sleep(REFRESH_S)

    def adopt(self, release: Release) -> None:
        """Serve by a release just written."""
        known = self.known(release.model)
        if known is None or known.generation <= release.generation:
            self._known[release.model] = _Known(release, self._clock.monotonic())
            self._models.keep_only(self._named())

    def _start_read(self, model: str) -> asyncio.Task[None]:
        """One read a model at a time, shared by all who wait for it."""
        task = self._reads.get(model)
        if task is None or task.done():
            task = self._reads[model] = asyncio.create_task(self._read(model))
        return task

    async def _read(self, model: str) -> None:
        started = self._clock.monotonic()
        try:
            release = await self._store.read(model) or await self.create_initial(model)
        except StorageFailed as error:
            logger.warning("The release of %s could not be read (%s); the last known one serves.", model, error)
            return
        except Exception:
            # A background boundary: a fault of ours must not end the refresh in silence.
            logger.exception(
                "The release of %s could not be read by a fault of ours; the last known one serves.", model
            )
            return
        if release is None:
            self._known[model] = _Known(None, started)
        elif await self._prepare(release):
            self.adopt(release)
            self._known[model] = _Known(self.known(model), started)

    async def _prepare(self, release: Release) -> bool:
        """Bring into memory what a release names; whether stable can be served."""
        lacks = []
        if release.candidate is not None and not await self._can_serve(release.model, release.candidate):
            lacks.append(_describe_lack(release.model, release.candidate, "stable answers"))
        can_serve = await self._can_serve(release.model, release.stable)
        if not can_serve:
            instead = "the last known one serves" if self.known(release.model) else "nothing serves"
            lacks.append(_describe_lack(release.model, release.stable, instead))
        self._lacks.pop(release.model, None)
        for lack in lacks:
            logger.error(lack)
            self._lacks[release.model] = lack
        return can_serve

    async def _can_serve(self, model: str, target: Target) -> bool:
        try:
            version = await self._models.load(model, target.version)
            policy = await self._policies.load(target.policy)
            if version is not None and self.known(model) is not None:
                await self._references.tables_for(version.datasets)  # the first release of an instance can't wait
        except (StorageFailed, InvalidBundle, InvalidPolicy):
            logger.exception("%s %s with %s could not be loaded.", model, target.version, target.policy)
            return False
        return version is not None and policy is not None

    def _named(self) -> set[tuple[str, str]]:
        """Every version that a release names."""
        targets = [(r.model, t) for r in self.all_known() for t in (r.stable, r.candidate, r.previous) if t]
        return {(model, target.version) for model, target in targets}

    async def create_initial(self, model: str) -> Release | None:
        """The release of a region that never had one, written; None where there is none for the model. Raises
        StorageFailed."""
        initial = self._initial.get(model)
        if initial is None:
            return None
        try:
            await self._store.create(initial)
        except Superseded:
            return await self._store.read(model)
        return initial


def _describe_lack(model: str, target: Target, instead: str) -> str:
    named = f"{model} {target.version} with {target.policy}, which its release names, can't be loaded"
    return f"{named}, and {instead}: pull what lacks into this region or release another version"
