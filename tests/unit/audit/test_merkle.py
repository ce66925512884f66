"""The trees are those of RFC 6962: by the vectors of Certificate Transparency's own tests, and by its definition."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import (
    EMPTY_ROOT,
    NotConsistent,
    Tree,
    check_consistency,
    leaf_hash,
    leaf_hashes,
    prove_consistency,
    prove_last,
    root_by_inclusion,
    root_of,
)
from audit.paths import PathTree

INPUTS = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
N10, N20, N22 = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
L4, L6, N23 = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
N12 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSIONS = [
    (0, 1, []),
    (0, 8, [N10, N20, N22]),
    (5, 8, [L4, N23, ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], N20, L4]),
]
CONSISTENCIES = [
    (1, 1, []),
    (1, 8, [N10, N20, N22]),
    (6, 8, [N12, N23, ROOTS[3]]),
    (2, 5, [N20, L4]),
    (6, 7, [N12, L6, ROOTS[3]]),
]
LEAVES = leaf_hashes(INPUTS)


def tree_over(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def defined_root(inputs: list[bytes]) -> bytes:
    """MTH as RFC 6962, section 2.1, defines it."""
    if not inputs:
        return sha256(b"").digest()
    if len(inputs) == 1:
        return sha256(b"\x00" + inputs[0]).digest()
    half = max(1 << power for power in range(len(inputs).bit_length()) if 1 << power < len(inputs))
    return sha256(b"\x01" + defined_root(inputs[:half]) + defined_root(inputs[half:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots_are_those_of_the_tree(size: int) -> None:
    assert tree_over(LEAVES[:size]).root.hex() == root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_empty_tree_is_the_hash_of_nothing() -> None:
    assert Tree().root == EMPTY_ROOT == sha256().digest()


def path_to(leaves: Sequence[bytes], index: int) -> list[bytes]:
    tree = PathTree()
    for number, leaf in enumerate(leaves):
        tree.append(leaf, is_wanted=number == index)
    return tree.path


@pytest.mark.parametrize(("index", "size", "path"), INCLUSIONS)
def test_published_inclusion_path_is_the_one(index: int, size: int, path: list[str]) -> None:
    assert [part.hex() for part in path_to(LEAVES[:size], index)] == path
    root = root_by_inclusion(LEAVES[index], index, size, [bytes.fromhex(part) for part in path])
    assert root.hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCIES)
def test_published_consistency_proof_is_the_one(old: int, size: int, proof: list[str]) -> None:
    assert [part.hex() for part in prove_consistency(tree_over(LEAVES[:old]), LEAVES[old:size])] == proof
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[size - 1])
    check_consistency(old, roots[0], size, roots[1], [bytes.fromhex(part) for part in proof])


SIZES = st.integers(0, 70)


def inputs_of(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_root_is_the_defined_one(inputs: list[bytes]) -> None:
    assert root_of(leaf_hash(data) for data in inputs) == defined_root(inputs)


@given(st.lists(SIZES, max_size=6))
def test_extending_by_any_blocks_is_appending(blocks: list[int]) -> None:
    extended, leaves = Tree(), leaf_hashes(inputs_of(sum(blocks)))
    done = 0
    for block in blocks:
        extended.extend(leaves[done : done + block])
        done += block
        appended = tree_over(leaves[:done])
        assert (extended.size, extended.frontier) == (appended.size, appended.frontier)
        assert Tree(extended.size, extended.frontier).root == defined_root(inputs_of(done))


@given(SIZES.filter(bool), st.data())
def test_every_leaf_is_included_and_nowhere_else(size: int, data: st.DataObject) -> None:
    leaves = leaf_hashes(inputs_of(size))
    index = data.draw(st.integers(0, size - 1))
    path, root = path_to(leaves, index), root_of(leaves)
    assert root_by_inclusion(leaves[index], index, size, path) == root
    elsewhere = data.draw(st.integers(0, size - 1))
    if elsewhere != index:
        with suppress(NotConsistent):
            assert root_by_inclusion(leaves[index], elsewhere, size, path) != root
    if path:
        with pytest.raises(NotConsistent):
            root_by_inclusion(leaves[index], index, size, path[:-1])
    with pytest.raises(NotConsistent):
        root_by_inclusion(leaves[index], index, size, [*path, root])


@given(SIZES)
def test_path_of_the_last_leaf_is_the_frontier_before_it(size: int) -> None:
    leaves = leaf_hashes(inputs_of(size + 1))
    assert prove_last(tree_over(leaves[:-1])) == path_to(leaves, size)


@given(SIZES, SIZES)
def test_tree_is_consistent_with_every_one_it_has_grown_from(old: int, added: int) -> None:
    leaves = leaf_hashes(inputs_of(old + added))
    before, root = tree_over(leaves[:old]), root_of(leaves)
    proof = prove_consistency(before, leaves[old:])
    check_consistency(old, before.root, old + added, root, proof)
    if old and added:
        with pytest.raises(NotConsistent):
            check_consistency(old, root, old + added, root, proof)
        with pytest.raises(NotConsistent):
            check_consistency(old, before.root, old + added, before.root, proof)
    if proof:
        for wrong in (proof[:-1], [*proof, root], [root, *proof[1:]]):
            with pytest.raises(NotConsistent):
                check_consistency(old, before.root, old + added, root, wrong)


@pytest.mark.parametrize(
    ("size", "frontier"), [(-1, []), (1, []), (2, [EMPTY_ROOT] * 2), (3, [EMPTY_ROOT]), (1, [b"short"])]
)
def test_frontier_of_another_size_is_refused(size: int, frontier: list[bytes]) -> None:
    with pytest.raises(NotConsistent):
        Tree(size, frontier)


@pytest.mark.parametrize(("old", "size"), [(-1, 3), (4, 3)])
def test_tree_can_not_have_shrunk(old: int, size: int) -> None:
    with pytest.raises(NotConsistent):
        check_consistency(old, EMPTY_ROOT, size, EMPTY_ROOT, [])


def test_leaf_that_is_not_there_has_no_root() -> None:
    with pytest.raises(NotConsistent):
        root_by_inclusion(LEAVES[0], 8, 8, [])
