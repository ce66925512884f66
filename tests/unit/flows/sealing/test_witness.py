"""A region and its witness: checkpoints are kept in order, and another history is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from audit.layout import manifest_name, witness_name
from audit.manifests import LaneEntry, Manifest
from audit.merkle import leaf_hash, prove_consistency
from audit.notes import Checkpoint, open_note, sign_note
from audit.windows import Window
from flows.errors import CheckpointRefused, NotFound, StorageFailed
from flows.ports import RegionAnswer, RegionUnreachable
from flows.sealing.chain_log import ChainLog
from flows.sealing.witness import MOST_LEAVES, KeepCheckpoint, TellWitness
from tests.fakes import FakeClock, MemoryRows
from tests.fakes_trail import MemoryLake, MemoryVault

HOUR = 3600
FIRST = Window(1_795_467_600, HOUR)


@dataclass
class Pair:
    """westeurope, and eastus2 which is its witness. `is_away`: the witness can't be reached."""

    lake: MemoryLake = field(default_factory=MemoryLake)
    vault: MemoryVault = field(default_factory=MemoryVault)
    kept: MemoryLake = field(default_factory=MemoryLake)
    rows: MemoryRows = field(default_factory=MemoryRows)
    is_away: bool = False
    keep: KeepCheckpoint = field(init=False)

    async def start(self) -> Pair:
        self.chain = ChainLog("westeurope", "vouch/westeurope", HOUR, self.lake, self.vault, FakeClock())
        self.keep = KeepCheckpoint({"westeurope": [await self.chain.public_key()]}, self.kept, self.rows)
        self.tell = TellWitness(self.chain, self.lake, "eastus2", self)
        return self

    async def grow(self, count: int) -> None:
        """Commit so many more windows."""
        last = await self.chain.last_window()
        at = last.end_s if last else FIRST.start_s
        for number in range(count):
            window = Window(at + number * HOUR, HOUR)
            await self.lake.create(manifest_name("westeurope", window), Manifest("westeurope", window).to_bytes())
        await self.chain.commit_windows(FIRST)

    async def __call__(
        self, region: str, method: str, path: str, body: Mapping[str, Any] | None = None, *rest: object
    ) -> RegionAnswer:
        if self.is_away:
            raise RegionUnreachable("away")
        try:
            if method == "GET":
                held = await self.keep.held("westeurope")
            else:
                assert body is not None
                held = await self.keep("westeurope", body["checkpoint"], body["old_size"], body["proof"])
        except CheckpointRefused as error:
            return RegionAnswer(409, {"detail": str(error)})
        return RegionAnswer(200, {"size": held.size, "root": held.root, "checkpoint": held.checkpoint})


@pytest.fixture
async def pair() -> Pair:
    return await Pair().start()


@pytest.mark.parametrize("steps", [[1], [1, 1, 1], [3, 4, 1], [8, 8], [5, 0, 6]])
async def test_witness_follows_a_chain_that_grows(pair: Pair, steps: list[int]) -> None:
    for step in steps:
        await pair.grow(step)
        await pair.tell()
        last = await pair.chain.last()
        held = await pair.keep.held("westeurope")
        assert last is not None
        assert (held.size, held.root, held.checkpoint) == (last.size, last.root, last.checkpoint)
        assert (pair.tell.behind(last.size), pair.tell.fault) == (0, "")
        assert pair.kept.files[witness_name("westeurope", last.size)].decode() == last.checkpoint


async def test_long_backlog_is_sent_in_steps(pair: Pair) -> None:
    await pair.grow(MOST_LEAVES + 7)
    await pair.tell()
    assert sorted(pair.kept.files) == [witness_name("westeurope", size) for size in (MOST_LEAVES, MOST_LEAVES + 7)]


async def test_telling_twice_is_harmless_and_asks_nothing_new(pair: Pair) -> None:
    await pair.grow(2)
    await pair.tell()
    await pair.tell()
    assert len(pair.kept.files) == 1


async def test_witness_that_is_away_is_remembered_and_caught_up_with(pair: Pair) -> None:
    await pair.grow(2)
    pair.is_away = True
    await pair.tell()
    assert pair.tell.fault == "eastus2: away"
    pair.is_away = False
    await pair.tell()
    assert pair.tell.fault == ""


