"""Merkle trees of RFC 6962 (RFC 9162, section 2.1): roots, inclusion and consistency.

A tree grows at its right end only, so all that it takes to go on is its frontier: the roots of the perfect subtrees
that it consists of, largest first, one for each bit of its size. Hashes are 32 bytes of SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256().digest()
HASH_BYTES = 32


class NotConsistent(ValueError):
    """A proof that proves nothing; the message says why."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def leaf_hashes(lines: Iterable[bytes]) -> list[bytes]:
    """Of many at once."""
    return [sha256(b"\x00" + line).digest() for line in lines]


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree, as its size and frontier."""

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        """Raises NotConsistent where the frontier is not one of that size."""
        if size < 0 or len(frontier) != size.bit_count() or any(len(part) != HASH_BYTES for part in frontier):
            raise NotConsistent(f"a tree of {size} leaves has a frontier of {max(size, 0).bit_count()} hashes")
        self.size = size
        self._frontier = list(frontier)

    @property
    def frontier(self) -> tuple[bytes, ...]:
        return tuple(self._frontier)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        size, grown = self.size, leaf
        while size & 1:
            grown = node_hash(self._frontier.pop(), grown)
            size >>= 1
        self._frontier.append(grown)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves by their hashes: level by level, which takes the time of the hashes and little more."""
        nodes, singles, level = list(leaves), [], 0
        size = self.size
        self.size += len(nodes)
        while nodes:
            if size >> level & 1:
                nodes.insert(0, self._frontier.pop())
            if len(nodes) & 1:
                singles.append(nodes.pop())
            nodes = [
                sha256(b"\x01" + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=True)
            ]
            level += 1
        self._frontier += reversed(singles)

    @property
    def root(self) -> bytes:
        return join_subtrees(self._frontier)


def join_subtrees(roots: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, given by their roots, largest first."""
    if not roots:
        return EMPTY_ROOT
    *larger, root = roots
    for part in reversed(larger):
        root = node_hash(part, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root


def prove_last(before: Tree) -> list[bytes]:
    """The audit path of the leaf that comes right after a tree, in the tree that it makes."""
    return list(reversed(before.frontier))


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an audit path leads to (RFC 9162, section 2.1.3.2). Raises NotConsistent."""
    if not 0 <= index < size:
        raise NotConsistent(f"no leaf {index} in a tree of {size}")
    return _climb(leaf, index, size - 1, path, "path")[1]


def prove_consistency(old: Tree, added: Sequence[bytes]) -> list[bytes]:
    """The proof (RFC 9162, section 2.1.4.1) from a tree that has leaves to the one with these leaf hashes added."""
    if old.size == 0:
        return []
    known = _subtrees(old)
    return _prove(known, old.size, added, 0, old.size + len(added), is_old=True)


def check_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check a proof (RFC 9162, section 2.1.4.2). Raises NotConsistent."""
    if not 0 <= old_size <= size:
        raise NotConsistent(f"a tree of {size} leaves can't have grown from one of {old_size}")
    if old_size in {0, size}:
        if proof or (old_size and old_root != root):
            raise NotConsistent("trees of one size differ" if old_size else "the empty tree needs no proof")
        return
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    found_old, found = _fold_consistency(path, old_size, size)
    if found_old != old_root or found != root:
        raise NotConsistent("the proof leads to other roots")


def _fold_consistency(path: Sequence[bytes], old_size: int, size: int) -> tuple[bytes, bytes]:
    if not path:
        raise NotConsistent("the proof is empty")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    return _climb(path[0], position, last, path[1:], "proof")


def _climb(node: bytes, position: int, last: int, path: Sequence[bytes], what: str) -> tuple[bytes, bytes]:
    """From a node of a level whose last one is `last` upwards: the root of the tree that ends with it, and the root of
    the whole (RFC 9162, sections 2.1.3.2 and 2.1.4.2, whose loops are one). Raises NotConsistent."""
    left_root = root = node
    for part in path:
        if last == 0:
            raise NotConsistent(f"the {what} is longer than the tree is high")
        if position & 1 or position == last:
            left_root, root = node_hash(part, left_root), node_hash(part, root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            root = node_hash(root, part)
        position, last = position >> 1, last >> 1
    if last:
        raise NotConsistent(f"the {what} is shorter than the tree is high")
    return left_root, root


def _prove(
    known: Mapping[tuple[int, int], bytes], old_size: int, added: Sequence[bytes], low: int, high: int, *, is_old: bool
) -> list[bytes]:
    """SUBPROOF over the leaves `low` to `high`; `known` holds the old tree's perfect subtrees."""
    if old_size == high:
        return [] if is_old else [_range_root(known, old_size, added, low, high)]
    middle = low + _largest_power_below(high - low)
    if old_size <= middle:
        left = _prove(known, old_size, added, low, middle, is_old=is_old)
        return [*left, _range_root(known, old_size, added, middle, high)]
    right = _prove(known, old_size, added, middle, high, is_old=False)
    return [*right, _range_root(known, old_size, added, low, middle)]


def _range_root(
    known: Mapping[tuple[int, int], bytes], old_size: int, added: Sequence[bytes], low: int, high: int
) -> bytes:
    if (low, high) in known:
        return known[low, high]
    if low >= old_size:
        return root_of(added[low - old_size : high - old_size])
    middle = low + _largest_power_below(high - low)
    left = _range_root(known, old_size, added, low, middle)
    return node_hash(left, _range_root(known, old_size, added, middle, high))


def _subtrees(tree: Tree) -> dict[tuple[int, int], bytes]:
    """The perfect subtrees of a tree, by the leaves that they span."""
    spans, low = {}, 0
    for part in tree.frontier:
        width = 1 << ((tree.size - low).bit_length() - 1)
        spans[low, low + width] = part
        low += width
    return spans


def _largest_power_below(number: int) -> int:
    """The largest power of two that is smaller than a number above 1."""
    return 1 << ((number - 1).bit_length() - 1)
