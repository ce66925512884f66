"""Merkle trees by RFC 6962's own words."""

from __future__ import annotations

import hashlib


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    if not leaves:
        return hashlib.sha256().digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def subtree_spans(size: int) -> list[tuple[int, int]]:
    spans, low = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            spans.append((low, low + (1 << bit)))
            low += 1 << bit
    return spans


def fold(frontier: list[bytes]) -> bytes:
    root = frontier[-1] if frontier else hashlib.sha256().digest()
    for part in frontier[-2::-1]:
        root = hashlib.sha256(b"\x01" + part + root).digest()
    return root


def grow(frontier: list[str], size: int, leaf: bytes) -> list[str]:
    """The frontier with one leaf more: as many of its ends are joined as the size ends in binary ones."""
    node = hashlib.sha256(b"\x00" + leaf).digest()
    while size % 2 == 1:
        node = hashlib.sha256(b"\x01" + bytes.fromhex(frontier.pop()) + node).digest()
        size //= 2
    return [*frontier, node.hex()]
