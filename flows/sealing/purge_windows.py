"""Purge the ledger: rows leave it once their window is past retention and proven to lie whole in the lake.

    registered --past retention--> read back from the lake --proven--> lanes deleted, their rows of the registry last
                                                           --not---> kept, and said why

Windows go oldest first, one at a time; a run begins no window after its time is over. A run that was killed, or runs
twice at once, does no harm: what is left of a lane is proven again before it is deleted.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from audit.windows import Window, window_of
from flows.ports import Clock
from flows.sealing.committed_manifests import NotProven
from flows.sealing.prove_window import ProveWindow
from flows.trail_ports import Lanes, RegisteredLane

WINDOWS_AT_ONCE = 1_000
RUN_S = 240.0

logger = logging.getLogger("vouch.trail")


@dataclass(slots=True)
class Purged:
    """What a run did: the windows whose rows it deleted, and why it kept others, by window. `is_done`: it looked at
    every window past retention."""

    windows: list[str] = field(default_factory=list)
    kept: dict[str, Mapping[str, str]] = field(default_factory=dict)
    is_done: bool = True


class PurgeWindows:
    """`prove` makes what proves the windows of one run. `retention_s` counts from a window's end."""

    def __init__(
        self, lanes: Lanes, prove: Callable[[], ProveWindow], clock: Clock, window_s: int, retention_s: float
    ) -> None:
        self._lanes = lanes
        self._prove = prove
        self._clock = clock
        self._window_s = window_s
        self._retention_s = retention_s

    async def __call__(self) -> Purged:
        """Purge what can be. Raises StorageFailed; what was purged until then stays so."""
        purged, prove, started = Purged(), self._prove(), self._clock.monotonic()
        async for window, lanes in self._past_retention():
            if self._clock.monotonic() - started >= RUN_S:
                purged.is_done = False
                break
            try:
                await prove(window, lanes)
            except NotProven as error:
                logger.error("Window %s is not purged (%s): %s.", window.name, error.reason, error)  # noqa: TRY400
                purged.kept[window.name] = {"reason": error.reason.value, "detail": str(error)}
                continue
            for lane in lanes:
                await self._lanes.delete(window, lane)
            purged.windows.append(window.name)
        if purged.windows:
            logger.info("%d windows of the ledger were purged, up to %s.", len(purged.windows), purged.windows[-1])
        return purged

    async def _past_retention(self) -> AsyncIterator[tuple[Window, Sequence[str]]]:
        """The windows that are past retention and have lanes, oldest first."""
        first, end = await self._lanes.oldest(), self._end()
        while first is not None and first < end:
            last = min(Window(end.start_s - self._window_s, self._window_s), self._after(first, WINDOWS_AT_ONCE - 1))
            registered = await self._lanes.registered(first, last)
            for window, lanes in groupby(registered, key=_window):
                yield window, [lane.lane for lane in lanes]
            first = self._after(last, 1)

    def _end(self) -> Window:
        """The first window that is not past retention."""
        past = self._clock.now().timestamp() - self._retention_s
        return window_of(int(past * 1000), self._window_s)

    def _after(self, window: Window, count: int) -> Window:
        return Window(window.start_s + count * self._window_s, self._window_s)


def _window(lane: RegisteredLane) -> Window:
    return lane.window
