"""The chain: one entry for every manifest, each with the signed checkpoint of the region's tree that ends with it.

Entry `n` holds the frontier of the tree of size `n + 1`, so that the next entry follows from it and the next manifest
alone, and a checkpoint can be checked by whoever has the manifests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from audit.canonical import canonical_json
from audit.manifests import Manifest
from audit.merkle import NotConsistent, Tree, leaf_hash
from audit.notes import Checkpoint
from audit.windows import Window

FORMAT = "vouch.chain.v1"


class InvalidEntry(ValueError):
    """Bytes that are no entry of a chain; the message says why."""


@dataclass(frozen=True, slots=True)
class ManifestRef:
    """A manifest as the chain names it; `sha256` is that of the file, hex, `bytes` its size."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """`window` is the window's name; `root` and `frontier` are hex; `checkpoint` is a signed note."""

    region: str
    sequence: int
    manifest: ManifestRef
    window: str
    kind: str
    correction: int
    size: int
    root: str
    frontier: Sequence[str]
    checkpoint: str
    committed_at: str

    @property
    def tree(self) -> Tree:
        """The tree that ends with this entry. Raises InvalidEntry."""
        try:
            return Tree(self.size, [bytes.fromhex(part) for part in self.frontier])
        except (ValueError, NotConsistent) as error:
            raise InvalidEntry(f"its frontier is none: {error}") from None

    def to_bytes(self) -> bytes:
        return canonical_json({"format": FORMAT, **msgspec.to_builtins(self)})


def read_entry(content: bytes) -> ChainEntry:
    """The entry of a file's bytes, which are exactly those that it would be written as. Raises InvalidEntry."""
    try:
        entry = msgspec.json.decode(content, type=ChainEntry)
        is_exact = entry.to_bytes() == content
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidEntry(f"it is no entry of a chain: {error}") from None
    if not is_exact:
        raise InvalidEntry("it is no entry of a chain in canonical form")
    return entry


@dataclass(frozen=True, slots=True)
class Draft:
    """The next entry but for its signature."""

    name: str
    content: bytes
    manifest: Manifest
    tree: Tree
    sequence: int

    def checkpoint(self, origin: str, committed_at: str) -> Checkpoint:
        """What is to be signed; the time is signed with it."""
        return Checkpoint(origin, self.tree.size, self.tree.root, committed_line(committed_at))

    def sign(self, note: str, committed_at: str) -> ChainEntry:
        """The entry, with the checkpoint as a signed note."""
        return ChainEntry(
            region=self.manifest.region,
            sequence=self.sequence,
            manifest=ManifestRef(self.name, sha256(self.content).hexdigest(), len(self.content)),
            window=self.manifest.window.name,
            kind=self.manifest.kind,
            correction=self.manifest.correction,
            size=self.tree.size,
            root=self.tree.root.hex(),
            frontier=[part.hex() for part in self.tree.frontier],
            checkpoint=note,
            committed_at=committed_at,
        )


def committed_line(committed_at: str) -> tuple[str, ...]:
    """The extension lines of a checkpoint that was committed at a time."""
    return (f"committed_at {committed_at}",)


def draft_entry(last: ChainEntry | None, name: str, content: bytes, manifest: Manifest) -> Draft:
    """What follows the last entry (None: the chain begins) for the manifest in the file `name`."""
    tree = last.tree if last else Tree()
    tree.append(leaf_hash(content))
    return Draft(name, content, manifest, tree, last.sequence + 1 if last else 0)


def next_window(last_window: Window | None, first: Window) -> Window:
    """The window whose manifest is due after the last one that was committed; `first` is the region's first."""
    return Window(last_window.end_s, last_window.length_s) if last_window else first
