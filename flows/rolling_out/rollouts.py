"""What operators and approvers ask of rollouts, in the control region: lint, start, steer, read.

Who says what is written down first, as an order that stands until the orchestration has seen it; the nudge that
follows only saves time. So nothing that was said is lost when the orchestration is busy, restarting or not there yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flows.calls import Call
from flows.errors import (
    IdempotencyMismatch,
    InvalidRequest,
    NotCounted,
    NotFound,
    RolloutOver,
    VersionWithdrawn,
)
from flows.idempotency import Idempotency
from flows.ports import Clock, Ledger, Versions
from flows.releasing.current_releases import CurrentReleases
from flows.rolling_out.look_up_subject import LookUpSubject
from flows.rolling_out.rollout_log import CONTROL_SOURCE, RolloutLog
from flows.times import format_time
from rollouts.gates import refuse_approval, refuse_promotion
from rollouts.lint import lint_plan, named_by
from rollouts.phases import Phase
from rollouts.plan import Before, Fleet, Plan, plan_data
from scoring.faults import Fault

READ_AT_ONCE = 32
PAST_PHASES = frozenset(phase.value for phase in Phase if phase.is_final)
ENDING_PHASES = PAST_PHASES | {Phase.ROLLING_BACK.value}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """`regions` are all there are, `pace` is handed to the orchestration as it is; `least_approval` by model, `*` for
    every other."""

    regions: tuple[str, ...]
    pairs: Mapping[str, str]
    control: str
    pace: Mapping[str, float]
    least_approval: Mapping[str, Before]

    def fleet(self, model: object) -> Fleet:
        least = self.least_approval.get(str(model)) or self.least_approval.get("*", Before.NEVER)
        return Fleet(self.regions, self.pairs, self.control, least)


@dataclass(frozen=True, slots=True)
class Started:
    """`replayed`: an earlier call with the same Idempotency-Key had started it."""

    order: Document
    replayed: bool


class Rollouts:
    def __init__(
        self,
        log: RolloutLog,
        versions: Versions,
        releases: CurrentReleases,
        ledger: Ledger,
        idempotency: Idempotency,
        clock: Clock,
        settings: RolloutSettings,
    ) -> None:
        self._log = log
        self._look_up = LookUpSubject(versions, releases)
        self._ledger = ledger
        self._idempotency = idempotency
        self._clock = clock
        self._settings = settings

    async def lint(self, document: object) -> tuple[Plan | None, list[Fault]]:
        """The plan with its gaps filled in, or every fault of it. Raises LedgerUnavailable or VersionsUnavailable."""
        plan, faults = lint_plan(document, self._fleet(document))
        subject = await self._look_up(*named_by(document))
        faults = [*faults, *subject.faults, *subject.withdrawn]
        return (None, faults) if faults else (plan, faults)

    async def start(self, call: Call, document: object, key: str | None, body: bytes) -> Started:
        """Write the order of a rollout; the orchestration is then started by its id.

        Raises InvalidRequest, RolloutUnderWay, IdempotencyMismatch, VersionWithdrawn, VersionsUnavailable or
        LedgerUnavailable."""
        plan, faults = lint_plan(document, self._fleet(document))
        if plan is None:
            raise InvalidRequest([*faults, *(await self._look_up(*named_by(document))).faults])
        fingerprint = self._idempotency.digest(body)
        rollout_id = await self._id(call, key)
        standing = await self._log.read_order(rollout_id)
        replayed = standing is not None
        if standing is None:
            standing = await self._log.create(await self._order(call, plan, rollout_id, fingerprint))
        if standing["fingerprint"] != fingerprint:
            raise IdempotencyMismatch
        return Started(standing, replayed)

    async def read(self, rollout_id: str) -> Document:
        """Everything there is to know of a rollout. Raises NotFound."""
        order = await self._find(rollout_id)
        story = await self._log.read_story(rollout_id)
        shown = story.shown
        return {
            **_summary(order, shown.get(CONTROL_SOURCE)),
            "plan": order["plan"],
            "regions": {region: shown.get(region) for wave in order["plan"]["waves"] for region in wave},
            "troubles": {} if is_over(shown) else story.troubles,
            "orders": await self._log.orders(rollout_id),
            "timeline": story.timeline,
        }

    async def list(self) -> list[Document]:
        """Every rollout, the newest first."""
        orders = await self._log.list_orders()
        found: list[Document] = []
        for at in range(0, len(orders), READ_AT_ONCE):
            some = orders[at : at + READ_AT_ONCE]
            shown = await asyncio.gather(*(self._log.read_standing(order["id"]) for order in some))
            found += map(_summary, some, shown)
        return found

    async def approve(self, call: Call, rollout_id: str, gate: str) -> Document:
        """Approve a gate. Raises NotFound, RolloutOver or NotCounted."""
        order, shown = await self._find_active(rollout_id)
        refusal = refuse_approval(shown.get("gate"), order["starter"], gate, call.caller.id)
        if refusal is not None:
            raise NotCounted(refusal)
        return await self._say(call, rollout_id, f"approve-{gate}", "")

    async def promote_in_full(self, call: Call, rollout_id: str, reason: str) -> Document:
        """Skip pauses, bakes and gates; verdicts are still needed. Raises NotFound, RolloutOver or NotCounted."""
        order, _ = await self._find_active(rollout_id)
        refusal = refuse_promotion(order["starter"], call.caller.id)
        if refusal is not None:
            raise NotCounted(refusal)
        return await self._say(call, rollout_id, "promoteFull", reason)

    async def stop(self, call: Call, rollout_id: str, name: str, reason: str) -> Document:
        """`abort` or `reject`. Raises NotFound or RolloutOver."""
        await self._find_active(rollout_id)
        return await self._say(call, rollout_id, name, reason)

    async def pause(self, call: Call, rollout_id: str, reason: str) -> Document:
        """Go no further for now; what is exposed is still looked at. Raises NotFound or RolloutOver."""
        await self._find_active(rollout_id)
        return await self._say(call, rollout_id, "pause", reason)

    async def resume(self, call: Call, rollout_id: str, reason: str) -> Document:
        """Go on. Raises NotFound or RolloutOver."""
        await self._find_active(rollout_id)
        await self._log.take_order_back(rollout_id, "pause")
        await self._log.take_order_back(rollout_id, "resume")
        return await self._say(call, rollout_id, "resume", reason)

    async def orders_that_count(self, rollout_id: str) -> dict[str, Document]:
        """What was said, without who said it, and whether it counts: what the orchestration may know."""
        order = await self._find(rollout_id)
        orders = await self._log.orders(rollout_id)
        return {name: {"at": said["at"], "counts": _counts(name, said, order)} for name, said in orders.items()}

    async def _say(self, call: Call, rollout_id: str, name: str, reason: str) -> Document:
        said = {"by": call.caller.id, "at": format_time(self._clock.now()), "reason": reason}
        await self._log.give_order(rollout_id, name, said)
        return await self.read(rollout_id)

    async def _order(self, call: Call, plan: Plan, rollout_id: str, fingerprint: str) -> dict[str, Any]:
        subject = await self._look_up(plan.model, plan.version, plan.policy)
        if subject.faults:
            raise InvalidRequest(subject.faults)
        if subject.withdrawn:
            raise VersionWithdrawn(subject.withdrawn[0].detail)
        return {
            "id": rollout_id,
            "model": plan.model,
            "plan": plan_data(plan),
            "target": {"version": plan.version, "policy": plan.policy},
            "digest": subject.digest,
            "policy_digest": subject.policy_digest,
            "starter": call.caller.id,
            "started_at": format_time(self._clock.now()),
            "fingerprint": fingerprint,
            "pace": dict(self._settings.pace),
        }

    async def _id(self, call: Call, key: str | None) -> str:
        """A key of a caller always gives the same rollout."""
        if key is None:
            return str(await self._ledger.mint())
        return str(uuid5(NAMESPACE_URL, self._idempotency.digest("rollout", call.caller.id, key)))

    async def _find(self, rollout_id: str) -> Document:
        order = await self._log.read_order(rollout_id)
        if order is None:
            raise NotFound("rollout")
        return order

    async def _find_active(self, rollout_id: str) -> tuple[Document, Document]:
        order = await self._find(rollout_id)
        shown = await self._log.read_standing(rollout_id) or {}
        if shown.get("phase") in PAST_PHASES:
            raise RolloutOver(f"rollout {rollout_id} is {shown['phase']}; start another one")
        return order, shown

    def _fleet(self, document: object) -> Fleet:
        return self._settings.fleet(document.get("model") if isinstance(document, Mapping) else None)


def is_over(shown: Mapping[str, Document]) -> bool:
    """Whether a rollout has come to its end."""
    return shown.get(CONTROL_SOURCE, {}).get("phase") in PAST_PHASES


def _counts(name: str, said: Document, order: Document) -> bool:
    """Whether somebody's word counts now as it did when it was taken."""
    if name == "promoteFull":
        return refuse_promotion(order["starter"], said["by"]) is None
    gate = name.removeprefix("approve-")
    return gate == name or refuse_approval(gate, order["starter"], gate, said["by"]) is None


def _summary(order: Document, shown: Document | None) -> dict[str, Any]:
    shown = shown or {"phase": Phase.PENDING.value, "message": "", "wave": 0, "gate": None}
    return {
        "id": order["id"],
        "model": order["model"],
        "target": order["target"],
        "starter": order["starter"],
        "started_at": order["started_at"],
        "phase": shown["phase"],
        "message": shown["message"],
        "wave": shown["wave"],
        "waves": len(order["plan"]["waves"]),
        "gate": shown["gate"],
        "seen_at": shown.get("seen_at"),
    }
