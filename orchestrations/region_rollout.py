"""One region's part of a rollout: bring the version there, show it deals, look at what it does, promote it.

    pull -> [shadow | weight -> analysis | pause]* -> bake -> promote

Every exposure is under a lease that each look renews (`region_looks`): when control is gone, stable serves again by
itself. From one exposure to the next, and to the promotion, only a `Successful` verdict over that exposure leads.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from orchestrations.asking import Answer
from orchestrations.names import PULL_VERSION, SET_RELEASE
from orchestrations.region_looks import PROMOTED, Ended, RegionLooks, Waiting
from rollouts.decisions import AskPerson, Hold, Proceed
from rollouts.plan import Analysis, Pause, SetWeight, Shadow, Step


def region_rollout(context: Any) -> Generator[Any, Any, Answer]:
    """Answers {region, attempt, outcome: promoted | failed | superseded, reason, generation, first_generation, since};
    notes the same, for a parent that would wait for it too long."""
    part = RegionPart(context, context.get_input())
    try:
        yield from part.run()
        ended = Ended(PROMOTED, f"serves {part.target_name}")
    except Ended as error:
        ended = error
    return (yield from part.end(ended))


class RegionPart(RegionLooks):
    """The way to the promotion. Every method raises Ended where it ends before."""

    _is_verified = False

    def run(self) -> Waiting:
        yield from self.tell("Pulling", f"fetches and verifies {self.target_name}")
        yield from self._ask(
            PULL_VERSION, {"digest": self._order["digest"], "policy_digest": self._order["policy_digest"]}
        )
        for index, step in enumerate(self._plan.steps):
            self._step = index
            yield from self._hold_while_paused()
            if self._is_in_full and self._is_verified:
                break
            yield from self._take(step)
        yield from self._finish()

    def _take(self, step: Step) -> Waiting:
        match step:
            case Shadow(share):
                yield from self._expose(self._weight, share)
            case SetWeight(weight):
                yield from self._expose(weight, self._shadow_share)
            case Pause(duration_s):
                yield from self._linger("Paused", duration_s)
            case Analysis():
                yield from self._analyse()

    def _finish(self) -> Waiting:
        """Bake at full weight, then promote; never without a verdict on this very exposure."""
        if self._weight < 100:
            yield from self._expose(100, self._shadow_share)
        if not self._is_verified:
            yield from self._analyse()
        yield from self._linger("Baking", self._plan.bake_s)
        yield from self._hold_while_paused()
        yield from self._set(self._order["target"], None, 0, 0.0)
        self._weight, self._shadow_share = 100, 0.0

    def _expose(self, weight: int, shadow_share: float) -> Waiting:
        """Show the candidate more deals; from one exposure to the next a verdict is needed."""
        if (self._weight or self._shadow_share) and not self._is_verified:
            yield from self._analyse()
        yield from self._set(self._order["stable"], self._order["target"], weight, shadow_share)
        self._weight, self._shadow_share, self._is_verified = weight, shadow_share, False
        yield from self.tell("Exposing", self._exposure)

    def _analyse(self) -> Waiting:
        """Look until the verdict is `Successful`."""
        yield from self.tell("Analysing", self._exposure)
        self._golden = None
        while True:
            judgement = yield from self._look()
            decision = yield from self._decide(judgement, is_step=True)
            if isinstance(decision, Proceed):
                self._is_verified = True
                yield from self.tell("Analysed", self._basis, self.last_judgement)
                return
            if isinstance(decision, AskPerson):
                yield from self._wait_for_person(decision.reason)
                continue
            if isinstance(decision, Hold):
                yield from self.tell("Analysing", decision.reason, self.last_judgement, once=True)
            yield from self._sleep()

    def _linger(self, what: str, duration_s: float | None) -> Waiting:
        """Stay, and go on looking; without a duration, until somebody resumes."""
        yield from self.tell(what, f"for {duration_s:g} s" if duration_s else "until somebody resumes")
        until = self._context.current_utc_datetime + timedelta(seconds=duration_s or 0.0)
        seen = self._resumed
        while True:
            judgement = yield from self._look()
            decision = yield from self._decide(judgement, is_step=False)
            if isinstance(decision, AskPerson):
                yield from self._wait_for_person(decision.reason)
                continue
            is_over = self._resumed != seen if duration_s is None else self._context.current_utc_datetime >= until
            if isinstance(decision, Proceed) and (is_over or self._is_in_full):
                return
            yield from self._sleep(until if duration_s else None)

    def _hold_while_paused(self) -> Waiting:
        is_told = False
        while "pause" in self._orders:
            if not is_told:
                yield from self.tell("Paused", "somebody paused")
                is_told = True
            judgement = yield from self._look()
            decision = yield from self._decide(judgement, is_step=False)
            if isinstance(decision, AskPerson):
                yield from self._wait_for_person(decision.reason)
            yield from self._sleep()

    def _set(self, stable: Answer, candidate: Answer | None, weight: int, shadow_share: float) -> Waiting:
        change = {
            "stable": stable,
            "candidate": candidate,
            "weight": weight,
            "shadow_share": shadow_share,
            "reason": f"step {self._step + 1} of {len(self._plan.steps)}",
            "change_id": f"{self._order['rollout_id']}/{self.region}/{self._order['attempt']}/{self.generation}",
        }
        answer = yield from self._ask(SET_RELEASE, change)
        self.generation = answer["generation"]

    @property
    def _basis(self) -> str:
        """What the verdict that lets it go on is based on."""
        judgement = self.last_judgement
        assert judgement is not None
        details = dict.fromkeys(measurement.detail for measurement in judgement.measurements)
        whose = "the golden set: " if judgement is self._golden else ""
        return f"{whose}{judgement.verdict}: {', '.join(details)}"

    @property
    def _exposure(self) -> str:
        looks_on = f", looks on {self._shadow_share * 100:g} % of the others" if self._shadow_share else ""
        return f"answers {self._weight} % of deals{looks_on}"

    @property
    def target_name(self) -> str:
        return f"{self._order['model']} {self._order['target']['version']} with {self._order['target']['policy']}"

    @property
    def _is_in_full(self) -> bool:
        return bool(self._orders.get("promoteFull", {}).get("counts"))
