"""A rollout: every region opened, wave after wave promoted; or, whatever went wrong, every region taken back.

    open all -> [gate -> wave]* -> desired state -> close all              Succeeded
             \\-> stopped or failed, anywhere -> close all, as they were    RolledBack, or Failed where one is left

Nothing is waited for without looking at the clock and at what people have said. A breach anywhere ends the waiting
everywhere: the parent goes straight to the regions and closes the rollout there, and the children, which may be in
the middle of something, meet a closed rollout and end.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestrations.asking import (
    Answer,
    SideBySide,
    Steps,
    Waits,
    ask_until,
    fault_of,
    forget_early,
    text_of,
    wait_until,
)
from orchestrations.names import (
    CLOSE_ROLLOUT,
    FINISH_ROLLOUT,
    NOTE_TRANSITION,
    NUDGE,
    OPEN_ROLLOUT,
    READ_ORDERS,
    REGION_ROLLOUT,
    REGION_WATCH,
)
from orchestrations.region_looks import PROMOTED
from orchestrations.rollout_looks import STOPS, RolloutLooks, Stopped, Waiting
from rollouts.gates import gate_before
from rollouts.outcome import judge_rollback
from rollouts.phases import Event, Phase, next_phase
from rollouts.plan import OnFailure

WATCHED = ("generation", "first_generation", "since")
CLOSING_TRIES = 2
"""The first may be lost with its instance, and all the time of a rollback with it."""

FOR_EVER = timedelta(days=3650)
"""For what has to be written before the orchestration ends: it is purged then."""


@dataclass(slots=True)
class Opened:
    """A region under the rollout: what it served before, its newest generation that we know of, how many parts there
    were of it, and the answer of the one that promoted it."""

    stable: Mapping[str, Any]
    generation: int
    attempts: int = 0
    promoted: Answer | None = None


def rollout(context: Any) -> Generator[Any, Any, Answer]:
    """Answers {phase, reason}."""
    run = RolloutRun(context, context.get_input())
    if (yield from run.is_over()):  # an instance that has ended can be started again under its name
        return {"phase": "", "reason": "it was over before"}
    try:
        yield from run.advance()
        yield from run.complete()
    except Stopped as stopped:
        yield from run.take_back(stopped)
    return {"phase": run.phase.value, "reason": run.message}


class RolloutRun(RolloutLooks):
    """The course of a rollout."""

    def __init__(self, context: Any, order: Mapping[str, Any]) -> None:
        super().__init__(context, order)
        self._opened: dict[str, Opened] = {}
        self._parts = SideBySide({})
        self._regions = [region for wave in self._plan.waves for region in wave]
        self._nudge = context.wait_for_external_event(NUDGE)

    def is_over(self) -> Generator[Any, Any, bool]:
        """Whether this rollout came to its end in an earlier life, and what the regions served before it began."""
        order = {"rollout_id": self._order["id"]}
        until = self._context.current_utc_datetime + FOR_EVER
        answer = yield from ask_until(self._context, READ_ORDERS, order, self._pace, until)
        self._stables = answer.get("stables", {})
        return bool(answer.get("is_over"))

    def advance(self) -> Waiting:
        """Raises Stopped."""
        yield from self._tell(Event.STARTED, f"opens {len(self._regions)} regions")
        if "rescue" in self._order:
            raise Stopped(Event.FAILED, self._order["rescue"])
        yield from self._open(self._regions)
        for wave, regions in enumerate(self._plan.waves, start=1):
            self._wave = wave
            yield from self._pass_gate(wave)
            yield from self._hold()
            yield from self._tell(Event.ADVANCED, f"wave {wave} of {len(self._plan.waves)}: {', '.join(regions)}")
            yield from self._run_wave(regions)
        yield from self._hold()

    def complete(self) -> Waiting:
        """Every region is promoted: let this be the desired state, and close the rollout everywhere. Raises Stopped
        where somebody was quicker."""
        stable = self._opened[self._regions[0]].stable
        answer = yield from self._finish(Phase.SUCCEEDED, self._order["target"], stable, {})
        if "stopped" in answer:
            raise Stopped(Event.STOPPED, STOPS[answer["stopped"]])
        faults = yield from self._close(dict.fromkeys(self._regions), "promoted everywhere")
        left = [region for region, fault in faults.items() if fault is not None]
        note = f"; not closed yet: {', '.join(left)}" if left else ""
        yield from self._tell(Event.COMPLETED, f"every region serves it{note}", "finished", FOR_EVER)

    def take_back(self, stopped: Stopped) -> Waiting:
        """Close the rollout everywhere at once; what can't be reached is reported and holds nobody up."""
        self._gate = None
        noting = self._transition(stopped.event, stopped.reason, notice="rollback")
        before = {region: self._stables.get(region) for region in self._regions}
        faults = yield from self._close(before, stopped.reason, noting)
        event, message = judge_rollback(faults)
        phase = next_phase(self.phase, event)
        left = {region: before[region] for region, fault in faults.items() if fault is not None}
        yield from self._finish(phase, None, self._served_before, left)
        yield from self._tell(event, f"{stopped.reason}; {message}", "finished", FOR_EVER)

    def _open(self, regions: Sequence[str]) -> Waiting:
        """Have the releases stand under this rollout; what they served when it began is what they go back to."""
        opening = SideBySide({region: self._opening(region) for region in regions})
        while opening.tasks:
            yield from self._wait_a_slice(opening.tasks)
            for region in opening.go_on():
                _check(region, opening.answers[region])
        for region, answer in opening.answers.items():
            opened = self._opened.setdefault(region, Opened(answer["stable"], 0))
            opened.generation = answer["generation"]
        self._stables = {region: opened.stable for region, opened in self._opened.items()}

    def _opening(self, region: str) -> Waits:
        order = {
            **self._common(region),
            "reason": "opened",
            "valid_until": text_of(self._deadline),
            "change_id": self._id(region),
        }
        return wait_until(self._context, OPEN_ROLLOUT, order, self._pace, self._deadline)

    def _pass_gate(self, wave: int) -> Waiting:
        """Wait until somebody else than the starter approves."""
        gate = gate_before(self._plan, wave)
        if gate is None or self._is_approved(gate):  # before it is waited at, only by promoting in full
            return
        self._gate = gate
        timeout = timedelta(seconds=self._plan.approval.timeout_s)
        yield from self._tell(Event.GATE_REACHED, f"waits for approval of {gate}", "approval", timeout)
        until = self._context.current_utc_datetime + timeout
        while not self._is_approved(gate):
            if self._context.current_utc_datetime >= until:
                raise Stopped(Event.FAILED, f"nobody approved {gate} in time")
            yield from self._wait_a_slice([])
        self._gate = None

    def _is_approved(self, gate: str) -> bool:
        said = (self._orders.get(name, {}) for name in (f"approve-{gate}", "promoteFull"))
        return any(order.get("counts") for order in said)

    def _hold(self) -> Waiting:
        """Go no further while somebody has paused the rollout, or has to look at a region of it."""
        if self._parts.tasks:  # a region that is watched may have begun to ask since the last look
            while not (yield from self._look()):
                yield from self._wait_a_slice([])
        while self._halt:
            yield from self._wait_a_slice([])

    def _run_wave(self, regions: Sequence[str]) -> Waiting:
        for region in sorted(regions):
            self._parts.add(region, self._part(region))
        while any(self._opened[region].promoted is None for region in regions):
            yield from self._wait_a_slice([])

    def _settle(self) -> Waiting:
        """See to the regions whose part has ended: who is promoted is watched from then on. Raises Stopped."""
        for region in self._parts.go_on():
            try:
                self._opened[region].promoted = _check(region, self._parts.answers[region])
            except Stopped as stopped:
                if self._plan.on_failure is not OnFailure.PAUSE or self._is_late:
                    raise
                yield from self._wait_for_person(stopped.reason)
                yield from self._open([region])
            self._parts.add(region, self._part(region))

    def _wait_for_person(self, reason: str) -> Waiting:
        """The plan says to pause on a failure: somebody resumes, or aborts."""
        yield from self._tell(Event.PAUSED, f"failed, resume or abort: {reason}", notice="breach")
        seen = self._orders.get("resume", {}).get("at")
        while self._orders.get("resume", {}).get("at") == seen:
            yield from self._wait_a_slice([])
        yield from self._tell(Event.RESUMED, "somebody resumed")

    def _part(self, region: str) -> Waits:
        """What is to be done in a region now, its rollout or the watch over what was promoted; the result as it
        returns or as it was noted. A part that lost an activity with its instance returns only when that has come
        back, on Azure five minutes later."""
        opened = self._opened[region]
        opened.attempts += 1
        attempt = opened.attempts
        order = {
            **self._common(region),
            "target": self._target(region),
            "stable": opened.stable,
            "generation": opened.generation,
            "plan": self._order["plan"],
            "pace": self._order["pace"],
            "digest": self._order["digest"],
            "policy_digest": self._order["policy_digest"],
            "deadline": text_of(self._deadline),
            "attempt": attempt,
            "orders": self._orders,
        }
        name = REGION_ROLLOUT
        if opened.promoted is not None:
            name, order = REGION_WATCH, {**order, **{known: opened.promoted[known] for known in WATCHED}}
        task = self._context.call_sub_orchestrator(name, order, f"{self._id(region)}-{attempt}")
        while not task.is_completed:
            noted = self._results.get(region)
            if noted is not None and noted["attempt"] == attempt:
                return noted
            yield [task]
        return task.result

    def _wait_a_slice(self, tasks: list[Any]) -> Waiting:
        """Until a task or a region's part is done, somebody nudges, or a slice of time is over; then look, and settle
        what has ended. Raises Stopped."""
        awaited = [*tasks, *self._parts.tasks]
        won = yield from self._wait_beside([*awaited, self._nudge])
        if won == self._nudge:
            forget_early(self._context, NUDGE)
            self._nudge = self._context.wait_for_external_event(NUDGE)
        if won not in awaited:
            yield from self._look()
        yield from self._settle()

    def _close(
        self, stables: Mapping[str, Any], reason: str, noting: Mapping[str, Any] | None = None
    ) -> Generator[Any, Any, dict[str, str | None]]:
        """Close the rollout in every region at once; what went wrong in each, or None."""
        until = self._context.current_utc_datetime + timedelta(seconds=self._pace.rollback_s)
        waits: dict[str, Waits] = {}
        for region, stable in stables.items():
            order = {
                **self._common(region),
                "stable": stable,
                "reason": reason[:500],
                "change_id": f"{self._id(region)}/closed",
            }
            waits[region] = wait_until(self._context, CLOSE_ROLLOUT, order, self._pace, until, CLOSING_TRIES)
        if noting:
            waits[NOTE_TRANSITION] = wait_until(self._context, NOTE_TRANSITION, noting, self._pace, until)
        beside = SideBySide(waits)
        while beside.tasks:
            yield from self._wait_beside(beside.tasks)
            beside.go_on()
        faults = {region: fault_of(beside.answers[region]) for region in stables}
        return {region: fault["detail"] if fault else None for region, fault in faults.items()}

    def _finish(
        self,
        phase: Phase,
        target: Mapping[str, Any] | None,
        before: Mapping[str, Any] | None,
        left: Mapping[str, Any],
    ) -> Steps:
        """Let the next rollout begin, and on success let this be the desired state. It has to be written."""
        order = {
            "rollout_id": self._order["id"],
            "model": self._order["model"],
            "phase": phase.value,
            "target": target,
            "before": before,
            "left": left,
        }
        until = self._context.current_utc_datetime + FOR_EVER
        return (yield from ask_until(self._context, FINISH_ROLLOUT, order, self._pace, until))

    def _target(self, region: str) -> dict[str, Any]:
        """What a region is to serve: what the plan doesn't name stays."""
        stable = self._opened[region].stable
        return {"version": self._plan.version or stable["version"], "policy": self._plan.policy or stable["policy"]}

    @property
    def _served_before(self) -> Mapping[str, Any] | None:
        """What every region served before; None where they didn't all serve the same, or weren't all opened."""
        stables = [self._stables[region] for region in self._regions if region in self._stables]
        is_known = len(stables) == len(self._regions) and all(stable == stables[0] for stable in stables)
        return stables[0] if is_known else None


def _check(region: str, result: Any) -> Answer:
    """Raises Stopped where what was to be done in a region did not come to its end."""
    if not isinstance(result, Mapping):
        raise Stopped(Event.FAILED, f"{region}: failed by a fault of ours; the log says which")
    fault = fault_of(result)
    if fault is not None:
        raise Stopped(Event.FAILED, f"{region}: {fault['detail']}")
    if result.get("outcome", PROMOTED) != PROMOTED:
        raise Stopped(Event.FAILED, f"{region}: {result['reason']}")
    return result
