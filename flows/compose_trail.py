"""Compose a region's audit trail over its ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.notes import VerifierKey
from flows.chain_log import ChainLog
from flows.keyring import Keyring
from flows.known_bins import KnownBins
from flows.ports import BundleStore, Clock, Entropy, Lake, Models, RegionCalls, Rows
from flows.read_exports import ReadExports
from flows.record_keys import RecordKeyring
from flows.regions import Region
from flows.seal_lane import SealLane
from flows.seal_window import SealSettings, SealWindow
from flows.subject_keys import SubjectKeys
from flows.trail_ports import Lanes, RecordKeys, TrailIndex, Vault
from flows.trail_room import Sealing, TrailRoom
from flows.witness import KeepCheckpoint, TellWitness


@dataclass(frozen=True, slots=True)
class TrailPorts:
    """What the trail stands on."""

    lake: Lake
    lanes: Lanes
    record_keys: RecordKeys
    index: TrailIndex
    vault: Vault
    keyring_rows: Rows
    subject_rows: Rows
    witness_rows: Rows
    sealing: Sealing


@dataclass(frozen=True, slots=True)
class TrailSettings:
    """`origin` is what the region's checkpoints are signed as; `pace` is how patient an orchestration is."""

    origin: str
    seal: SealSettings
    pace: Mapping[str, float]


def build_trail(
    region: Region,
    ports: TrailPorts,
    settings: TrailSettings,
    *,
    checkpoint_keys: Mapping[str, Sequence[VerifierKey]],
    models: Models,
    kept: BundleStore,
    clock: Clock,
    entropy: Entropy,
    call_region: RegionCalls,
) -> TrailRoom:
    """One region's trail. `checkpoint_keys` are the verifier keys of every region; `models` are at
    hand and `kept` in the region, for the bins of their features."""
    window_s = settings.seal.window_s
    keyring = Keyring(ports.keyring_rows, ports.vault, entropy)
    chain = ChainLog(region.name, settings.origin, window_s, ports.lake, ports.vault, clock)
    seal = SealWindow(region.name, ports.lake, ports.lanes, chain, clock, settings.seal)
    tell_witness = TellWitness(chain, ports.lake, region.witness, call_region) if region.witness else None
    return TrailRoom(
        window_s=window_s,
        chain=chain,
        seal=seal,
        lane=SealLane(
            region.name,
            ports.lake,
            ports.lanes,
            keyring,
            RecordKeyring(ports.record_keys, keyring, entropy),
            SubjectKeys(ports.subject_rows, keyring, entropy),
            ports.index,
            KnownBins(models, kept),
        ),
        exports=ReadExports(window_s, ports.lake, ports.lanes, chain, seal, clock, tell_witness),
        tell_witness=tell_witness,
        keep_checkpoint=KeepCheckpoint(checkpoint_keys, ports.lake, ports.witness_rows),
        sealing=ports.sealing,
        pace=settings.pace,
        clock=clock,
    )
