"""Find a decision by its id, and name the rows that tie labels and reviews to it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from audit.records import RecordType
from flows.errors import LedgerUnavailable, NotFound, StorageFailed
from flows.ports import Ledger


async def find_decision(ledger: Ledger, decision_id: str) -> Mapping[str, object]:
    """The recorded event. Raises NotFound for an id that is no decision of this region, or LedgerUnavailable."""
    try:
        event = await ledger.find(UUID(decision_id))
    except ValueError:
        raise NotFound("decision") from None
    except StorageFailed as error:
        raise LedgerUnavailable("the ledger could not be read") from error
    if event is None or event["type"] != RecordType.DECISION_SCORED.value:
        raise NotFound("decision")
    return event


def labels_of(event: Mapping[str, object]) -> str:
    """The reservations' partition that holds a decision's labels."""
    return f"label-{event['id']}"


def reviews_of(event: Mapping[str, object]) -> str:
    """The reservations' partition that holds a decision's reviews."""
    return f"review-{event['id']}"
