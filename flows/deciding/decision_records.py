"""A decision as it is recorded and as it is answered: the answer is read off the record, fresh or replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from audit.counters import Tally, Traffic
from audit.records import Record, RecordType, build_record
from flows.calls import Call
from scoring.deals import Deal
from scoring.features import EncodedRow, LookedUp
from scoring.model import Model
from scoring.policy import Outcome, Policy
from scoring.reasons import Reason
from scoring.release import Variant


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one model version and policy say of one deal."""

    model: Model
    policy: Policy
    row: EncodedRow
    score: float
    risk_score: int
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    contributions: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShadowJudgement:
    """What the version that looked on would have said; `error` tells why it could not. `judging_ms` is the time it
    took, `answering_ms` the time that the version that answered took for the same deal."""

    version: str
    policy: str
    score: float | None = None
    risk_score: int = 0
    outcome: Outcome | None = None
    error: str | None = None
    judging_ms: float = 0.0
    answering_ms: float = 0.0
    looked_up: LookedUp | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which release, residency and traffic a deal was judged."""

    variant: Variant
    generation: int
    traffic: Traffic
    residency: Mapping[str, object]
    release_stale: bool = False
    deal_id_generated: bool = False
    candidate_error: str | None = None
    shadow: ShadowJudgement | None = None


def build_decision_record(
    record_id: UUID,
    region: str,
    decided_at: str,
    salt: str,
    call: Call,
    deal: Deal,
    judged: Judgement,
    under: Circumstances,
    latency_ms: float,
) -> Record:
    """The audit record of one decision. What says something about a person lies in `personal` only."""
    model, policy = judged.model, judged.policy
    data: dict[str, object] = {
        "outcome": judged.outcome.value,
        "score": judged.score,
        "risk_score": judged.risk_score,
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        "policy": {"name": policy.name, "version": policy.version},
        "region": region,
        "caller": call.caller.id,
        "request_id": call.request_id,
        "traceparent": call.traceparent,
        "route": call.route,
        "variant": under.variant.value,
        "generation": under.generation,
        "traffic": under.traffic.value,
        "residency": under.residency,
    }
    if judged.row.looked_up is not None:
        data["references"] = _references_data(judged.row.looked_up)
    if under.release_stale:
        data["release_stale"] = True
    if under.candidate_error is not None:
        data["candidate_error"] = under.candidate_error
    if under.shadow is not None:
        data["shadow"] = _shadow_data(under.shadow)
    return build_record(
        record_id=record_id,
        kind=RecordType.DECISION_SCORED,
        region=region,
        time=decided_at,
        data=data,
        personal=_personal(deal, judged, under),
        salt=salt,
        tally=_tally(judged, under, latency_ms),
    )


def _personal(deal: Deal, judged: Judgement, under: Circumstances) -> dict[str, object]:
    personal: dict[str, object] = {
        "deal_id": deal.deal_id,
        "subjects": deal.subjects,
        "features": deal.features,
        "imputed": judged.row.imputed,
        "unseen": judged.row.unseen,
        "unusual": judged.row.unusual,
        "reasons": [_reason_data(reason) for reason in judged.reasons],
    }
    if judged.row.unused:
        personal["unused"] = judged.row.unused
    if deal.occurred_at is not None:
        personal["occurred_at"] = deal.occurred_at
    if under.deal_id_generated:
        personal["deal_id_generated"] = True
    if judged.contributions is not None:
        personal["contributions"] = judged.contributions
    if judged.row.looked_up is not None:
        personal["referenced"] = judged.row.looked_up.values
        personal["unmatched"] = judged.row.looked_up.unmatched
    if under.shadow is not None and under.shadow.looked_up is not None:
        personal["shadow_referenced"] = under.shadow.looked_up.values
    return personal


def _references_data(looked_up: LookedUp) -> list[dict[str, object]]:
    """Which snapshots were looked into; a snapshot of None: there was none, and every value of it is missing."""
    return [asdict(used) for used in looked_up.references]


def _reason_data(reason: Reason) -> dict[str, object]:
    return {
        "code": reason.code,
        "feature": reason.feature,
        "value": reason.value,
        "contribution": reason.contribution,
        "text": reason.text,
    }


def _shadow_data(shadow: ShadowJudgement) -> dict[str, object]:
    if shadow.error is not None or shadow.outcome is None:
        return {"version": shadow.version, "policy": shadow.policy, "error": shadow.error}
    judged: dict[str, object] = {
        "version": shadow.version,
        "policy": shadow.policy,
        "score": shadow.score,
        "risk_score": shadow.risk_score,
        "outcome": shadow.outcome.value,
    }
    if shadow.looked_up is not None:
        judged["references"] = _references_data(shadow.looked_up)
    return judged


def _tally(judged: Judgement, under: Circumstances, latency_ms: float) -> Tally:
    shadow = under.shadow
    return Tally(
        record_type=RecordType.DECISION_SCORED.value,
        model=judged.model.name,
        version=judged.model.version,
        policy=f"{judged.policy.name}/{judged.policy.version}",
        generation=under.generation,
        traffic=under.traffic,
        outcome=judged.outcome.value,
        latency_ms=latency_ms,
        risk_score=judged.risk_score,
        candidate_error=under.candidate_error is not None,
        shadow_version=shadow.version if shadow else "",
        shadow_outcome=shadow.outcome.value if shadow and shadow.outcome else "",
        shadow_risk_score=shadow.risk_score if shadow else 0,
        shadow_error=shadow is not None and shadow.error is not None,
        judging_ms=shadow.answering_ms if shadow else 0.0,
        shadow_judging_ms=shadow.judging_ms if shadow else 0.0,
    )


def answer_from(event: Mapping[str, Any], digest: str) -> dict[str, object]:
    """The decision as the caller gets it, read off its recorded event. `digest` is the caller's receipt."""
    data = event["data"]
    personal = data["personal"]
    answer: dict[str, object] = {
        "decision_id": event["id"],
        "deal_id": personal["deal_id"],
        "outcome": data["outcome"],
        "score": data["score"],
        "risk_score": data["risk_score"],
        "reasons": personal["reasons"],
        "imputed": personal["imputed"],
        "unseen": personal["unseen"],
        "unusual": personal["unusual"],
        "model": data["model"],
        "policy": data["policy"],
        "region": data["region"],
        "decided_at": event["time"],
        "record_digest": digest,
    }
    if "references" in data:
        answer["references"] = data["references"]
        answer["unmatched"] = personal["unmatched"]
    if "unused" in personal:
        answer["unused"] = personal["unused"]
    if personal.get("deal_id_generated"):
        answer["deal_id_generated"] = True
    return answer
