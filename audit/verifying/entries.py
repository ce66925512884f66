"""One entry of a chain beside its manifest and the tree before it: where they contradict one another."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec

from audit.chain import ChainEntry, InvalidEntry
from audit.layout import manifest_name, read_name
from audit.merkle import Tree, leaf_hash
from audit.verifying.findings import shorten
from audit.windows import DAY_S, parse_window


class _WindowForm(msgspec.Struct):
    name: str
    seconds: Annotated[int, msgspec.Meta(ge=1, le=DAY_S)]


class ManifestForm(msgspec.Struct):
    """As much of a manifest as the chain speaks of."""

    kind: str
    correction: int
    window: _WindowForm


_read_manifest = msgspec.json.Decoder(ManifestForm).decode


@dataclass(frozen=True, slots=True)
class Leaf:
    """A manifest as it lies there, and what it says (None: nothing that can be read)."""

    name: str
    size: int
    digest: bytes
    hash: bytes
    form: ManifestForm | None

    def is_named_by(self, entry: ChainEntry) -> bool:
        return (self.digest.hex(), self.size) == (entry.manifest.sha256, entry.manifest.bytes)


def read_leaf(name: str, content: bytes) -> Leaf:
    """The leaf that a manifest's file is."""
    return Leaf(name, len(content), sha256(content).digest(), leaf_hash(content), _read_form(content))


def fault_of(entry: ChainEntry, own: Tree | None, grown: Tree | None, leaf: Leaf | None) -> str:
    """What contradicts what in an entry. `own` is the tree that it says, `grown` the one that it has to be, `leaf`
    its manifest."""
    if own is None:
        return "its size, root and frontier don't fit together"
    if grown is not None and grown.frontier != own.frontier:
        return f"its root is not that of the manifests up to it, which is {grown.root.hex()}"
    kind = "correction" if entry.correction else "window"
    if (entry.manifest.name, entry.kind) != (manifest_of(entry), kind):
        return f"its window, kind and correction don't fit the manifest that it names, {shorten(entry.manifest.name)}"
    return _fault_against(entry, leaf) if leaf else ""


def _fault_against(entry: ChainEntry, leaf: Leaf) -> str:
    """What an entry says of its manifest that isn't so."""
    if not leaf.is_named_by(entry):
        return "it says another SHA-256 or size of its manifest than the one has that its tree holds"
    form = leaf.form
    if form and (form.window.name, form.kind, form.correction) != (entry.window, entry.kind, entry.correction):
        return f"its manifest is the {shorten(form.kind)} {form.correction} of {shorten(form.window.name)}"
    return ""


def tree_of(entry: ChainEntry) -> Tree | None:
    """The tree that the entry says, where its size, root and frontier agree."""
    try:
        tree = entry.tree
    except InvalidEntry:
        return None
    return tree if (tree.size, tree.root.hex()) == (entry.sequence + 1, entry.root) else None


def grow(tree: Tree | None, leaf: Leaf | None) -> Tree | None:
    """A tree with one leaf more; None where either is not known."""
    if tree is None or leaf is None:
        return None
    grown = Tree(tree.size, tree.frontier)
    grown.append(leaf.hash)
    return grown


def manifest_of(entry: ChainEntry) -> str:
    """The name of the manifest of the entry's window; empty where it has no window."""
    try:
        name = manifest_name(entry.region, parse_window(entry.window, 1), entry.correction)
    except (ValueError, OverflowError):
        return ""
    place = read_name(name)
    return name if place and (place.window, place.correction) == (entry.window, entry.correction) else ""


def _read_form(manifest: bytes) -> ManifestForm | None:
    try:
        return _read_manifest(manifest)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
