"""Everything that was recorded about a person, opened, a page at a time: their right of access.

Each of their records comes with those that speak of it: labels and reviews of a decision. A record in an offline tier
says where it lies. The access is recorded with a commitment to whom it was; the salt is the requester's receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.records import RecordType
from flows.calls import Call
from flows.ports import Entropy
from flows.privacy.erase_subject import SALT_BYTES, commit_to
from flows.records.mentions import FindMentions
from flows.records.read_records import Found, ReadRecords
from flows.unavailable import told_as_unavailable
from flows.write_record import Note, WriteRecord


@dataclass(frozen=True, slots=True)
class Accessed:
    """A page of a person's records, in order of ids, each `{record, record_digest, erased, about}` or `{record_id,
    archived, about}`; `total` counts them all."""

    records: Sequence[Mapping[str, Any]]
    next: str | None
    total: int
    commitment: str
    salt: str


class AccessSubject:
    def __init__(self, mentions: FindMentions, records: ReadRecords, write: WriteRecord, entropy: Entropy) -> None:
        self._mentions = mentions
        self._records = records
        self._write = write
        self._entropy = entropy

    async def __call__(self, call: Call, subject: str, after: UUID | None, most: int) -> Accessed:
        """At most `most` records and whatever speaks of them. Raises StorageUnavailable, or what recording it
        raises."""
        salt = self._entropy.token_hex(SALT_BYTES)
        with told_as_unavailable("the person's records could not be read"):
            mentioned = await self._mentions.of(await self._mentions.who(subject))
            ids = sorted(one for one in mentioned.records if after is None or one > after)
            page = ids[:most]
            about = {record_id: sorted(mentioned.about.get(record_id, ())) for record_id in page}
            found = await self._records.find_all([*page, *(one for some in about.values() for one in some)])
        records = [{**entry, "about": _entries(found, about[one])} for one in page for entry in _entries(found, [one])]
        commitment = commit_to(salt, subject)
        data = {
            "purpose": "subject access",
            "commitment": commitment,
            "count": len(records),
            "caller": call.caller.id,
            "request_id": call.request_id,
        }
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        following = str(page[-1]) if len(ids) > most else None
        return Accessed(records, following, len(mentioned.records), commitment, salt)


def _entries(found: Found, record_ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Those of the records that are there, as they are shown."""
    entries: list[dict[str, Any]] = []
    for record_id in record_ids:
        if record_id in found.opened:
            entries.append(found.opened[record_id].shown())
        elif record_id in found.archived:
            entries.append({"record_id": str(record_id), "archived": found.archived[record_id]})
    return entries
