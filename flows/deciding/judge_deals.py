"""Judge admitted deals: one call into the model for all deals of one version, then policy and reasons.

The candidate's failures stay its own: a deal it can't judge is judged by stable, and the failure is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from flows.deciding.admit_deal import Admitted
from flows.deciding.decision_records import Judgement, ShadowJudgement
from flows.deciding.encode_deal import encode_deal
from flows.deciding.terms import Judge
from scoring.features import EncodedRow
from scoring.model import Model
from scoring.reasons import explain_score
from scoring.release import Target, Variant

logger = logging.getLogger("vouch.scoring")


class ScoringFailed(Exception):
    """A model that could not score or explain; the message says what happened."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement that answers, with what went wrong or looked on beside it."""

    judgement: Judgement
    variant: Variant
    candidate_error: str | None = None
    shadow: ShadowJudgement | None = None


@dataclass(frozen=True, slots=True)
class _Scored:
    """`judging_ms` is the deal's share of the time that its group took."""

    judge: Judge
    row: EncodedRow
    score: float
    judging_ms: float


def judge_deals(deals: Sequence[Admitted], explain: int | None, monotonic: Callable[[], float]) -> list[Judged]:
    """Judge every deal, in order. `explain` is how many reasons the caller asked for (None: as the policy says),
    `monotonic` tells seconds."""
    candidates = _score_candidates([deal for deal in deals if _candidate_target(deal)], monotonic)
    answered = {index for index, scored in candidates.items() if isinstance(scored, _Scored)}
    left = [deal for deal in deals if deal.choice.variant is not Variant.CANDIDATE or deal.index not in answered]
    stable = _score_stable(left, monotonic)
    return [_judge(deal, stable.get(deal.index), candidates.get(deal.index), explain, monotonic) for deal in deals]


def _candidate_target(deal: Admitted) -> Target | None:
    """The candidate, where it answers or looks on."""
    return deal.choice.target if deal.choice.variant is Variant.CANDIDATE else deal.choice.shadow


def _score_stable(deals: Sequence[Admitted], monotonic: Callable[[], float]) -> dict[int, _Scored]:
    groups: dict[int, list[Admitted]] = {}
    for deal in deals:
        groups.setdefault(id(deal.terms.judge.model), []).append(deal)
    scored: dict[int, _Scored] = {}
    for group in groups.values():
        started = monotonic()
        scores = _score(group[0].terms.judge.model, [deal.row for deal in group])
        each_ms = (monotonic() - started) * 1000 / len(group)
        scored.update({d.index: _Scored(d.terms.judge, d.row, s, each_ms) for d, s in zip(group, scores, strict=True)})
    return scored


def _score_candidates(deals: Sequence[Admitted], monotonic: Callable[[], float]) -> dict[int, _Scored | str]:
    scored: dict[int, _Scored | str] = {}
    groups: dict[int, list[tuple[Admitted, Judge, EncodedRow]]] = {}
    for deal in deals:
        judge = deal.terms.candidate
        if judge is None:
            scored[deal.index] = "not loaded"
            continue
        row, faults = encode_deal(judge.model, deal.deal.features, deal.terms)
        if faults:
            scored[deal.index] = "does not accept the deal's features"
        else:
            groups.setdefault(id(judge.model), []).append((deal, judge, row))
    for group in groups.values():
        scored.update(_score_candidate_group(group, monotonic))
    return scored


def _score_candidate_group(
    group: Sequence[tuple[Admitted, Judge, EncodedRow]], monotonic: Callable[[], float]
) -> dict[int, _Scored | str]:
    model, started = group[0][1].model, monotonic()
    try:
        scores = _score(model, [row for _, _, row in group])
    except Exception:
        # Whatever a candidate does wrong, stable answers: the boundary is deliberately this wide.
        logger.exception("The candidate %s %s failed to score %d deals.", model.name, model.version, len(group))
        return {deal.index: "failed to score" for deal, _, _ in group}
    each_ms = (monotonic() - started) * 1000 / len(group)
    return {d.index: _Scored(j, r, s, each_ms) for (d, j, r), s in zip(group, scores, strict=True)}


def _score(model: Model, rows: Sequence[EncodedRow]) -> list[float]:
    scores = [model.score(rows[0].values)] if len(rows) == 1 else model.score_many([row.values for row in rows])
    if not all(map(isfinite, scores)):
        raise ScoringFailed(f"{model.name} {model.version} gave a score that is no number")
    return scores


def _explain(model: Model, row: EncodedRow) -> tuple[float, ...]:
    contributions = model.contributions(row.values)
    if not all(map(isfinite, contributions)):
        raise ScoringFailed(f"{model.name} {model.version} gave a contribution that is no number")
    return contributions


def _judge(
    deal: Admitted,
    stable: _Scored | None,
    candidate: _Scored | str | None,
    explain: int | None,
    monotonic: Callable[[], float],
) -> Judged:
    if deal.choice.variant is Variant.CANDIDATE and isinstance(candidate, _Scored):
        try:
            return Judged(_conclude(deal, candidate, explain), Variant.CANDIDATE)
        except Exception:
            logger.exception("The candidate %s failed to explain a score.", candidate.judge.model.version)
            candidate = "failed to explain"
            stable = _score_stable([deal], monotonic)[deal.index]
    assert stable is not None
    judgement = _conclude(deal, stable, explain)
    if deal.choice.variant is Variant.CANDIDATE:
        return Judged(judgement, Variant.STABLE, candidate_error=str(candidate))
    shadow = _shadow(deal.choice.shadow, candidate, stable.judging_ms) if deal.choice.shadow else None
    return Judged(judgement, deal.choice.variant, shadow=shadow)


def _conclude(deal: Admitted, scored: _Scored, explain: int | None) -> Judgement:
    model, policy = scored.judge.model, scored.judge.policy
    risk_score = model.risk_score(scored.score)
    outcome = policy.decide_outcome(risk_score)
    top = policy.count_reasons(outcome, explain)
    if top == 0:
        return Judgement(model, policy, scored.row, scored.score, risk_score, outcome)
    contributions = _explain(model, scored.row)
    names = [feature.name for feature in model.features]
    looked_up = scored.row.looked_up
    features = {**deal.deal.features, **looked_up.values} if looked_up else deal.deal.features
    reasons = explain_score(names, contributions, features, policy, top)
    return Judgement(model, policy, scored.row, scored.score, risk_score, outcome, reasons, contributions)


def _shadow(target: Target, scored: _Scored | str | None, answering_ms: float) -> ShadowJudgement:
    if not isinstance(scored, _Scored):
        return ShadowJudgement(target.version, target.policy, error=scored)
    risk_score = scored.judge.model.risk_score(scored.score)
    outcome = scored.judge.policy.decide_outcome(risk_score)
    return ShadowJudgement(
        target.version,
        target.policy,
        scored.score,
        risk_score,
        outcome,
        judging_ms=scored.judging_ms,
        answering_ms=answering_ms,
        looked_up=scored.row.looked_up,
    )
