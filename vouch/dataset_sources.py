"""What a dataset is made from: windows of decisions that the chain reaches, and the labels of later ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.canonical import read_canonical
from audit.chain import ChainEntry
from audit.segments import read_head
from flows.replaying.hindsight import KINDS, Hindsight
from vouch.opened_copies import OpenedCopy, show_progress
from vouch.records import SealedWindow, list_windows, read_end_of_chain, read_lines

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Sources:
    """What a dataset is made from: the chain's newest entry, the windows of its decisions, and those that were looked
    through for labels."""

    region: str
    newest: ChainEntry
    decided: Sequence[SealedWindow]
    labelled: Sequence[SealedWindow]


def find_sources(copy: OpenedCopy, first: str, last: str, labels_to: str) -> Sources:
    """Decisions of windows from `first` on and before `last`, labels of windows before `labels_to`: RFC 3339, or empty.

    What the chain doesn't reach is not signed yet, and not taken. The chain is read before the manifests, since a
    region's lake grows meanwhile. Raises Unreadable."""
    newest, reached = read_end_of_chain(copy.files, copy.name)
    until = max(last, labels_to) if last and labels_to else ""
    windows = [window for window in list_windows(copy.files, copy.name, first, until) if window.name <= reached]
    return Sources(
        copy.name,
        newest,
        decided=[window for window in windows if not last or window.start < last],
        labelled=[window for window in windows if not labels_to or window.start < labels_to],
    )


def look_back(copy: OpenedCopy, sources: Sources) -> Hindsight:
    """The labels and reviews of the decisions that are wanted. A decision's id may be of a time after its window, where
    the clock was fast, which none is by a day. Raises Unreadable."""
    if not sources.decided:
        return Hindsight()
    first, end = sources.decided[0].start, sources.decided[-1].end
    hindsight = Hindsight(_unix_ms(first), _unix_ms(end) + DAY_MS)

    def take_in(line: bytes) -> None:
        if read_head(line).type in KINDS:
            hindsight.add(read_canonical(line))

    for window in show_progress(sources.labelled, "Labels"):
        for file in window.segments:
            if file.types.keys() & set(KINDS):
                for _ in read_lines(copy.files, file, take_in):
                    pass
    return hindsight


def _unix_ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
