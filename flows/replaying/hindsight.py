"""What was found out about decisions after they were made: of each the latest label and the latest review.

Both are recorded whenever somebody finds out, often in a later window than the decision, and neither holds anything
personal besides a review's reason, which nobody needs here. So lines of the lake are enough, and no key is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.ids import time_of
from audit.records import RecordType

KINDS = (RecordType.DECISION_LABELLED.value, RecordType.DECISION_REVIEWED.value)


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """The order is that of what counts: the latest to be found out, and of those the latest to be recorded.
    `labelled_at` is RFC 3339 in UTC, as labels are recorded."""

    labelled_at: str
    record_id: str
    label: str
    source: str


@dataclass(frozen=True, slots=True, order=True)
class Review:
    """`outcome` is what the decision should have been, None where it was upheld."""

    record_id: str
    verdict: str
    outcome: str | None


class Hindsight:
    """Holds a few hundred bytes for each decision that was labelled or reviewed, of those made from `first_ms` on and
    before `end_ms` (Unix time; None: no bound)."""

    def __init__(self, first_ms: int | None = None, end_ms: int | None = None) -> None:
        self._first_ms = first_ms
        self._end_ms = end_ms
        self._labels: dict[int, Label] = {}
        self._reviews: dict[int, Review] = {}

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in a label or a review, in any order; others are passed over."""
        if event["type"] not in KINDS or not self._is_wanted(decision := UUID(event["data"]["decision_id"])):
            return
        if event["type"] == RecordType.DECISION_LABELLED.value:
            _keep_latest(self._labels, decision, _read_label(event))
        else:
            _keep_latest(self._reviews, decision, _read_review(event))

    def label_of(self, decision_id: str) -> Label | None:
        return self._labels.get(UUID(decision_id).int)

    def review_of(self, decision_id: str) -> Review | None:
        return self._reviews.get(UUID(decision_id).int)

    def _is_wanted(self, decision: UUID) -> bool:
        made_ms = time_of(decision)
        is_early = self._first_ms is not None and made_ms < self._first_ms
        return not is_early and (self._end_ms is None or made_ms < self._end_ms)


def _keep_latest(found: dict[int, Any], decision: UUID, one: Label | Review) -> None:
    before = found.get(decision.int)
    if before is None or before < one:
        found[decision.int] = one


def _read_label(event: Mapping[str, Any]) -> Label:
    data = event["data"]
    return Label(data["labelled_at"], event["id"], sys.intern(data["label"]), sys.intern(data["source"]))


def _read_review(event: Mapping[str, Any]) -> Review:
    data = event["data"]
    return Review(event["id"], sys.intern(data["verdict"]), data.get("outcome"))
