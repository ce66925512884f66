"""Compose a region's audit trail over its ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.notes import VerifierKey
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.ports import BundleStore, Clock, Entropy, Lake, Models, RegionCalls, Rows
from flows.privacy.finish_erasures import FinishErasures
from flows.regions import Region
from flows.sealing.chain_log import ChainLog
from flows.sealing.committed_manifests import CommittedManifests
from flows.sealing.current_trail_health import CurrentTrailHealth
from flows.sealing.known_bins import KnownBins
from flows.sealing.prove_window import ProveWindow
from flows.sealing.publish_schemas import PublishSchemas
from flows.sealing.purge_ledger import PurgeLedger
from flows.sealing.purge_windows import PurgeWindows
from flows.sealing.read_exports import ReadExports
from flows.sealing.seal_lane import SealLane
from flows.sealing.seal_window import SealSettings, SealWindow
from flows.sealing.trail_notes import TrailNotes
from flows.sealing.trail_room import Sealing, TrailRoom
from flows.sealing.watch_trail import WatchTrail
from flows.sealing.witness import KeepCheckpoint, TellWitness
from flows.trail_ports import Lanes, OldReservations, RecordKeys, TrailIndex, Vault


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
    note_rows: Rows
    old_reservations: OldReservations
    erasure_rows: Rows
    sealing: Sealing


@dataclass(frozen=True, slots=True)
class TrailSettings:
    """`origin` is what the region's checkpoints are signed as; `pace` is how patient an orchestration is; rows leave
    the ledger after `hot_retention_s`, reservations their table after `reservation_retention_s`, and histories the
    engine after `keep_history_s` (None: somebody else sees to it)."""

    origin: str
    seal: SealSettings
    pace: Mapping[str, float]
    hot_retention_s: float
    reservation_retention_s: float
    keep_history_s: float | None


@dataclass(frozen=True, slots=True)
class TrailKeys:
    """The region's keys as this process holds them: what seals records and what opens them share what was unwrapped."""

    keyring: Keyring
    records: RecordKeyring
    subjects: SubjectKeys


def open_keys(ports: TrailPorts, entropy: Entropy) -> TrailKeys:
    """One region's keys; nothing is read before it is needed."""
    keyring = Keyring(ports.keyring_rows, ports.vault, entropy)
    return TrailKeys(
        keyring=keyring,
        records=RecordKeyring(ports.record_keys, keyring, entropy),
        subjects=SubjectKeys(ports.subject_rows, keyring, entropy),
    )


def build_trail(
    region: Region,
    ports: TrailPorts,
    settings: TrailSettings,
    keys: TrailKeys,
    *,
    checkpoint_keys: Mapping[str, Sequence[VerifierKey]],
    models: Models,
    kept: BundleStore,
    clock: Clock,
    call_region: RegionCalls,
    finish_erasures: FinishErasures,
) -> TrailRoom:
    """One region's trail. `checkpoint_keys` are the verifier keys of every region; `models` are at
    hand and `kept` in the region, for the bins of their features."""
    window_s = settings.seal.window_s
    chain = ChainLog(region.name, settings.origin, window_s, ports.lake, ports.vault, clock)
    seal = SealWindow(region.name, ports.lake, ports.lanes, chain, clock, settings.seal)
    tell_witness = TellWitness(chain, ports.lake, region.witness, call_region) if region.witness else None
    notes, schemas = TrailNotes(ports.note_rows), PublishSchemas(ports.lake)
    health = CurrentTrailHealth(notes, clock)
    return TrailRoom(
        window_s=window_s,
        chain=chain,
        seal=seal,
        lane=SealLane(
            region.name,
            ports.lake,
            ports.lanes,
            keys.keyring,
            keys.records,
            keys.subjects,
            ports.index,
            KnownBins(models, kept),
        ),
        exports=ReadExports(window_s, ports.lake, ports.lanes, chain, seal, clock, tell_witness, health),
        tell_witness=tell_witness,
        keep_checkpoint=KeepCheckpoint(checkpoint_keys, ports.lake, ports.witness_rows),
        schemas=schemas,
        watch=WatchTrail(window_s, chain, ports.lake, ports.lanes, seal, tell_witness, schemas, notes, clock),
        health=health,
        purge=_build_purge(ports, settings, chain, checkpoint_keys.get(region.name, ()), notes, clock),
        sealing=ports.sealing,
        pace=settings.pace,
        keep_history_s=settings.keep_history_s,
        clock=clock,
        finish_erasures=finish_erasures,
    )


def _build_purge(
    ports: TrailPorts,
    settings: TrailSettings,
    chain: ChainLog,
    keys: Sequence[VerifierKey],
    notes: TrailNotes,
    clock: Clock,
) -> PurgeLedger:
    window_s = settings.seal.window_s

    def prove() -> ProveWindow:
        return ProveWindow(ports.lake, ports.lanes, CommittedManifests(window_s, ports.lake, chain, keys))

    windows = PurgeWindows(ports.lanes, prove, clock, window_s, settings.hot_retention_s)
    return PurgeLedger(windows, ports.old_reservations, notes, clock, settings.reservation_retention_s)
