"""Prove that a record was sealed: from its line in the lake up to the signed checkpoint of its window's manifest.

1. the manifest that names the record's segment: the window's own, or one of its corrections;
2. the entry of the chain that holds the manifest: the entry before it has the frontier that its path is made of;
3. the segment in one pass, which finds the line, its place and its path, and has to lead to the root in the manifest.

The chain holds one entry of kind `window` for every window, in order, so that the place of a window's entry follows
from the first one's but for the corrections between.
"""

from __future__ import annotations

from uuid import UUID

from audit.chain import ChainEntry, read_entry
from audit.ids import lane_of, time_of
from audit.lanes import lane_name
from audit.layout import DECISIONS, chain_name, manifest_name, segment_name
from audit.manifests import Manifest, read_manifest
from audit.merkle import Tree, leaf_hash, prove_last
from audit.paths import PathTree
from audit.proofs import ChainPart, ManifestPart, Proof, SegmentPart, hex_path
from audit.segments import read_head
from audit.windows import Window, parse_window, window_of
from flows.ports import Lake
from flows.records.read_segment import read_lines


class NotSealed(Exception):
    """There is no proof yet; the message says what it waits for. Shown in the answer, not as an error."""


class ProofBroken(Exception):
    """The lake contradicts itself: what was to be proven is not so. Never shown."""


class ProveRecord:
    def __init__(self, region: str, window_s: int, lake: Lake) -> None:
        self._region = region
        self._window_s = window_s
        self._lake = lake

    async def __call__(self, record_id: UUID) -> Proof:
        """The proof of a record of a deal or a person. Raises NotSealed, ProofBroken, StorageFailed or Archived."""
        window = window_of(time_of(record_id), self._window_s)
        segment = segment_name(DECISIONS, self._region, window, lane_name(lane_of(record_id)))
        manifest, content = await self._find_manifest(window, segment)
        entry, before = await self._find_entry(manifest)
        line, paths = await self._find_line(segment, record_id)
        root = next(file.root for file in manifest.files if file.name == segment)
        if paths.index is None or paths.root.hex() != root:
            raise ProofBroken(f"{segment} is not what its manifest says; run vouch verify over the lake")
        return Proof(
            line=line.decode(),
            segment=SegmentPart(segment, paths.index, paths.size, hex_path(paths.path)),
            manifest=ManifestPart(entry.manifest.name, content.decode()),
            chain=ChainPart(entry.sequence, entry.sequence, entry.size, hex_path(prove_last(before))),
            checkpoint=entry.checkpoint,
        )

    async def _find_manifest(self, window: Window, segment: str) -> tuple[Manifest, bytes]:
        """The manifest of the window that names a segment, and its file."""
        correction = 0
        while (content := await self._lake.read(manifest_name(self._region, window, correction))) is not None:
            manifest = read_manifest(content)
            if any(file.name == segment for file in manifest.files):
                return manifest, content
            correction += 1
        if correction == 0:
            raise NotSealed(f"its window, {window.name}, is not sealed yet")
        raise NotSealed(f"its window, {window.name}, was sealed before its lane appeared; a correction is to come")

    async def _find_entry(self, manifest: Manifest) -> tuple[ChainEntry, Tree]:
        """The manifest's entry in the chain, and the tree before it."""
        sequence, before = 0, Tree()
        while (entry := await self._read_entry(sequence)) is not None:
            if entry.window == manifest.window.name and entry.correction == manifest.correction:
                if sequence:
                    earlier = await self._read_entry(sequence - 1)
                    before = earlier.tree if earlier else before
                return entry, before
            sequence += self._step(entry, manifest.window)
        raise NotSealed(f"the manifest of its window, {manifest.window.name}, is not in the chain yet")

    def _step(self, entry: ChainEntry, wanted: Window) -> int:
        """How many entries it takes at least from this one to that of a window, or of its correction."""
        if entry.kind != "window":
            return 1
        here = parse_window(entry.window, self._window_s)
        return max(1, (wanted.start_s - here.start_s) // self._window_s)

    async def _read_entry(self, sequence: int) -> ChainEntry | None:
        content = await self._lake.read(chain_name(self._region, sequence))
        return None if content is None else read_entry(content)

    async def _find_line(self, segment: str, record_id: UUID) -> tuple[bytes, PathTree]:
        wanted, found, paths = str(record_id), b"", PathTree()
        async for line in read_lines(self._lake, segment):
            is_wanted = read_head(line).id == wanted
            found = line if is_wanted else found
            paths.append(leaf_hash(line), is_wanted=is_wanted)
        return found, paths
