"""The chain: every entry makes the next one, and is read as it was written or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical_json
from audit.chain import InvalidEntry, draft_entry, next_window, read_entry
from audit.layout import chain_name
from audit.manifests import read_manifest
from audit.merkle import leaf_hash, root_of
from audit.notes import open_note
from audit.windows import Window
from tests.lakes import FIRST, after, sound_lake

LAKE = sound_lake()
ENTRIES = [LAKE.files[chain_name("westeurope", number)] for number in range(5)]


def test_every_entry_is_the_tree_of_all_manifests_up_to_it() -> None:
    leaves = []
    for number, content in enumerate(ENTRIES):
        entry = read_entry(content)
        leaves.append(leaf_hash(LAKE.files[entry.manifest.name]))
        assert (entry.sequence, entry.size, entry.tree.size) == (number, number + 1, number + 1)
        assert entry.root == entry.tree.root.hex() == root_of(leaves).hex()
        checkpoint = open_note(entry.checkpoint, [LAKE.verifier_key])
        assert (checkpoint.size, checkpoint.root.hex()) == (entry.size, entry.root)
        assert checkpoint.extensions == (f"committed_at {entry.committed_at}",)


def test_entry_reads_as_it_was_written() -> None:
    assert [read_entry(content).to_bytes() for content in ENTRIES] == ENTRIES


def test_next_entry_follows_from_the_last_and_its_manifest_alone() -> None:
    last, following = read_entry(ENTRIES[3]), read_entry(ENTRIES[4])
    content = LAKE.files[following.manifest.name]
    draft = draft_entry(last, following.manifest.name, content, read_manifest(content))
    assert draft.sign(following.checkpoint, following.committed_at) == following
    assert draft.checkpoint("vouch/westeurope", following.committed_at) == open_note(
        following.checkpoint, [LAKE.verifier_key]
    )


def test_drafting_changes_nothing_of_the_last_entry() -> None:
    last = read_entry(ENTRIES[3])
    content = LAKE.files[last.manifest.name]
    first, second = (draft_entry(last, "name", content, read_manifest(content)).tree.root for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        ENTRIES[0] + b" ",
        ENTRIES[0].replace(b"vouch.chain.v1", b"vouch.chain.v2"),
        ENTRIES[0].replace(b'"kind"', b'"kind":"window","kind"'),
        ENTRIES[0][:-1] + b',"x":1}',
        ENTRIES[0][:-1] + b',"x":' + b"[" * 100_000,
        canonical_json({**json.loads(ENTRIES[0]), "size": "1"}),
        canonical_json({**json.loads(ENTRIES[0]), "manifest": None}),
        canonical_json({**json.loads(ENTRIES[0]), "manifest": {"name": "a", "sha256": "b", "bytes": 1, "more": 2}}),
    ],
)
def test_bytes_that_are_no_entry_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidEntry):
        read_entry(content)


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(InvalidEntry):
        read_entry(content)


@pytest.mark.parametrize(
    ("size", "frontier"), [(-1, ()), (2, ("00" * 32, "00" * 32)), (1, ("00" * 31,)), (1, ("zz" * 32,)), (2**80, ())]
)
def test_frontier_that_is_none_is_told(size: int, frontier: tuple[str, ...]) -> None:
    with pytest.raises(InvalidEntry):
        replace(read_entry(ENTRIES[0]), size=size, frontier=frontier).tree  # noqa: B018


def test_windows_follow_one_another_without_a_gap() -> None:
    assert next_window(None, FIRST) == FIRST
    assert next_window(FIRST, FIRST) == after(FIRST)
    assert next_window(Window(FIRST.start_s, 60), FIRST) == Window(FIRST.start_s + 60, 60)
