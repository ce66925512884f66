"""Records for tests, much like a decision's."""

from __future__ import annotations

from uuid import UUID

from audit.counters import Tally
from audit.records import Record, RecordType, build_record

OUTCOMES = ("approve", "review", "decline")


def make_record(record_id: UUID, deal_id: str, text: str = "") -> Record:
    outcome = OUTCOMES[record_id.int % 3]
    risk_score = record_id.int % 1001
    return build_record(
        record_id=record_id,
        kind=RecordType.DECISION_SCORED,
        region="westeurope",
        time="2026-11-23T21:00:00.000Z",
        data={"outcome": outcome, "score": 0.25, "risk_score": risk_score, "caller": "tests"},
        personal={
            "deal_id": deal_id,
            "features": {"amount": 1250.0, "text": text},
            "contributions": [0.1, -2.5e-7, 0.0],
        },
        salt="00" * 16,
        tally=Tally(
            record_type=RecordType.DECISION_SCORED.value,
            model="deal-fraud",
            version="1.0.0",
            policy="standard/1",
            generation=1,
            outcome=outcome,
            latency_ms=float(record_id.int % 90),
            risk_score=risk_score,
        ),
    )
