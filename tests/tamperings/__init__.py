"""Every way to tamper with a lake that the verifier claims to see through: what is done, and what has to be found.

Each one is a function that changes a sound `Case` in place. What is found is a kind, and where.
"""

from __future__ import annotations

from tests.tamperings import of_manifests, of_sealed_lines, of_segments, of_the_chain, of_the_end
from tests.tamperings.case import ALL, Case, Tampering

ROOMS = (of_segments, of_manifests, of_sealed_lines, of_the_chain, of_the_end)  # they add themselves to ALL

__all__ = ["ALL", "ROOMS", "Case", "Tampering"]
