"""Gates: no single person can raise a version's weight.

An approval names its gate. It counts once, only while the gate is waited at, and only from somebody else than the
starter; so does promoting a rollout in full, which passes every gate that is left.
"""

from __future__ import annotations

from enum import StrEnum

from rollouts.plan import Before, Plan


class Refusal(StrEnum):
    """Why somebody's word does not count."""

    NOT_WAITING = "the rollout does not wait at that gate now"
    OWN = "whoever started a rollout can't approve it"


def gate_before(plan: Plan, wave: int) -> str | None:
    """The gate before a wave, counted from 1, or None where there is none."""
    gated = plan.approval.before is Before.EACH_WAVE or (plan.approval.before is Before.FIRST_WAVE and wave == 1)
    return f"wave-{wave}" if gated else None


def refuse_approval(waiting_at: str | None, starter: str, gate: str, by: str) -> Refusal | None:
    """Why an approval does not count, or None."""
    if by == starter:
        return Refusal.OWN
    return Refusal.NOT_WAITING if waiting_at != gate else None


def refuse_promotion(starter: str, by: str) -> Refusal | None:
    """Why promoting in full does not count, or None."""
    return Refusal.OWN if by == starter else None
