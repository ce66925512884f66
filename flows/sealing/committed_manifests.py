"""A window's manifests as the chain names them, each read back and held against its entry.

The windows of the chain follow one another, so that a window's entry is found by halving; its corrections come after
it. Entries are remembered: one of these reads each of them once, and stands for one run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from audit.chain import ChainEntry, InvalidEntry, draft_entry
from audit.layout import manifest_name
from audit.manifests import InvalidManifest, Manifest, read_manifest
from audit.notes import InvalidNote, VerifierKey, open_note
from audit.windows import Window, parse_window
from flows.ports import Lake
from flows.sealing.chain_log import ChainLog


class Reason(StrEnum):
    """Why a window is not provably in the lake."""

    UNCOMMITTED = "uncommitted"
    LATE = "late"
    DIFFERENT = "different"


class NotProven(Exception):
    """What is missing to the proof; the message says where and why. Never shown to callers."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class CommittedManifests:
    """`keys` are those that the region's checkpoints may be signed with, besides the one that signs now."""

    def __init__(self, window_s: int, lake: Lake, chain: ChainLog, keys: Sequence[VerifierKey] = ()) -> None:
        self._window_s = window_s
        self._lake = lake
        self._chain = chain
        self._keys = list(keys)
        self._entries: dict[int, ChainEntry] = {}

    async def find(self, window: Window) -> list[Manifest]:
        """The window's manifest and those of its corrections. Raises NotProven, StorageFailed or VaultFailed."""
        if (signing := await self._chain.public_key()) not in self._keys:
            self._keys.append(signing)
        try:
            return [manifest async for manifest in self._find(window)]
        except (InvalidEntry, InvalidManifest, InvalidNote) as error:
            raise NotProven(Reason.DIFFERENT, str(error)) from error

    async def _find(self, window: Window) -> AsyncIterator[Manifest]:
        entry = await self._entry_of(window)
        if entry is None:
            raise NotProven(Reason.UNCOMMITTED, "no entry of the chain names its manifest")
        yield await self._read_back(entry, window, 0)
        correction = 1
        while await self._lake.read(manifest_name(self._chain.region, window, correction)) is not None:
            entry = await self._correction_after(entry, window, correction)
            yield await self._read_back(entry, window, correction)
            correction += 1

    async def _read_back(self, entry: ChainEntry, window: Window, correction: int) -> Manifest:
        """The manifest that an entry names. What is signed there must be the tree that has grown by it alone."""
        name = manifest_name(self._chain.region, window, correction)
        content = await self._lake.read(name)
        if content is None:
            raise NotProven(Reason.DIFFERENT, f"{name} is gone from the lake")
        manifest = read_manifest(content)
        if (manifest.region, manifest.window, manifest.correction) != (self._chain.region, window, correction):
            raise NotProven(Reason.DIFFERENT, f"{name} is the manifest of something else")
        before = await self._entry(entry.sequence - 1) if entry.sequence else None
        draft = draft_entry(before, name, content, manifest)
        signed = open_note(entry.checkpoint, self._keys)
        due = draft.checkpoint(self._chain.origin, entry.committed_at)
        if signed != due or draft.sign(entry.checkpoint, entry.committed_at) != entry:
            raise NotProven(Reason.DIFFERENT, f"entry {entry.sequence} of the chain is not what {name} makes of it")
        return manifest

    async def _entry_of(self, window: Window) -> ChainEntry | None:
        """The entry of a window's own manifest, by halving."""
        last = await self._chain.last()
        low, high = 0, last.sequence if last else -1
        while low <= high:
            middle = (low + high) // 2
            entry = await self._window_entry(middle)
            found = parse_window(entry.window, self._window_s)
            if found == window:
                return entry
            low, high = (middle + 1, high) if found < window else (low, entry.sequence - 1)
        return None

    async def _window_entry(self, sequence: int) -> ChainEntry:
        """The last entry up to a number that is no correction's."""
        while (entry := await self._entry(sequence)).kind != "window":
            sequence -= 1
        return entry

    async def _correction_after(self, entry: ChainEntry, window: Window, correction: int) -> ChainEntry:
        last = await self._chain.last()
        for sequence in range(entry.sequence + 1, last.sequence + 1 if last else 0):
            found = await self._entry(sequence)
            if found.manifest.name == manifest_name(self._chain.region, window, correction):
                return found
        raise NotProven(Reason.UNCOMMITTED, f"no entry of the chain names its correction {correction}")

    async def _entry(self, sequence: int) -> ChainEntry:
        if sequence not in self._entries:
            entry = await self._chain.entry(sequence) if sequence >= 0 else None
            if entry is None or entry.sequence != sequence:
                raise NotProven(Reason.DIFFERENT, f"entry {sequence} of the chain is gone")
            self._entries[sequence] = entry
        return self._entries[sequence]