async def test_witness_is_behind_by_what_the_chain_has_grown_since_it_was_heard_of(pair: Pair) -> None:
    assert pair.tell.behind(2) is None
    await pair.grow(2)
    await pair.tell()
    assert (pair.tell.behind(2), pair.tell.behind(3)) == (0, 1)
    await pair.grow(3)
    pair.is_away = True
    await pair.tell()
    assert (pair.tell.behind(5), pair.tell.fault) == (3, "eastus2: away")


async def rewritten(pair: Pair, count: int) -> Pair:
    """The same region and key with another history."""
    other = await Pair(vault=pair.vault, kept=pair.kept, rows=pair.rows).start()
    lane = LaneEntry("9f3a", 1, {})
    await other.lake.create(manifest_name("westeurope", FIRST), Manifest("westeurope", FIRST, lanes=[lane]).to_bytes())
    await other.chain.commit_windows(FIRST)
    await other.grow(count - 1)
    return other


@pytest.mark.parametrize("count", [3, 5])
async def test_chain_that_was_rewritten_is_told_by_its_own_region(pair: Pair, count: int) -> None:
    await pair.grow(3)
    await pair.tell()
    held = await pair.keep.held("westeurope")
    other = await rewritten(pair, count)
    await other.tell()
    assert "rewritten" in other.tell.fault
    assert await pair.keep.held("westeurope") == held


async def test_chain_that_was_rewritten_is_refused_by_the_witness(pair: Pair) -> None:
    await pair.grow(3)
    await pair.tell()
    other = await rewritten(pair, 5)
    last, entry = await other.chain.last(), await other.chain.entry(2)
    assert last is not None
    assert entry is not None
    added = [leaf_hash(other.lake.files[manifest_name("westeurope", Window(FIRST.end_s + HOUR * (n - 1), HOUR))])
             for n in (3, 4)]  # fmt: skip
    proof = [part.hex() for part in prove_consistency(entry.tree, added)]
    with pytest.raises(CheckpointRefused, match="other roots"):
        await pair.keep("westeurope", last.checkpoint, 3, proof)


async def test_chain_that_was_cut_off_is_told_by_its_own_region(pair: Pair) -> None:
    await pair.grow(3)
    await pair.tell()
    shorter = await Pair(vault=pair.vault, kept=pair.kept, rows=pair.rows).start()
    await shorter.grow(2)
    await shorter.tell()
    assert "cut off" in shorter.tell.fault


@pytest.mark.parametrize("what", ["unsigned", "foreign key", "wrong root", "wrong size", "no proof", "old size"])
async def test_checkpoint_that_proves_nothing_is_refused_and_changes_nothing(pair: Pair, what: str) -> None:
    await pair.grow(2)
    await pair.tell()
    held = await pair.keep.held("westeurope")
    await pair.grow(3)
    last = await pair.chain.last()
    assert last is not None
    note, old_size, proof = last.checkpoint, held.size, ["00" * 32]
    key = await pair.chain.public_key()
    if what == "unsigned":
        note = note.replace("—", "-")
    elif what == "foreign key":
        stranger = MemoryVault()
        checkpoint = open_note(last.checkpoint, [key])
        note = sign_note(checkpoint, key, await stranger.sign(checkpoint.text.encode()))
    elif what in {"wrong root", "wrong size"}:
        checkpoint = Checkpoint("vouch/westeurope", 4 if what == "wrong size" else 5, b"\1" * 32)
        note = sign_note(checkpoint, key, await pair.vault.sign(checkpoint.text.encode()))
    elif what == "no proof":
        proof = []
    else:
        old_size = 1
    with pytest.raises(CheckpointRefused):
        await pair.keep("westeurope", note, old_size, proof)
    assert await pair.keep.held("westeurope") == held
    assert len(pair.kept.files) == 1


async def test_region_that_is_none_is_not_found(pair: Pair) -> None:
    with pytest.raises(NotFound):
        await pair.keep.held("atlantis")
    with pytest.raises(NotFound):
        await pair.keep("atlantis", "", 0, [])


async def test_lake_that_lost_a_manifest_is_told_loudly(pair: Pair) -> None:
    await pair.grow(2)
    pair.lake.files = {name: content for name, content in pair.lake.files.items() if "manifests" not in name}
    with pytest.raises(StorageFailed, match="not there"):
        await pair.tell()


async def test_two_that_send_at_once_leave_one_last_checkpoint(pair: Pair) -> None:
    await pair.grow(1)
    first = await pair.chain.last()
    assert first is not None
    await pair.keep("westeurope", first.checkpoint, 0, [])
    with pytest.raises(CheckpointRefused, match="1 is what is held"):
        await pair.keep("westeurope", first.checkpoint, 0, [])
