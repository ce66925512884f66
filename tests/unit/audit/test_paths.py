"""The audit path of one leaf, found in passing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import EMPTY_ROOT, leaf_hash, root_by_inclusion, root_of
from audit.paths import PathTree

SIZES = st.integers(1, 70)


@given(SIZES, st.data())
def test_path_found_in_passing_leads_to_the_root(size: int, data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, size - 1))
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree = PathTree()
    for number, leaf in enumerate(leaves):
        tree.append(leaf, is_wanted=number == wanted)
    assert (tree.index, tree.size, tree.root) == (wanted, size, root_of(leaves))
    assert root_by_inclusion(leaves[wanted], wanted, size, tree.path) == tree.root


def test_tree_without_a_wanted_leaf_has_no_path() -> None:
    tree = PathTree()
    assert tree.root == EMPTY_ROOT
    tree.append(leaf_hash(b"a"))
    with pytest.raises(IndexError):
        _ = tree.path
