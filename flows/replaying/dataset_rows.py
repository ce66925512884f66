"""From recorded decisions to the rows of a retraining set: one decision a row, with what was found out about it.

    opened event  ->  left out, for the first reason of `LeftOut`, or
                  ->  a row: what was decided, the latest label and review, the features as sent and as looked up

A row names no deal and no person; its features say enough about them. Whoever has to find somebody's rows does it by
the ids of their decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from audit.counters import Traffic
from flows.replaying.hindsight import Hindsight

PLAIN = (
    "decision_id", "decided_at", "model", "version", "policy", "variant", "traffic", "outcome", "score", "risk_score",
    "label", "label_source", "labelled_at", "review", "review_outcome",
)  # fmt: skip
"""What a row has beside `features` and `looked_up`."""

UNLABELLED = "none"
Event = Mapping[str, Any]
Row = dict[str, Any]


class LeftOut(StrEnum):
    """Why a decision has no row; the first that is so is counted."""

    OTHER_MODEL = "other_model"
    PINNED = "pinned"
    SYNTHETIC = "synthetic"
    ERASED = "erased"
    DAMAGED = "damaged"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions are wanted."""

    model: str
    traffic: frozenset[Traffic] = frozenset({Traffic.LIVE})
    labelled_only: bool = False


@dataclass(slots=True)
class Made:
    """What became of the decisions that were gone over. `labels` counts labels by outcome, also of the rows that were
    left out for having none; `features` and `looked_up` are names."""

    rows: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    features: set[str] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)

    @property
    def decisions(self) -> int:
        return self.rows + self.left_out.total()


def build_row(
    event: Event, wanted: Wanted, hindsight: Hindsight, made: Made, *, is_damaged: bool = False
) -> Row | None:
    """The row of a decision (`vouch.decision.scored.v1`), counted in `made`; None where it is left out."""
    reason = _find_reason(event, wanted, is_damaged=is_damaged)
    label = hindsight.label_of(event["id"])
    if reason is None:
        made.labels[event["data"]["outcome"], label.label if label else UNLABELLED] += 1
        if label is None and wanted.labelled_only:
            reason = LeftOut.UNLABELLED
    if reason is not None:
        made.left_out[reason] += 1
        return None
    row = _build(event, hindsight)
    made.rows += 1
    made.versions[row["version"]] += 1
    made.features.update(row["features"])
    made.looked_up.update(row["looked_up"])
    return row


def _find_reason(event: Event, wanted: Wanted, *, is_damaged: bool) -> LeftOut | None:
    data = event["data"]
    if data["model"]["name"] != wanted.model:
        return LeftOut.OTHER_MODEL
    if data["traffic"] not in wanted.traffic:
        return LeftOut.SYNTHETIC if data["traffic"] == Traffic.SYNTHETIC else LeftOut.PINNED
    if is_damaged:
        return LeftOut.DAMAGED
    return LeftOut.ERASED if data.get("personal") is None else None


def _build(event: Event, hindsight: Hindsight) -> Row:
    data, personal = event["data"], event["data"]["personal"]
    label, review = hindsight.label_of(event["id"]), hindsight.review_of(event["id"])
    return {
        "decision_id": event["id"],
        "decided_at": event["time"],
        "model": data["model"]["name"],
        "version": data["model"]["version"],
        "policy": f"{data['policy']['name']}/{data['policy']['version']}",
        "variant": data["variant"],
        "traffic": data["traffic"],
        "outcome": data["outcome"],
        "score": data["score"],
        "risk_score": data["risk_score"],
        "label": label.label if label else None,
        "label_source": label.source if label else None,
        "labelled_at": label.labelled_at if label else None,
        "review": review.verdict if review else None,
        "review_outcome": review.outcome if review else None,
        "features": personal["features"],
        "looked_up": personal.get("referenced", {}),
    }
