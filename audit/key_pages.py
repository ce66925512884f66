"""Pages of record keys: one key for each record that may hold something personal, destroyed one by one.

A page is up to 600 slots of 76 bytes, `[record id | wrapped key]`, in order of ids, and fits one property of a table's
row. A destroyed key is zeros. The row's key is the complement of the first id: the first row from the complement of
any id on is then the page that holds it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from audit.personal import WRAPPED_BYTES

PAGE_SLOTS = 600
ID_BYTES = 16
SLOT_BYTES = ID_BYTES + WRAPPED_BYTES
DESTROYED = bytes(WRAPPED_BYTES)


@dataclass(frozen=True, slots=True)
class KeyPage:
    """A page as it is kept; `generation` names the intermediate key that wraps its keys."""

    generation: str
    slots: bytes

    @property
    def first(self) -> UUID:
        return UUID(bytes=self.slots[:ID_BYTES])

    def __len__(self) -> int:
        return len(self.slots) // SLOT_BYTES

    def __iter__(self) -> Iterator[tuple[UUID, bytes]]:
        """Every record id with its wrapped key; zeros where it was destroyed."""
        for at in range(0, len(self.slots), SLOT_BYTES):
            yield UUID(bytes=self.slots[at : at + ID_BYTES]), self.slots[at + ID_BYTES : at + SLOT_BYTES]

    def holds(self, record_id: UUID) -> bool:
        """Whether the record has a slot here, with its key or without."""
        return self._slot(record_id) is not None

    def find(self, record_id: UUID) -> bytes | None:
        """The wrapped key; None where the page has none, or it was destroyed."""
        at = self._slot(record_id)
        if at is None:
            return None
        wrapped = self.slots[at + ID_BYTES : at + SLOT_BYTES]
        return None if wrapped == DESTROYED else wrapped

    def without(self, record_id: UUID) -> KeyPage:
        """The page with one key destroyed."""
        at = self._slot(record_id)
        if at is None:
            return self
        slots = self.slots[: at + ID_BYTES] + DESTROYED + self.slots[at + SLOT_BYTES :]
        return KeyPage(self.generation, slots)

    def _slot(self, record_id: UUID) -> int | None:
        found = bisect_left(range(len(self)), record_id.bytes, key=self._id_at)
        return found * SLOT_BYTES if found < len(self) and self._id_at(found) == record_id.bytes else None

    def _id_at(self, slot: int) -> bytes:
        return self.slots[slot * SLOT_BYTES : slot * SLOT_BYTES + ID_BYTES]


def build_page(generation: str, keys: Sequence[tuple[UUID, bytes]]) -> KeyPage:
    """A page of record ids, ascending, with their wrapped keys."""
    return KeyPage(generation, b"".join(record_id.bytes + wrapped for record_id, wrapped in keys))


def page_row(record_id: UUID) -> str:
    """The row key of the page that begins with an id; the search for an id's page begins at its own."""
    return f"{(1 << 128) - 1 - record_id.int:032x}"
