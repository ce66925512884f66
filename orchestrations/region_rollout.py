"""One region's part of a rollout: bring the version there, show it deals, look at what it does, promote it.

    pull -> [shadow | weight -> analysis | pause]* -> bake -> promote

Every exposure is under a lease that each look renews: when control is gone, stable serves again by itself. What a
look finds, the rules judge (`rollouts`); what they decide is obeyed here. The orchestrator never asks the region
which generation stands: it goes on from the one that its own last change made, so that whoever changed the release
since (a person, an undo, the rollback of this very rollout) ends it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrations.asking import Answer, Pace, Steps, ask_once, ask_until, fault_of, text_of
from orchestrations.names import NOTE_TRANSITION, PULL_VERSION, RUN_SYNTHETIC, SET_RELEASE, WATCH_REGION
from rollouts.decisions import AskPerson, Hold, Proceed, RollBack, RunSynthetic, decide_after_analysis
from rollouts.plan import Analysis, MetricRule, Pause, Plan, SetWeight, Shadow, Step, read_plan, step_data
from rollouts.readings import InvalidReading, parse_reading
from rollouts.verdicts import Judgement, Verdict, judge_metrics, judgement_data, synthetic_rules

PROMOTED, FAILED, SUPERSEDED = "promoted", "failed", "superseded"
ENDS = {PROMOTED: "Promoted", FAILED: "Failed", SUPERSEDED: "Stopped"}


@dataclass(frozen=True, slots=True)
class Ended(Exception):
    """The region's part is over without a promotion: how, and why."""

    how: str
    reason: str


def region_rollout(context: Any) -> Generator[Any, Any, Answer]:
    """Answers {region, attempt, outcome: promoted | failed | superseded, reason, generation}; notes the same, for a
    parent that would wait for it too long."""
    part = RegionPart(context, context.get_input())
    try:
        yield from part.run()
        ended = Ended(PROMOTED, f"serves {part.target_name}")
    except Ended as error:
        ended = error
    return (yield from part.end(ended))


