"""Claims of 1996 that are scored and labelled as soon as the system stands.

What is to be learnt from them has to be sealed first. That takes the time of a window and its grace, which the other
tests fill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from audit.times import format_second
from local.replay import choose_claims
from training.claims import Claim

ALL, EACH, CALLERS = 10_000, 150, 8
LABELLED_AT = "2026-12-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class LabelledClaims:
    """What became of the claims, by decision id: whether they were fraud, as their labels say; the one decision whose
    person was erased; and the time, RFC 3339, by which everything was recorded."""

    frauds: Mapping[str, bool]
    erased: str
    recorded_by: str


def choose_labelled() -> list[Claim]:
    """As many frauds as genuine claims, so that a few hundred are enough to learn from."""
    claims = choose_claims(ALL)
    frauds = [claim for claim in claims if claim.is_fraud][:EACH]
    genuine = [claim for claim in claims if not claim.is_fraud][: EACH * 9 : 9]
    return [claim for pair in zip(frauds, genuine, strict=True) for claim in pair]


def score_and_label(ask: Callable[..., Any], region: str) -> LabelledClaims:
    """One batch, then a label for each decision, a few at a time; then the first claim's person is erased. `ask` is
    `Reachable.request`."""
    claims = choose_labelled()
    deals = [
        {"deal_id": f"learn-{number}", "subjects": [f"holder-{number}"], "features": claim.features}
        for number, claim in enumerate(claims)
    ]
    answer = ask(region, "POST", "/api/v1/deals:scoreBatch", role="scorer", body={"deals": deals})
    assert answer.status == 200, answer.body
    ids = [result["decision"]["decision_id"] for result in answer.json()["results"]]
    frauds = {decision: claim.is_fraud for decision, claim in zip(ids, claims, strict=True)}

    def label(decision: str) -> None:
        body = {
            "label": "fraud" if frauds[decision] else "genuine", "source": "claims-desk", "labelled_at": LABELLED_AT,
        }  # fmt: skip
        said = ask(region, "POST", f"/api/v1/decisions/{decision}:label", role="labeller", body=body)
        assert said.status == 200, said.body

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(label, ids))
    body = {"subject": "holder-0", "reason": "asked for it"}
    erased = ask(region, "POST", "/api/v1/subjects:erase", role="privacy", body=body)
    assert erased.status == 200, erased.body
    return LabelledClaims(frauds, ids[0], format_second(int(time.time()) + 1))
