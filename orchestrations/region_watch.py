"""A promoted region while the rollout goes on elsewhere: looked at until the rollout is closed there.

A breach ends the watch, and with it the rollout. Where a person is to look, the region says so and the rollout goes
no further than the wave it is in. At its end the rollout is closed in the region, which ends the watch too.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from orchestrations.asking import Answer
from orchestrations.region_looks import SUPERSEDED, Ended, RegionLooks, Waiting
from rollouts.decisions import AskPerson


def region_watch(context: Any) -> Generator[Any, Any, Answer]:
    """Answers what `region_rollout` does, never `promoted`; notes it where it failed."""
    watch = RegionWatch(context, context.get_input())
    ended = yield from watch.run()
    if ended.how == SUPERSEDED:  # as a rule, because the rollout has ended
        return watch.result(ended)
    return (yield from watch.end(ended))


class RegionWatch(RegionLooks):
    """The looks after the promotion."""

    def run(self) -> Generator[Any, Any, Ended]:
        """How it ended."""
        self._weight = 100
        self._stage, self._message = "Promoted", "serves it, and is watched until the rollout ends"
        try:
            while True:
                yield from self._watch()
        except Ended as ended:
            return ended

    def _watch(self) -> Waiting:
        """Look once, and sleep. Raises Ended."""
        judgement = yield from self._look()
        decision = yield from self._decide(judgement, is_step=False)
        if isinstance(decision, AskPerson):
            yield from self._wait_for_person(decision.reason)
            self._stage = "Promoted"
        yield from self._sleep()
