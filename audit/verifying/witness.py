"""What a witness has kept of a region: its checkpoints have to be on our tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from audit.layout import CHAIN, folder_of
from audit.merkle import Tree
from audit.notes import InvalidNote, VerifierKey, open_note
from audit.verifying.findings import Finding, Kind, shorten


@dataclass(frozen=True, slots=True)
class WitnessNote:
    """A note as the witness's copy holds it, under its name there; `region` is empty where that doesn't say."""

    where: str
    text: str
    region: str = ""


@dataclass(slots=True)
class Witnessed:
    """The roots that the witness has kept of one region, by tree size."""

    region: str
    roots: dict[int, bytes] = field(default_factory=dict)
    agreed: int = 0
    differed: int = 0

    def add(self, note: WitnessNote, origin: str, keys: list[VerifierKey]) -> Finding | None:
        """Take a note, or say why it can't be believed."""
        try:
            checkpoint = open_note(note.text, keys)
        except InvalidNote as error:
            return Finding(Kind.FORGED_CHECKPOINT, note.where, f"the witness's note: {shorten(error)}", self.region)
        if checkpoint.origin != origin:
            detail = f"the witness's note is one of {shorten(checkpoint.origin)}, not of {origin}"
            return Finding(Kind.FORGED_CHECKPOINT, note.where, detail, self.region)
        other = self.roots.setdefault(checkpoint.size, checkpoint.root)
        if other == checkpoint.root:
            return None
        detail = f"the region has signed two roots for size {checkpoint.size}"
        return Finding(Kind.REPLACED_HISTORY, note.where, detail, self.region)

    def compare(self, name: str, tree: Tree) -> Iterator[Finding]:
        """Compare the tree that ends with the chain's entry `name`; only the first difference is a finding."""
        root = self.roots.get(tree.size)
        if root is None:
            return
        if root == tree.root:
            self.agreed += 1
        else:
            self.differed += 1
            if self.differed == 1:
                detail = (
                    f"the witness has kept the root {root.hex()} for size {tree.size}; here it is {tree.root.hex()}"
                )
                yield Finding(Kind.REPLACED_HISTORY, name, detail, self.region)

    def finish(self, size: int) -> Iterator[Finding]:
        """Once the chain has ended at a size. A history that was replaced may be shorter, too."""
        longest = max(self.roots, default=0)
        if longest > size and not self.differed:
            detail = (
                f"the witness has kept a checkpoint of size {longest}, and the chain here ends at {size}: its tail was "
                "cut off, or this copy is older than the witness's"
            )
            yield Finding(Kind.TRUNCATED_TAIL, folder_of(CHAIN, self.region), detail, self.region)
