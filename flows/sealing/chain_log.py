"""The region's chain in its lake: where it ends, and how it grows.

An entry is written create-only under the next number, so that however many commit at once, one of them makes each
entry and the others go on from it. Nothing but the lake says where the chain ends: the end is looked for by doubling
and halving, and remembered, since entries never go away.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from audit.chain import ChainEntry, draft_entry, next_window, read_entry
from audit.layout import chain_name, manifest_name
from audit.manifests import read_manifest
from audit.notes import VerifierKey, sign_note
from audit.windows import Window, parse_window
from flows.ports import Clock, Lake
from flows.times import format_time
from flows.trail_ports import Vault

logger = logging.getLogger("vouch.trail")


class ChainLog:
    """`origin` is the name that the region's checkpoints are signed under; `window_s` its windows' length."""

    def __init__(self, region: str, origin: str, window_s: int, lake: Lake, vault: Vault, clock: Clock) -> None:
        self.region = region
        self.origin = origin
        self._window_s = window_s
        self._lake = lake
        self._vault = vault
        self._clock = clock
        self._known: ChainEntry | None = None

    async def entry(self, sequence: int) -> ChainEntry | None:
        """The entry of a number, or None past the end. Raises StorageFailed or InvalidEntry."""
        content = await self._lake.read(chain_name(self.region, sequence))
        return None if content is None else read_entry(content)

    async def last(self) -> ChainEntry | None:
        """The last entry; None where the chain has not begun. Raises StorageFailed or InvalidEntry."""
        standing = self._known.sequence if self._known else -1
        step = 1
        while (found := await self.entry(standing + step)) is not None:
            self._known, standing, step = found, standing + step, step * 2
        while step > 1:  # an entry stands at `standing`, none at `standing + step`
            step //= 2
            if (found := await self.entry(standing + step)) is not None:
                self._known, standing = found, standing + step
        return self._known

    async def last_window(self) -> Window | None:
        """The last window whose own manifest is in the chain. Raises StorageFailed or InvalidEntry."""
        return await self._window_before(await self.last())

    async def commit_windows(self, first: Window) -> int:
        """Append the manifests that are there of the windows that are due, oldest first, and say how many.
        `first` is the window that the chain begins with. Raises StorageFailed, InvalidEntry or VaultFailed."""
        committed = 0
        while True:
            last = await self.last()
            name = manifest_name(self.region, next_window(await self._window_before(last), first))
            content = await self._lake.read(name)
            if content is None:
                return committed
            committed += await self._append(last, name, content)

    async def commit_correction(self, window: Window, correction: int) -> None:
        """Append a correction's manifest, once. Raises StorageFailed, InvalidEntry or VaultFailed."""
        name = manifest_name(self.region, window, correction)
        content = await self._lake.read(name)
        while content is not None:
            last = await self.last()
            if await self._stands(last, window, name) or await self._append(last, name, content):
                return

    async def public_key(self) -> VerifierKey:
        """What the region's checkpoints are checked with. Raises VaultFailed."""
        return VerifierKey(self.origin, await self._vault.public_key())

    async def _append(self, last: ChainEntry | None, name: str, content: bytes) -> bool:
        """Write what follows `last`; False where another was first, so that everything is to be looked at again."""
        draft = draft_entry(last, name, content, read_manifest(content))
        committed_at = format_time(self._clock.now())
        checkpoint = draft.checkpoint(self.origin, committed_at)
        signature = await self._vault.sign(checkpoint.text.encode())
        note = sign_note(checkpoint, await self.public_key(), signature)
        entry = draft.sign(note, committed_at)
        if not await self._lake.create(chain_name(self.region, entry.sequence), entry.to_bytes()):
            return False
        logger.info("%s %s of %s is committed as %d.", entry.kind, entry.window, self.region, entry.sequence)
        self._known = entry
        return True

    async def _window_before(self, entry: ChainEntry | None) -> Window | None:
        """The window of an entry, or of the last one before it that is no correction."""
        async for standing in self._backwards(entry):
            if standing.kind == "window":
                return parse_window(standing.window, self._window_s)
        return None

    async def _stands(self, last: ChainEntry | None, window: Window, name: str) -> bool:
        """Whether a correction is in the chain, which is then after its window."""
        async for entry in self._backwards(last):
            if entry.manifest.name == name:
                return True
            if entry.kind == "window" and entry.window == window.name:
                return False
        return False

    async def _backwards(self, entry: ChainEntry | None) -> AsyncIterator[ChainEntry]:
        while entry is not None:
            yield entry
            entry = await self.entry(entry.sequence - 1) if entry.sequence else None
