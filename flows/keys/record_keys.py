"""Record keys: one key for each record of a lane, in pages that are written before its segment.

1. Make a key for each record of a page and insert the page. An earlier try's page wins, and its keys are used, so that
   every try seals the same bytes.
2. A key of that page that was destroyed meanwhile is None: its person was erased.

A page is found again by its first record. So a lane has to be cut into the same pages in every try: by what no erasure
between two tries changes, which rows there are and of which types, not by what is in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from audit.key_pages import DESTROYED, PAGE_SLOTS, KeyPage, build_page
from audit.personal import KEY_BYTES, NONCE_BYTES, unwrap_key, wrap_key
from flows.keys.keyring import Keyring
from flows.ports import Entropy
from flows.trail_ports import RecordKeys


class PageDiffers(Exception):
    """A page that stands holds other records than the lane does."""


class RecordKeyring:
    """The record keys of a region. Every method raises StorageFailed or VaultFailed."""

    def __init__(self, pages: RecordKeys, keyring: Keyring, entropy: Entropy) -> None:
        self._pages = pages
        self._keyring = keyring
        self._entropy = entropy

    async def keys_for(self, record_ids: Sequence[UUID]) -> list[bytes | None]:
        """The keys of one page of a lane's records (1 to 600), in their order; None where a key was destroyed. Raises
        PageDiffers."""
        if not 0 < len(record_ids) <= PAGE_SLOTS:
            raise ValueError(f"a page holds 1 to {PAGE_SLOTS} records, not {len(record_ids)}")
        page, keys = await self._make(record_ids)
        standing = await self._pages.insert(page)
        if standing == page:
            return list(keys)
        if [record_id for record_id, _ in standing] != list(record_ids):
            raise PageDiffers(f"the page of record keys from {standing.first} on holds other records than the lane")
        intermediate = await self._keyring.find(standing.generation)
        return [_unwrap(intermediate, record_id, wrapped) for record_id, wrapped in standing]

    def reader(self) -> KeyReader:
        """What finds the keys of records, best in the order of their ids."""
        return KeyReader(self._pages, self._keyring)

    async def _make(self, record_ids: Sequence[UUID]) -> tuple[KeyPage, list[bytes]]:
        generation = await self._keyring.current()
        keys = [bytes.fromhex(self._entropy.token_hex(KEY_BYTES)) for _ in record_ids]
        slots = [
            (record_id, wrap_key(generation.key, key, self._nonce(), record_id.bytes))
            for record_id, key in zip(record_ids, keys, strict=True)
        ]
        return build_page(generation.name, slots), keys

    def _nonce(self) -> bytes:
        return bytes.fromhex(self._entropy.token_hex(NONCE_BYTES))


class KeyReader:
    """Finds keys page by page: the last page is remembered, so that one which is destroyed meanwhile may still be
    found. To be kept for one request."""

    def __init__(self, pages: RecordKeys, keyring: Keyring) -> None:
        self._pages = pages
        self._keyring = keyring
        self._last: KeyPage | None = None
        self._reading = asyncio.Lock()

    async def find(self, record_id: UUID) -> bytes | None:
        """The key of a record; None where it was destroyed, or never was. Raises StorageFailed or VaultFailed."""
        async with self._reading:
            if self._last is None or not self._last.holds(record_id):
                self._last = await self._pages.find(record_id)
            page = self._last
        wrapped = None if page is None else page.find(record_id)
        if page is None or wrapped is None:
            return None
        return _unwrap(await self._keyring.find(page.generation), record_id, wrapped)


def _unwrap(intermediate: bytes, record_id: UUID, wrapped: bytes) -> bytes | None:
    return None if wrapped == DESTROYED else unwrap_key(intermediate, wrapped, record_id.bytes)
