"""The first pass: the chain of one region, entry by entry, and the manifest that each one names.

Every entry holds the frontier of its tree. So where one is missing or damaged, the next one whose checkpoint is
signed gives the tree to go on from, and one fault is one finding. What is kept of a manifest is its SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from audit.chain import ChainEntry, InvalidEntry, committed_line, read_entry
from audit.layout import CHAIN, MANIFESTS, chain_name, folder_of, read_name
from audit.merkle import Tree
from audit.notes import DASH, Checkpoint, InvalidNote, VerifierKey, open_note
from audit.verifying.chained import Chained
from audit.verifying.entries import Leaf, ManifestForm, fault_of, grow, manifest_of, read_leaf, tree_of
from audit.verifying.files import Files, in_order, read_whole
from audit.verifying.findings import Exchange, Finding, Kind, Progress, Step, shorten
from audit.verifying.witness import Witnessed
from audit.windows import Window, parse_window

MAX_ENTRY_BYTES = 2**18
MAX_MANIFEST_BYTES = 2**26


class ChainCheck:
    """Goes over one region's chain. `chained` is whole once `run` has ended."""

    def __init__(self, files: Files, region: str, origin: str, keys: list[VerifierKey], witnessed: Witnessed) -> None:
        self.chained = Chained()
        self._files = files
        self._region = region
        self._origin = origin
        self._keys = keys
        self._witnessed = witnessed
        self._tree: Tree | None = Tree()
        self._due_s: int | None = None
        self._lost_s: int | None = None
        self._length_s = 0
        self._corrections: dict[int, int] = {}

    def run(self) -> Iterator[Step]:
        due = 0
        for file in in_order(self._files.list(folder_of(CHAIN, self._region))):
            place = read_name(file.name)
            if place is None:
                continue
            if place.number > due:
                yield self._report_hole(due, place.number - 1)
            due = place.number + 1
            yield from self._check_file(file.name, place.number)
            yield Progress(file.size)
        self.chained.entries = due
        if not due:
            detail = "there are files of this region, but no chain that they could be checked against"
            yield Finding(Kind.MISSING_CHAIN, folder_of(CHAIN, self._region), detail, self._region)
        yield from self._witnessed.finish(due)

    def _report_hole(self, first: int, last: int) -> Finding:
        count = last - first + 1
        self._lose(count)
        detail = (
            "this entry of the chain is missing; what it names is unproven"
            if count == 1
            else f"{count} entries of the chain are missing, from this one to {chain_name(self._region, last)}; what "
            "they name is unproven"
        )
        return self._finding(Kind.MISSING_ENTRY, chain_name(self._region, first), detail)

    def _lose(self, entries: int) -> None:
        """Go on without some entries: neither the tree nor the window that is due are known."""
        self.chained.holes += entries
        self.chained.unplaced += entries
        self._tree = None
        self._lose_window()

    def _lose_window(self) -> None:
        self._lost_s = self._due_s if self._due_s is not None else self._lost_s
        self._due_s = None

    def _check_file(self, name: str, sequence: int) -> Iterator[Step]:
        content = read_whole(self._files, name, MAX_ENTRY_BYTES) or b""
        try:
            entry = read_entry(content)
        except InvalidEntry as error:
            self._lose(1)
            yield self._finding(Kind.DAMAGED_ENTRY, name, f"{shorten(error)}; what it names is unproven")
            return
        if (entry.region, entry.sequence) == (self._region, sequence):
            yield from self._check_entry(name, entry)
            return
        self._lose(1)
        told = self._finding(Kind.FALSE_ENTRY, name, f"it is entry {entry.sequence} of {shorten(entry.region)}")
        yield Exchange(told, f"{self._region}/{sequence}", f"{entry.region}/{entry.sequence}")

    def _check_entry(self, name: str, entry: ChainEntry) -> Iterator[Step]:
        """Check an entry; its first fault is told."""
        signed, own = self._open(name, entry), tree_of(entry)
        leaf = self._find_manifest(entry, None if isinstance(signed, Finding) else own)
        grown = grow(self._tree, leaf)
        fault = fault_of(entry, own, grown, leaf)
        if isinstance(signed, Finding):
            yield signed
        elif fault:
            yield self._finding(Kind.FALSE_ENTRY, name, fault)
        else:
            self.chained.checkpoint, self.chained.committed_at = signed, entry.committed_at
        if leaf is None:
            yield from self._tell_manifest(name, entry, is_told=bool(fault))
        else:
            self.chained.named.add(leaf.digest)
        self._tree = grown if own is None or isinstance(signed, Finding) else own
        if self._tree is not None:
            yield from self._witnessed.compare(name, self._tree)
        yield from self._check_window(name, entry, leaf.form if leaf else None, is_told=bool(fault))

    def _open(self, name: str, entry: ChainEntry) -> Checkpoint | Finding:
        """The entry's checkpoint, or what is wrong with it."""
        try:
            checkpoint = open_note(entry.checkpoint, self._keys)
        except InvalidNote as error:
            return self._finding(Kind.FORGED_CHECKPOINT, name, f"its checkpoint can't be believed: {shorten(error)}")
        fault = ""
        if checkpoint.origin != self._origin:
            fault = f"its checkpoint is one of {shorten(checkpoint.origin)}, not of {self._origin}"
        elif (checkpoint.size, checkpoint.root.hex()) != (entry.size, entry.root):
            fault = f"its checkpoint is of another tree, of size {checkpoint.size} and root {checkpoint.root.hex()}"
        elif checkpoint.extensions != committed_line(entry.committed_at) or entry.checkpoint.count(DASH) != 1:
            fault = "its checkpoint is of another time, or has more than one signature"
        return self._finding(Kind.FORGED_CHECKPOINT, name, fault) if fault else checkpoint

    def _find_manifest(self, entry: ChainEntry, signed_tree: Tree | None) -> Leaf | None:
        """The manifest of an entry: the one that the signed tree holds, or that the entry gives the SHA-256 of."""
        for name in dict.fromkeys((entry.manifest.name, manifest_of(entry))):
            place = read_name(name)
            if place is None or (place.kind, place.region) != (MANIFESTS, self._region):
                continue
            content = read_whole(self._files, name, MAX_MANIFEST_BYTES)
            if content is None:
                continue
            leaf = read_leaf(name, content)
            grown = grow(self._tree, leaf)
            is_held = grown is not None and signed_tree is not None and grown.frontier == signed_tree.frontier
            if is_held or leaf.is_named_by(entry):
                return leaf
        return None

    def _tell_manifest(self, name: str, entry: ChainEntry, *, is_told: bool) -> Iterator[Step]:
        """Say what became of a manifest that isn't there as it was; `is_told`: it is the entry that is false."""
        manifest = entry.manifest.name
        if is_told:
            self.chained.holes += 1
            self.chained.unplaced += 1
            return
        self.chained.spoiled.add(entry.window)
        content = read_whole(self._files, manifest, MAX_MANIFEST_BYTES)
        if content is None:
            yield self._finding(Kind.MISSING_MANIFEST, manifest, f"{name} names it; its window's files are unproven")
            return
        detail = f"its SHA-256 or size is not what {name} says; its window's files are unproven"
        told = self._finding(Kind.CHANGED_MANIFEST, manifest, detail)
        yield Exchange(told, entry.manifest.sha256, sha256(content).hexdigest())

    def _check_window(
        self, name: str, entry: ChainEntry, form: ManifestForm | None, *, is_told: bool
    ) -> Iterator[Step]:
        """Where the entry's window stands among the others, as its manifest says, or else the entry."""
        window, correction = (form.window.name, form.correction) if form else (entry.window, entry.correction)
        try:
            at = parse_window(window, form.window.seconds if form else self._length_s)
        except (ValueError, OverflowError) as error:
            self._lose_window()
            yield from [] if is_told else [self._finding(Kind.FALSE_ENTRY, name, shorten(error))]
            return
        if correction:
            self.chained.corrections += 1
            faults = list(self._check_correction(name, at, correction))
        else:
            self.chained.windows += 1
            faults = list(self._follow(name, at))
        yield from [] if is_told else faults

    def _follow(self, name: str, window: Window) -> Iterator[Step]:
        """The next window: it begins where the last one ended."""
        due_s, chained = self._due_s, self.chained
        chained.first_s = window.start_s if chained.first_s is None else min(chained.first_s, window.start_s)
        chained.end_s = max(chained.end_s or 0, window.end_s)
        if due_s is None and chained.holes:
            self._close_gap(window)
        elif due_s is not None and window.start_s > due_s:
            chained.gaps.append((due_s, window.start_s))
            missing = Window(due_s, window.start_s - due_s).name
            yield self._finding(Kind.MISSING_WINDOW, name, f"the window {missing} is missing before {window.name}")
        elif due_s is not None and window.start_s < due_s:
            yield self._finding(Kind.FALSE_ENTRY, name, f"its window {window.name} does not follow the last one")
        self._due_s, self._length_s = window.end_s if window.length_s else None, window.length_s

    def _close_gap(self, window: Window) -> None:
        """The first window after lost entries: between the last one and it were those that they named."""
        chained, lost_s = self.chained, self._lost_s or 0
        chained.gaps.append((lost_s, window.start_s))
        windows = (window.start_s - lost_s) // self._length_s if self._length_s else chained.unplaced
        chained.unplaced = max(0, chained.unplaced - windows)

    def _check_correction(self, name: str, window: Window, correction: int) -> Iterator[Step]:
        """A correction comes after its window, and they are counted from 1."""
        due = self._corrections.get(window.start_s, 0) + 1
        self._corrections[window.start_s] = max(due, correction)
        if self.chained.holes:
            return
        if not self.chained.covers(window.start_s):
            yield self._finding(Kind.FALSE_ENTRY, name, f"it corrects {window.name}, which no entry before it has")
        elif correction != due:
            detail = f"it is correction {correction} of {window.name}, where {due} is due"
            yield self._finding(Kind.FALSE_ENTRY, name, detail)

    def _finding(self, kind: Kind, where: str, detail: str) -> Finding:
        return Finding(kind, where, detail, self._region)
