"""Suppression: which counts of a partition are told, so that none that is told, and no sum, gives a small one away.

A partition is a group of decisions told apart by one thing (outcome, bin of a histogram); whoever reads it knows how
many the group has, and these rules. A count from 1 to `below` - 1 is small. An empty one stays 0: it counts nobody.

1. Small counts are hidden.
2. Where that hides a single one, or counts that are all 1 or all `below` - 1, the next smallest are hidden too: every
   count that is as large.
3. Where at least half of the group is hidden then, everything is, the empty ones too.

Why no hidden count can be worked out: the rules look at counts, never at places, so that the hidden ones could stand in
any other order and the same would be told. What is left are counts that are all equal; then one of them could be one
more and another one less, and the same would be told again. The tests go through every partition up to a size.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST_BELOW = 3


def suppress(counts: Sequence[int], below: int) -> list[int | None]:
    """The counts of a partition as they may be told; None is hidden. `below` is at least 3: among fewer, a small count
    could only be 1."""
    if below < LEAST_BELOW:
        raise ValueError(f"counts can be suppressed below {LEAST_BELOW} or more, not below {below}")
    small = [count for count in counts if 0 < count < below]
    if not small:
        return list(counts)
    highest = _highest_hidden(counts, small, below)
    hidden = sum(count for count in counts if count <= highest)
    if 2 * hidden >= sum(counts):
        return [None] * len(counts)
    return [None if 0 < count <= highest else count for count in counts]


def _highest_hidden(counts: Sequence[int], small: Sequence[int], below: int) -> int:
    """The largest count to be hidden."""
    needs_more = len(small) == 1 or set(small) in ({1}, {below - 1})
    larger = [count for count in counts if count >= below]
    return min(larger, default=below - 1) if needs_more else below - 1
