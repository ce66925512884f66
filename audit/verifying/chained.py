"""What a chain says of its region, once it was gone over: which windows it has reached, and what can be believed."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.notes import Checkpoint
from audit.windows import Window


@dataclass(slots=True)
class Chained:
    """What the chain of a region says: which windows it has reached, from `first_s` to `end_s`.

    `named`: the SHA-256 of every manifest that is what its entry names; `spoiled`: windows with a manifest that isn't,
    `gaps`: times whose windows are lost, so that nothing can be said of the files of either; `holes`: how many
    entries are lost, `unplaced`: how many of them were not of a window in a gap, so that no one knows what they named.
    """

    entries: int = 0
    windows: int = 0
    corrections: int = 0
    first_s: int | None = None
    end_s: int | None = None
    named: set[bytes] = field(default_factory=set)
    spoiled: set[str] = field(default_factory=set)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    holes: int = 0
    unplaced: int = 0
    checkpoint: Checkpoint | None = None
    committed_at: str = ""

    def covers(self, unix_s: int) -> bool:
        """Whether the chain has reached the window of a time."""
        return self.first_s is not None and self.end_s is not None and self.first_s <= unix_s < self.end_s

    def is_spoiled(self, window: Window) -> bool:
        return window.name in self.spoiled or any(low <= window.start_s < high for low, high in self.gaps)
