"""Find a decision by its id, in the ledger or in the lake, and name the rows that tie labels and reviews to it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from audit.ids import parse_id
from audit.records import RecordType
from flows.errors import Erased, NotFound
from flows.records.open_records import Opened, State
from flows.records.read_records import ReadRecords
from flows.unavailable import told_as_unavailable


async def find_decision(records: ReadRecords, decision_id: str) -> Opened:
    """The decision. Raises NotFound for an id that is no decision of this region, Archived or StorageUnavailable."""
    with told_as_unavailable("the decision could not be read"):
        found = await records.find(_read_id(decision_id))
    if found is None or not _is_decision(found.event):
        raise NotFound("decision")
    return found


async def find_readable(records: ReadRecords, decision_id: str) -> Mapping[str, object]:
    """The decision of a person who was not erased. Raises Erased, or as above."""
    found = await find_decision(records, decision_id)
    if found.state is State.ERASED:
        raise Erased("decision")
    return found.event


async def find_rest(records: ReadRecords, decision_id: str) -> Mapping[str, object]:
    """The decision without what was personal, whether or not that can be read. Raises as above."""
    with told_as_unavailable("the decision could not be read"):
        event = await records.find_rest(_read_id(decision_id))
    if event is None or not _is_decision(event):
        raise NotFound("decision")
    return event


def labels_of(event: Mapping[str, object]) -> str:
    """The reservations' partition that holds a decision's labels."""
    return f"label-{event['id']}"


def reviews_of(event: Mapping[str, object]) -> str:
    """The reservations' partition that holds a decision's reviews."""
    return f"review-{event['id']}"


def _is_decision(event: Mapping[str, object]) -> bool:
    return event["type"] == RecordType.DECISION_SCORED.value


def _read_id(text: str) -> UUID:
    try:
        return parse_id(text)
    except ValueError:
        raise NotFound("decision") from None
