"""The region's keyring: the few keys that everything else is wrapped by, themselves wrapped by the vault.

    index          keys the handles of subjects, deals and decisions
    g1, g2, ...    intermediate keys, one a generation: they wrap record keys and subject keys

A key is made on first need and inserted only: of two instances that make it at once one wins, the other reads it. Once
unwrapped it is kept in memory. Rotating the vault's key re-wraps these rows and touches nothing else.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass

from audit.personal import KEY_BYTES
from flows.errors import StorageFailed, Superseded
from flows.ports import Entropy, Row, Rows
from flows.trail_ports import Vault, VaultFailed, WrappedByVault

PARTITION = "keyring"
INDEX = "index"
FIRST_GENERATION = 1


@dataclass(frozen=True, slots=True)
class Generation:
    """An intermediate key under its name, `g1`, `g2`, ..."""

    name: str
    key: bytes


class Keyring:
    """`rows` are those of the table `keyring`. Every method raises StorageFailed or VaultFailed."""

    def __init__(self, rows: Rows, vault: Vault, entropy: Entropy) -> None:
        self._rows = rows
        self._vault = vault
        self._entropy = entropy
        self._keys: dict[str, bytes] = {}
        self._newest = 0
        self._making = asyncio.Lock()

    async def index_key(self) -> bytes:
        """What handles are made with. It never changes, or nothing would be found again."""
        return await self._hold(INDEX)

    async def current(self) -> Generation:
        """The generation that wraps new keys: the newest there was when this instance first asked."""
        if not self._newest:
            self._newest = await self._count_generations() or FIRST_GENERATION
        name = _generation(self._newest)
        return Generation(name, await self._hold(name))

    async def find(self, generation: str) -> bytes:
        """The intermediate key of a generation that something was wrapped in."""
        key = self._keys.get(generation) or await self._read(generation)
        if key is None:
            raise StorageFailed(f"the keyring lacks {generation}: bring back its row in the table keyring")
        return key

    async def begin_generation(self) -> Generation:
        """Wrap new keys by a new intermediate key from now on; what was wrapped stays as it is. Other instances follow
        when they start."""
        self._newest = await self._count_generations() + 1
        return await self.current()

    async def is_behind(self) -> bool:
        """Whether some key is wrapped by an older version of the vault's key than the newest."""
        newest = await self._vault.newest_key_id()
        return any(row.document["key_id"] != newest for row in await self._rows.list(PARTITION))

    async def rewrap(self) -> int:
        """Wrap every key by the newest version of the vault's key; how many of them this call has re-wrapped."""
        newest = await self._vault.newest_key_id()
        names = [row.key for row in await self._rows.list(PARTITION)]
        return sum([await self._rewrap(name, newest) for name in names])

    async def _rewrap(self, name: str, newest: str) -> bool:
        """Whether this call did it; another one may do the same at this moment."""
        while True:
            row = await self._rows.read(PARTITION, name)
            if row is None or row.document["key_id"] == newest:
                return False
            wrapped = await self._vault.wrap(await self._unwrap(row))
            try:
                await self._rows.replace(PARTITION, row, _document(wrapped))
            except Superseded:
                continue
            return True

    async def _hold(self, name: str) -> bytes:
        """The key of a name, made where there is none."""
        if name not in self._keys:
            async with self._making:
                if name not in self._keys and await self._read(name) is None:
                    await self._make(name)
        return self._keys[name]

    async def _make(self, name: str) -> None:
        key = bytes.fromhex(self._entropy.token_hex(KEY_BYTES))
        try:
            await self._rows.insert(PARTITION, name, _document(await self._vault.wrap(key)))
        except Superseded:
            if await self._read(name) is None:
                raise StorageFailed(f"the keyring's row {name} came and went") from None
        else:
            self._keys[name] = key

    async def _read(self, name: str) -> bytes | None:
        row = await self._rows.read(PARTITION, name)
        if row is not None:
            self._keys[name] = await self._unwrap(row)
        return self._keys.get(name)

    async def _unwrap(self, row: Row) -> bytes:
        wrapped = WrappedByVault(row.document["key_id"], base64.b64decode(row.document["wrapped"]))
        key = await self._vault.unwrap(wrapped)
        if len(key) != KEY_BYTES:
            raise VaultFailed(f"the keyring's row {row.key} unwraps to something that is no key")
        return key

    async def _count_generations(self) -> int:
        """The newest one's number, 0 where there is none."""
        names = [row.key for row in await self._rows.list(PARTITION)]
        return max((int(name[1:]) for name in names if name != INDEX), default=0)


def _generation(number: int) -> str:
    return f"g{number}"


def _document(wrapped: WrappedByVault) -> Mapping[str, object]:
    return {"key_id": wrapped.key_id, "wrapped": base64.b64encode(wrapped.wrapped).decode()}
