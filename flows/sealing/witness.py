"""The witness: a region's checkpoints kept in another region, so that a history can't be rewritten or cut off unseen.

    TellWitness      the region sends its newest checkpoint, as read back from the chain, with a consistency proof
    KeepCheckpoint   the witness checks signature and proof and keeps it, create-only; a row says which is the last

What the witness refused is told loudly and never sent in another form.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from audit.layout import witness_name
from audit.merkle import NotConsistent, Tree, check_consistency, leaf_hash, prove_consistency
from audit.notes import InvalidNote, VerifierKey, open_note
from flows.errors import CheckpointRefused, NotFound, StorageFailed, Superseded
from flows.ports import Lake, RegionCalls, RegionUnreachable, Row, Rows
from flows.put_row import put_row
from flows.sealing.chain_log import ChainLog

PARTITION = "witness"
MOST_LEAVES = 500

logger = logging.getLogger("vouch.trail")


@dataclass(frozen=True, slots=True)
class Held:
    """The last checkpoint that a witness holds; `root` is hex."""

    size: int = 0
    root: str = ""
    checkpoint: str = ""


class KeepCheckpoint:
    """`keys`: the verifier keys of every region, by region."""

    def __init__(self, keys: Mapping[str, Sequence[VerifierKey]], lake: Lake, rows: Rows) -> None:
        self._keys = keys
        self._lake = lake
        self._rows = rows

    @property
    def regions(self) -> Collection[str]:
        """The regions that checkpoints may come from."""
        return self._keys.keys()

    async def held(self, region: str) -> Held:
        """What is held of a region. Raises NotFound for a region that is none, or StorageFailed."""
        return (await self._read(region))[1]

    async def __call__(self, region: str, note: str, old_size: int, proof: Sequence[str]) -> Held:
        """Keep a checkpoint. Raises NotFound, CheckpointRefused or StorageFailed."""
        row, held = await self._read(region)
        new = self._check(region, held, note, old_size, proof)
        name = witness_name(region, new.size)
        if not await self._lake.create(name, note.encode()) and await self._root_of(name, region) != new.root:
            raise CheckpointRefused(f"another checkpoint of size {new.size} is kept")
        if new.size > held.size:
            await self._move(region, row, new)
        return new

    async def _read(self, region: str) -> tuple[Row | None, Held]:
        if region not in self._keys:
            raise NotFound("region")
        row = await self._rows.read(PARTITION, region)
        return row, Held(**row.document) if row else Held()

    def _check(self, region: str, held: Held, note: str, old_size: int, proof: Sequence[str]) -> Held:
        try:
            found = open_note(note, list(self._keys[region]))
            if old_size != held.size:
                raise CheckpointRefused(f"the proof begins at {old_size}, and {held.size} is what is held")
            nodes = [bytes.fromhex(part) for part in proof]
            check_consistency(held.size, bytes.fromhex(held.root), found.size, found.root, nodes)
        except (InvalidNote, NotConsistent, ValueError) as error:
            raise CheckpointRefused(str(error)) from error
        return Held(found.size, found.root.hex(), note)

    async def _root_of(self, name: str, region: str) -> str:
        content = await self._lake.read(name)
        try:
            return open_note((content or b"").decode(), list(self._keys[region])).root.hex()
        except (InvalidNote, UnicodeDecodeError) as error:
            raise CheckpointRefused(f"{name} is kept and is no checkpoint of the region") from error

    async def _move(self, region: str, row: Row | None, new: Held) -> None:
        document = {"size": new.size, "root": new.root, "checkpoint": new.checkpoint}
        try:
            await put_row(self._rows, PARTITION, region, row, document)
        except Superseded as error:
            raise CheckpointRefused(
                "another checkpoint came at the same time: ask what is held, and send again"
            ) from error


class TellWitness:
    def __init__(self, chain: ChainLog, lake: Lake, witness: str, call_region: RegionCalls) -> None:
        self._chain = chain
        self._lake = lake
        self.witness = witness
        self._call_region = call_region
        self.fault = ""
        self._held_size: int | None = None

    def behind(self, size: int) -> int | None:
        """How many entries of a chain of this size the witness lacked when it was last heard of; None: not yet."""
        return None if self._held_size is None else size - self._held_size

    async def __call__(self) -> None:
        """Bring the witness up to the chain's end. What keeps it from that is remembered for health. Raises
        StorageFailed or InvalidEntry."""
        last = await self._chain.last()
        if last is None:
            return
        try:
            held = await self._ask("GET", f"/api/v1/witness/{self._chain.region}")
            old = await self._tree(held)
            while held.size < last.size:
                held = await self._send(old, min(last.size, held.size + MOST_LEAVES))
                old = await self._tree(held)
            self.fault = ""
        except (RegionUnreachable, CheckpointRefused) as error:
            self.fault = f"{self.witness}: {error}"
            logger.error("The witness %s did not take the region's checkpoint: %s", self.witness, error)  # noqa: TRY400

    async def _send(self, old: Tree, size: int) -> Held:
        entry = await self._chain.entry(size - 1)
        if entry is None:
            raise StorageFailed(f"the chain's entry {size - 1} is not there any more")
        added = [await self._leaf(sequence) for sequence in range(old.size, size)]
        body = {
            "checkpoint": entry.checkpoint,
            "old_size": old.size,
            "proof": [part.hex() for part in prove_consistency(old, added)],
        }
        return await self._ask("POST", f"/api/v1/witness/{self._chain.region}:keep", body)

    async def _tree(self, held: Held) -> Tree:
        """The region's own tree of the size that the witness holds. Raises CheckpointRefused where that is another."""
        if held.size == 0:
            return Tree()
        entry = await self._chain.entry(held.size - 1)
        if entry is None:
            raise CheckpointRefused(f"it holds {held.size} entries, more than there are: the chain was cut off")
        if entry.root != held.root:
            raise CheckpointRefused(f"it holds another tree of {held.size} entries: the chain was rewritten")
        return entry.tree

    async def _leaf(self, sequence: int) -> bytes:
        entry = await self._chain.entry(sequence)
        content = await self._lake.read(entry.manifest.name) if entry else None
        if content is None:
            raise StorageFailed(f"the chain's entry {sequence} or its manifest is not there any more")
        return leaf_hash(content)

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Held:
        answer = await self._call_region(self.witness, method, path, body)
        if answer.status != 200:
            raise CheckpointRefused(f"it answered {answer.status}: {answer.body.get('detail', '')}")
        held = Held(int(answer.body["size"]), str(answer.body["root"]), str(answer.body["checkpoint"]))
        self._held_size = held.size
        return held
