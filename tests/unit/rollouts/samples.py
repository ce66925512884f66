"""Readings that the tests start from."""

from __future__ import annotations

from rollouts.readings import Counts, Reading

BOUNDS = (1.0, 2.0, 5.0, 10.0)
GOOD = Counts(1000, 0, {"approve": 900, "review": 60, "decline": 40}, {1: 900, 2: 100}, {5: 500, 20: 500})
EVEN = {("approve", "approve"): 940, ("decline", "decline"): 40, ("approve", "decline"): 20}
READING = Reading(GOOD, GOOD, EVEN, BOUNDS)
