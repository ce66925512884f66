"""The audit path of one leaf, found while the leaves go by: what is kept is a hash for each level of the tree.

The leaf lies in one of the perfect subtrees that the tree consists of so far. Whenever that one is joined with
another, the other's root is the next step of the path.
"""

from __future__ import annotations

from audit.merkle import join_subtrees, node_hash


class PathTree:
    """A growing tree that knows the path of the leaf that was wanted, among all that follow it, too."""

    def __init__(self) -> None:
        self.size = 0
        self.index: int | None = None
        self._subtrees: list[bytes] = []
        self._holder = -1  # which of the subtrees holds the leaf
        self._steps: list[bytes] = []

    def append(self, leaf: bytes, *, is_wanted: bool = False) -> None:
        """Add a leaf by its hash."""
        if is_wanted:
            self.index = self.size
        size, grown, holds = self.size, leaf, is_wanted
        while size & 1:
            left = self._subtrees.pop()
            if holds:
                self._steps.append(left)
            elif self._holder == len(self._subtrees):
                self._steps.append(grown)
                holds = True
            grown, size = node_hash(left, grown), size >> 1
        self._subtrees.append(grown)
        if holds:
            self._holder = len(self._subtrees) - 1
        self.size += 1

    @property
    def root(self) -> bytes:
        return join_subtrees(self._subtrees)

    @property
    def path(self) -> list[bytes]:
        """From the leaf upwards (RFC 9162, section 2.1.3.1). Raises IndexError where none was wanted."""
        if self.index is None:
            raise IndexError("no leaf was wanted")
        later = self._subtrees[self._holder + 1 :]
        above = [join_subtrees(later)] if later else []
        return [*self._steps, *above, *reversed(self._subtrees[: self._holder])]
