"""Compose the use cases over their ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flows.compose_records import RecordPorts, build_records
from flows.compose_trail import TrailPorts, TrailSettings, build_trail, open_keys
from flows.deciding.admit_deal import Residency
from flows.deciding.decide_deals import DecideDeals
from flows.deciding.record_rejection import RecordRejection
from flows.deciding.score_golden import ScoreGolden
from flows.deciding.terms import FindTerms
from flows.idempotency import Idempotency
from flows.ports import (
    BundleStore,
    Clock,
    CounterLog,
    Engine,
    Entropy,
    Lake,
    Ledger,
    Models,
    Notifier,
    Policies,
    RegionCalls,
    ReleaseStore,
    Reservations,
    Rows,
)
from flows.reference.activate_snapshot import ActivateSnapshot
from flows.reference.active_snapshots import ActiveSnapshots
from flows.reference.current_references import CurrentReferences
from flows.releasing.bring_version import BringVersion
from flows.releasing.change_release import ChangeRelease, ReadRelease
from flows.releasing.current_releases import CurrentReleases
from flows.releasing.read_metrics import ReadMetrics
from flows.rolling_out.control_room import ControlRoom
from flows.rolling_out.papers import Papers, open_papers
from flows.rolling_out.reconcile import Reconcile
from flows.rolling_out.region_steps import RegionSteps
from flows.rolling_out.rollouts import Rollouts, RolloutSettings
from flows.rolling_out.tell_people import TellPeople
from flows.rolling_out.undo_version import UndoVersion
from flows.rolling_out.watch_rollouts import WatchRollouts
from flows.service import Service
from flows.write_record import WriteRecord
from scoring.release import Release


@dataclass(frozen=True, slots=True)
class ControlPorts:
    """What only the control region needs. `notify` None: nobody is to be told."""

    rows: Rows
    engine: Engine
    settings: RolloutSettings
    notify: Notifier | None
    notify_secret: bytes
    stuck_after_s: float
    keep_s: float


def build_service(
    *,
    residency: Residency,
    default_model: str,
    initial_releases: Mapping[str, Release],
    models: Models,
    policies: Policies,
    ledger: Ledger,
    counters: CounterLog,
    reservations: Reservations,
    store: ReleaseStore,
    clock: Clock,
    entropy: Entropy,
    secret: bytes,
    lease_s: float,
    call_region: RegionCalls,
    kept: BundleStore,
    lake: Lake,
    reference_rows: Rows,
    registry: BundleStore | None = None,
    control: ControlPorts | None = None,
    trail: TrailPorts,
    trail_settings: TrailSettings,
) -> Service:
    """One region's use cases. `secret` keys the HMACs of idempotency, `lease_s` is a reservation's, in seconds;
    `kept` is the region's own copy of versions, `registry` where they come from; `reference_rows` say which snapshots
    of the `lake` are active; `control` is what the control region needs besides."""
    region = residency.region.name
    idempotency = Idempotency(reservations, ledger, clock, secret, lease_s)
    write = WriteRecord(region, ledger, idempotency, clock, entropy)
    active = ActiveSnapshots(reference_rows)
    references = CurrentReferences(active, lake, models, clock)
    releases = CurrentReleases(store, clock, initial_releases, models, policies, references)
    read_release = ReadRelease(store, releases)
    terms = FindTerms(models, policies, releases, references)
    decide = DecideDeals(residency, default_model, terms, ledger, idempotency, clock, entropy)
    change_release = ChangeRelease(store, models, policies, releases, write, clock)
    versions = BringVersion(registry, kept, models, policies, write)
    keys = open_keys(trail, entropy)
    records = build_records(
        RecordPorts(
            region=region,
            window_s=trail_settings.seal.window_s,
            ledger=ledger,
            lake=lake,
            reservations=reservations,
            idempotency=idempotency,
            write=write,
            clock=clock,
            entropy=entropy,
        ),
        trail,
        keys,
    )
    papers = open_papers(control.rows, write, clock) if control else None
    room = None
    if control and papers:
        rollouts = Rollouts(papers.log, versions, releases, ledger, idempotency, clock, control.settings)
        room = _compose_room(control, papers, rollouts, RegionSteps(call_region), clock, residency)
    return Service(
        region=region,
        default_model=default_model,
        residencies=residency.region.residencies,
        models=models,
        policies=policies,
        releases=releases,
        references=references,
        decide_deals=decide,
        read_release=read_release,
        read_metrics=ReadMetrics(read_release, counters),
        change_release=change_release,
        record_rejection=RecordRejection(write),
        score_golden=ScoreGolden(models, policies, decide, clock),
        undo_version=UndoVersion(region, tuple(residency.regions), read_release, change_release, call_region, papers),
        versions=versions,
        records=records,
        activate_snapshot=ActivateSnapshot(active, lake, models, references, write, clock),
        control=room,
        trail=build_trail(
            residency.region,
            trail,
            trail_settings,
            keys,
            checkpoint_keys={name: one.checkpoint_keys for name, one in residency.regions.items()},
            models=models,
            kept=kept,
            clock=clock,
            call_region=call_region,
            finish_erasures=records.privacy.finish,
        ),
    )


def _compose_room(
    ports: ControlPorts, papers: Papers, rollouts: Rollouts, steps: RegionSteps, clock: Clock, residency: Residency
) -> ControlRoom:
    return ControlRoom(
        rollouts=rollouts,
        papers=papers,
        steps=steps,
        reconcile=Reconcile(papers, steps, tuple(residency.regions), clock),
        tell_people=TellPeople(papers.notices, ports.notify, ports.notify_secret, residency.region.name, clock),
        watch=WatchRollouts(papers, ports.engine, clock, ports.stuck_after_s, ports.keep_s),
    )
