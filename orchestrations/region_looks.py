"""What every look at a region is made of, before its promotion and after: measure, judge, obey, tell.

A look renews the lease, reads the metrics and learns what people have said, in one activity. The rules judge what it
found (`rollouts`); what they decide is obeyed by whoever looks. Nobody asks the region which generation stands: a part
goes on from the one that its own last change made, so that whoever changed the release since (a person, an undo, the
rollback of this very rollout) ends it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrations.asking import Answer, Pace, Steps, ask_once, ask_until, fault_of, next_slice, text_of
from orchestrations.names import NOTE_TRANSITION, RUN_SYNTHETIC, WATCH_REGION
from rollouts.decisions import AskPerson, Hold, Proceed, RollBack, RunSynthetic, decide_after_analysis
from rollouts.plan import MetricRule, Plan, read_plan, step_data
from rollouts.readings import InvalidReading, parse_reading
from rollouts.verdicts import Judgement, Verdict, judge_metrics, judgement_data, synthetic_rules

PROMOTED, FAILED, SUPERSEDED = "promoted", "failed", "superseded"
ENDS = {PROMOTED: "Promoted", FAILED: "Failed", SUPERSEDED: "Stopped"}
SEQ_STRIDE = 10_000
Waiting = Generator[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Ended(Exception):
    """A part is over: how, and why."""

    how: str
    reason: str


class RegionLooks:
    """The state of one part of a rollout in one region, rebuilt by every replay."""

    def __init__(self, context: Any, order: Mapping[str, Any]) -> None:
        self._context = context
        self._order = order
        self.region: str = order["region"]
        self.generation: int = order["generation"]
        self._first_generation: int = order.get("first_generation", self.generation)
        self._plan: Plan = read_plan(order["plan"])
        self._pace = Pace(**order["pace"])
        self._deadline = datetime.fromisoformat(order["deadline"])
        self._since: str = order.get("since") or text_of(context.current_utc_datetime)
        self._seq = int(order["attempt"]) * SEQ_STRIDE
        self._told_at: datetime = context.current_utc_datetime
        self._told = ("", "")
        self._stage, self._message = "", ""
        self._step = 0
        self._weight = 0
        self._shadow_share = 0.0
        self._asks = False
        self._errors_in_a_row = 0
        self._result: Answer | None = None
        self._golden: Judgement | None = None
        self._golden_errors = 0
        self._orders: Mapping[str, Any] = order["orders"]
        self.last_judgement: Judgement | None = None

    def end(self, ended: Ended) -> Steps:
        """Note how it ended, and answer that."""
        self._result = self.result(ended)
        yield from self.tell(ENDS[ended.how], ended.reason, self.last_judgement)
        return self._result

    def result(self, ended: Ended) -> Answer:
        """How it ended, and what a part that follows has to know."""
        return {
            "region": self.region,
            "attempt": self._order["attempt"],
            "outcome": ended.how,
            "reason": ended.reason,
            "generation": self.generation,
            "first_generation": self._first_generation,
            "since": self._since,
        }

    def tell(
        self, stage: str, message: str, judgement: Judgement | None = None, *, notice: str = "", once: bool = False
    ) -> Waiting:
        """Note where the region stands. What can't be noted now is noted with the next transition."""
        self._stage, told = stage, (stage, judgement.verdict if judgement else message)
        if once and told == self._told:
            return
        self._told, self._message = told, message
        self._told_at = self._context.current_utc_datetime
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
        until = self._context.current_utc_datetime + timedelta(seconds=self._pace.rollback_s)
        yield from ask_until(self._context, NOTE_TRANSITION, order, self._pace, until)

    def _look(self) -> Generator[Any, Any, Judgement]:
        """Renew the lease, read the metrics and what people have said. Raises Ended."""
        self._check_deadline()
        order = {
            **self._common(),
            "since": self._since,
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
        self.last_judgement = _judge(self._plan.metrics, answer)
        self._errors_in_a_row = _count_error(self._errors_in_a_row, self.last_judgement, fault)
        return self.last_judgement

    def _decide(self, judgement: Judgement, *, is_step: bool) -> Generator[Any, Any, Proceed | Hold | AskPerson]:
        """Raises Ended where the rules say to roll back."""
        no_data, errors = self._plan.no_data, self._errors_in_a_row
        decision = decide_after_analysis(judgement, no_data, is_step=is_step, errors_in_a_row=errors)
        if isinstance(decision, RunSynthetic):
            golden = yield from self._score_golden()
            errors = self._golden_errors
            decision = decide_after_analysis(
                judgement, no_data, is_step=is_step, errors_in_a_row=errors, synthetic=golden
            )
        if isinstance(decision, RollBack):
            raise Ended(FAILED, decision.reason)
        self._asks = isinstance(decision, AskPerson)  # a person who resumes has it looked at again; that alone ends it
        assert not isinstance(decision, RunSynthetic)
        return decision

    def _score_golden(self) -> Generator[Any, Any, Judgement]:
        """The golden set's judgement: once a step, and again only where it could not be measured."""
        if self._golden is None or self._golden.verdict is Verdict.ERROR:
            answer = yield from ask_once(self._context, RUN_SYNTHETIC, self._common(), self._pace.attempt_s)
            self._golden = _judge(synthetic_rules(self._plan.metrics), answer)
            self._golden_errors = _count_error(self._golden_errors, self._golden, fault_of(answer))
        self.last_judgement = self._golden
        return self._golden

    def _wait_for_person(self, reason: str) -> Waiting:
        """A breach that a person is to look at: wait until somebody resumes. Raises Ended."""
        yield from self.tell("Paused", f"somebody has to look: {reason}", self.last_judgement, notice="breach")
        seen = self._resumed
        while self._resumed == seen:
            yield from self._sleep()
            judgement = yield from self._look()
            if judgement.verdict is Verdict.FAILED:
                raise Ended(FAILED, judgement.reason)
        yield from self.tell("Resumed", "somebody resumed")

    def _ask(self, activity: str, order: Mapping[str, Any]) -> Steps:
        """Ask until the deadline. Raises Ended."""
        self._check_deadline()
        given = {**self._common(), **order}
        answer = yield from ask_until(self._context, activity, given, self._pace, self._deadline)
        fault = fault_of(answer)
        if fault is not None:
            raise Ended(SUPERSEDED if fault["kind"] == "superseded" else FAILED, fault["detail"])
        return answer

    def _sleep(self, until: datetime | None = None) -> Waiting:
        now: datetime = self._context.current_utc_datetime
        slice_ends = now + next_slice(self._pace, now - self._told_at)
        yield self._context.create_timer(min(slice_ends, until) if until and until > now else slice_ends)

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
            raise Ended(FAILED, f"the rollout's deadline has passed ({self._stage}: {self._message})")

    @property
    def _shown(self) -> dict[str, Any]:
        return {
            "stage": self._stage,
            "message": self._message,
            "asks": self._asks,
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
    def _resumed(self) -> str:
        """When somebody resumed last."""
        return str(self._orders.get("resume", {}).get("at", ""))


def _judge(rules: Sequence[MetricRule], answer: Answer) -> Judgement:
    fault = fault_of(answer)
    if fault is not None:
        return judge_metrics(rules, None, fault["detail"])
    try:
        return judge_metrics(rules, parse_reading(answer.get("reading")))
    except InvalidReading as error:
        return judge_metrics(rules, None, str(error))


def _count_error(errors_in_a_row: int, judgement: Judgement, fault: Answer | None) -> int:
    """A region that can't be reached is waited for until the deadline; it is no error of measuring."""
    if judgement.verdict is not Verdict.ERROR:
        return 0
    return errors_in_a_row if fault is not None and fault["kind"] == "unreachable" else errors_in_a_row + 1