class RegionPart:
    """The state of one region's part, rebuilt by every replay."""

    def __init__(self, context: Any, order: Mapping[str, Any]) -> None:
        self._context = context
        self._order = order
        self.region: str = order["region"]
        self.generation: int = order["generation"]
        self._first_generation = self.generation
        self._plan: Plan = read_plan(order["plan"])
        self._pace = Pace(**order["pace"])
        self._deadline = datetime.fromisoformat(order["deadline"])
        self._since: datetime = context.current_utc_datetime
        self._seq = int(order["attempt"]) * 10_000
        self._step = 0
        self._weight = 0
        self._shadow_share = 0.0
        self._errors_in_a_row = 0
        self._is_verified = False
        self._orders: Mapping[str, Any] = {}
        self.last_judgement: Judgement | None = None
        self._result: dict[str, Any] | None = None

    def run(self) -> Generator[Any, Any, None]:
        """Raises Ended."""
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

    def end(self, ended: Ended) -> Steps:
        """Note how it ended, and answer that."""
        self._result = {
            "region": self.region,
            "attempt": self._order["attempt"],
            "outcome": ended.how,
            "reason": ended.reason,
            "generation": self.generation,
        }
        yield from self.tell(ENDS[ended.how], ended.reason, self.last_judgement)
        return self._result

    def _take(self, step: Step) -> Generator[Any, Any, None]:
        match step:
            case Shadow(share):
                yield from self._expose(self._weight, share)
            case SetWeight(weight):
                yield from self._expose(weight, self._shadow_share)
            case Pause(duration_s):
                yield from self._linger("Paused", duration_s)
            case Analysis():
                yield from self._analyse()

    def _finish(self) -> Generator[Any, Any, None]:
        """Bake at full weight, then promote; never without a verdict on this very exposure."""
        if self._weight < 100:
            yield from self._expose(100, self._shadow_share)
        if not self._is_verified:
            yield from self._analyse()
        yield from self._linger("Baking", self._plan.bake_s)
        yield from self._hold_while_paused()
        if not self._is_verified:
            yield from self._analyse()
        yield from self._set(self._order["target"], None, 0, 0.0)
        self._weight = 100

    def _expose(self, weight: int, shadow_share: float) -> Generator[Any, Any, None]:
        """Show the candidate more deals; from one exposure to the next a verdict is needed."""
        if (self._weight or self._shadow_share) and not self._is_verified:
            yield from self._analyse()
        yield from self._set(self._order["stable"], self._order["target"], weight, shadow_share)
        self._weight, self._shadow_share, self._is_verified = weight, shadow_share, False
        yield from self.tell("Exposing", self._exposure)

    def _analyse(self) -> Generator[Any, Any, None]:
        """Look until the verdict is `Successful`. Raises Ended where it is `Failed`, or at the deadline."""
        yield from self.tell("Analysing", self._exposure)
        asked: str | None = None
        while True:
            judgement = yield from self._look()
            decision = yield from self._decide(judgement, is_step=True)
            if isinstance(decision, Proceed):
                self._is_verified = True
                yield from self.tell("Analysed", decision_reason(judgement), judgement)
                return
            if isinstance(decision, AskPerson):
                asked = yield from self._wait_for_person(decision.reason, asked)
                continue
            if isinstance(decision, Hold):
                yield from self.tell("Analysing", decision.reason, judgement, once=True)
            yield from self._sleep()

    def _linger(self, what: str, duration_s: float | None) -> Generator[Any, Any, None]:
        """Stay, and go on looking; without a duration, until somebody resumes."""
        yield from self.tell(what, f"for {duration_s:g} s" if duration_s else "until somebody resumes")
        until = self._context.current_utc_datetime + timedelta(seconds=duration_s or 0.0)
        seen = self._resumed
        asked: str | None = None
        while not self._is_in_full:
            judgement = yield from self._look()
            decision = yield from self._decide(judgement, is_step=False)
            if isinstance(decision, AskPerson):
                asked = yield from self._wait_for_person(decision.reason, asked)
            is_over = self._resumed != seen if duration_s is None else self._context.current_utc_datetime >= until
            if is_over and isinstance(decision, Proceed):
                return
            yield from self._sleep(until if duration_s else None)

    def _hold_while_paused(self) -> Generator[Any, Any, None]:
        is_told = False
        while "pause" in self._orders:
            if not is_told:
                yield from self.tell("Paused", "somebody paused")
                is_told = True
            judgement = yield from self._look()
            yield from self._decide(judgement, is_step=False)
            yield from self._sleep()

    def _wait_for_person(self, reason: str, asked: str | None) -> Generator[Any, Any, str]:
        """A breach that a person is to look at: wait until somebody resumes, then look again."""
        if asked is None:
            yield from self.tell("Paused", f"somebody has to look: {reason}", self.last_judgement, notice="breach")
        seen = self._resumed
        while self._resumed == seen:
            yield from self._sleep()
            judgement = yield from self._look()
            if judgement.verdict is Verdict.FAILED:
                raise Ended(FAILED, judgement.reason)
        return self._resumed

    def _look(self) -> Generator[Any, Any, Judgement]:
        """Renew the lease, read the metrics and what people have said. Raises Ended."""
        self._check_deadline()
        order = {
            **self._common(),
            "since": text_of(self._since),
            "first_generation": self._first_generation,
            "step_generation": self.generation,
            "shown": self._shown,
            "seq": self._seq,
        }
        answer = yield from ask_once(self._context, WATCH_REGION, order, self._pace.attempt_s)
        self._orders = answer.get("orders", self._orders)
        fault = fault_of(answer)
        if fault is not None and fault["kind"] in {"superseded", "refused"}:
            raise Ended(SUPERSEDED, fault["detail"])
        self.last_judgement = self._judge(self._plan.metrics, answer)
        is_error = self.last_judgement.verdict is Verdict.ERROR and not (fault and fault["kind"] == "unreachable")
        self._errors_in_a_row = self._errors_in_a_row + 1 if is_error else 0
        return self.last_judgement

    def _judge(self, rules: Sequence[MetricRule], answer: Answer) -> Judgement:
        fault = fault_of(answer)
        if fault is not None:
            return judge_metrics(rules, None, fault["detail"])
        try:
            return judge_metrics(rules, parse_reading(answer.get("reading")))
        except InvalidReading as error:
            return judge_metrics(rules, None, str(error))

    def _decide(self, judgement: Judgement, *, is_step: bool) -> Generator[Any, Any, Proceed | Hold | AskPerson]:
        """Raises Ended where the rules say to roll back."""
        no_data, errors = self._plan.no_data, self._errors_in_a_row
        decision = decide_after_analysis(judgement, no_data, is_step=is_step, errors_in_a_row=errors)
        if isinstance(decision, RunSynthetic):
            synthetic = yield from self._score_synthetic()
            decision = decide_after_analysis(
                judgement, no_data, is_step=is_step, errors_in_a_row=errors, synthetic=synthetic
            )
        if isinstance(decision, RollBack):
            raise Ended(FAILED, decision.reason)
        assert not isinstance(decision, RunSynthetic)
        return decision

    def _score_synthetic(self) -> Generator[Any, Any, Judgement]:
        answer = yield from ask_until(self._context, RUN_SYNTHETIC, self._common(), self._pace, self._deadline)
        return self._judge(synthetic_rules(self._plan.metrics), answer)

    def _set(
        self, stable: Answer, candidate: Answer | None, weight: int, shadow_share: float
    ) -> Generator[Any, Any, None]:
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

    def _ask(self, activity: str, order: Mapping[str, Any]) -> Steps:
        """Ask until the deadline. Raises Ended."""
        self._check_deadline()
        given = {**self._common(), **order}
        answer = yield from ask_until(self._context, activity, given, self._pace, self._deadline)
        fault = fault_of(answer)
        if fault is not None:
            raise Ended(SUPERSEDED if fault["kind"] == "superseded" else FAILED, fault["detail"])
        return answer

    def _sleep(self, until: datetime | None = None) -> Generator[Any, Any, None]:
        now: datetime = self._context.current_utc_datetime
        slice_ends = now + timedelta(seconds=self._pace.slice_s)
        yield self._context.create_timer(min(slice_ends, until) if until and until > now else slice_ends)

    def tell(
        self, stage: str, message: str, judgement: Judgement | None = None, *, notice: str = "", once: bool = False
    ) -> Generator[Any, Any, None]:
        """Note where the region stands. What can't be noted now is noted with the next transition."""
        self._stage, told = stage, (stage, judgement.verdict if judgement else message)
        if once and told == self._told:
            return
        self._told, self._message = told, message
        self._seq += 1
        order = {
            "rollout_id": self._order["rollout_id"],
            "source": self.region,
            "seq": self._seq,
            "at": text_of(self._context.current_utc_datetime),
            "what": stage,
            "message": message,
            "judgement": judgement_data(judgement) if judgement else None,
            "shown": self._shown,
            "notice": notice,
        }
        yield from ask_until(self._context, NOTE_TRANSITION, order, self._pace, self._noting_ends)

    @property
    def _noting_ends(self) -> datetime:
        now: datetime = self._context.current_utc_datetime
        return now + timedelta(seconds=self._pace.rollback_s)

    def _common(self) -> dict[str, Any]:
        lease_ends = self._context.current_utc_datetime + timedelta(seconds=self._pace.lease_s)
        return {
            "rollout_id": self._order["rollout_id"],
            "region": self.region,
            "model": self._order["model"],
            "target": self._order["target"],
            "generation": self.generation,
            "valid_until": text_of(lease_ends),
        }

    def _check_deadline(self) -> None:
        if self._context.current_utc_datetime >= self._deadline:
            raise Ended(FAILED, "the rollout's deadline has passed")

    _stage = ""
    _message = ""
    _told: tuple[str, str] = ("", "")

    @property
    def _shown(self) -> dict[str, Any]:
        return {
            "stage": self._stage,
            "message": self._message,
            "step": self._step,
            "steps": [step_data(step) for step in self._plan.steps],
            "weight": self._weight,
            "shadow_share": self._shadow_share,
            "generation": self.generation,
            "target": self._order["target"],
            "judgement": judgement_data(self.last_judgement) if self.last_judgement else None,
            "result": self._result,
        }

    @property
    def _exposure(self) -> str:
        looks_on = f", looks on {self._shadow_share:.0%} of the others" if self._shadow_share else ""
        return f"answers {self._weight} % of deals{looks_on}"

    @property
    def target_name(self) -> str:
        return f"{self._order['model']} {self._order['target']['version']} with {self._order['target']['policy']}"

    @property
    def _is_in_full(self) -> bool:
        return bool(self._orders.get("promoteFull", {}).get("counts"))

    @property
    def _resumed(self) -> str:
        """When somebody resumed last."""
        return str(self._orders.get("resume", {}).get("at", ""))


def decision_reason(judgement: Judgement) -> str:
    """What a verdict that lets the rollout go on was based on."""
    return f"{judgement.verdict}: {', '.join(m.detail for m in judgement.measurements)}"
