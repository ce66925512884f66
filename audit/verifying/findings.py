"""What a check of a lake finds: one finding for one fault, with its place. `docs/verify.md` explains every kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_DETAIL_CHARACTERS = 600


class Kind(StrEnum):
    """Faults, but for those in WARNINGS."""

    MISSING_CHAIN = "missing_chain"
    MISSING_ENTRY = "missing_entry"
    DAMAGED_ENTRY = "damaged_entry"
    FALSE_ENTRY = "false_entry"
    FORGED_CHECKPOINT = "forged_checkpoint"
    MISSING_WINDOW = "missing_window"

    MISSING_MANIFEST = "missing_manifest"
    CHANGED_MANIFEST = "changed_manifest"
    FALSE_MANIFEST = "false_manifest"
    ADDED_MANIFEST = "added_manifest"

    MISSING_FILE = "missing_file"
    DAMAGED_FILE = "damaged_file"
    CHANGED_LINES = "changed_lines"
    MISSING_LINES = "missing_lines"
    ADDED_LINES = "added_lines"
    REPACKED_FILE = "repacked_file"
    FALSE_FILE = "false_file"
    ADDED_FILE = "added_file"
    SWAPPED_FILES = "swapped_files"

    TRUNCATED_TAIL = "truncated_tail"
    REPLACED_HISTORY = "replaced_history"

    MISSING_RECORD = "missing_record"
    OTHER_RECORD = "other_record"

    RECORDED_DIFFERENCE = "recorded_difference"
    UNWITNESSED = "unwitnessed"
    UNKNOWN_RECORD = "unknown_record"


WARNINGS = frozenset({Kind.RECORDED_DIFFERENCE, Kind.UNWITNESSED, Kind.UNKNOWN_RECORD})


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is a file of the lake, or the id of a record. What comes from the copy is in it as it was found, cut to
    a bounded length: whoever shows it escapes it."""

    kind: Kind
    where: str
    detail: str
    region: str = ""

    @property
    def is_warning(self) -> bool:
        return self.kind in WARNINGS


@dataclass(frozen=True, slots=True)
class Exchange:
    """A finding about content that may be another file's: `found` is what lies here, `expected` what should. Where
    two files hold each other's, they were swapped."""

    finding: Finding
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of the copy that were gone over; `known`: bytes that there are to go over."""

    done: int = 0
    known: int = 0


Step = Finding | Exchange | Progress


def shorten(text: object) -> str:
    """At most some hundred characters of what a copy says."""
    words = str(text)
    return words if len(words) <= MAX_DETAIL_CHARACTERS else f"{words[:MAX_DETAIL_CHARACTERS]}..."


def list_some(names: list[str], shown: int = 5) -> str:
    """`a, b and 3 more`."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
