"""Compose the use cases over their ports."""

from __future__ import annotations

from collections.abc import Mapping

from flows.admit_deal import Residency
from flows.change_release import ChangeRelease, ReadRelease
from flows.current_releases import CurrentReleases
from flows.decide_deals import DecideDeals
from flows.idempotency import Idempotency
from flows.ports import Clock, CounterLog, Entropy, Ledger, Models, Policies, ReleaseStore, Reservations
from flows.read_decision import ReadDecision
from flows.read_metrics import ReadMetrics
from flows.record_label import RecordLabel
from flows.record_rejection import RecordRejection
from flows.record_review import RecordReview
from flows.service import Service
from flows.terms import FindTerms
from flows.write_record import WriteRecord
from scoring.release import Release


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
) -> Service:
    """One region's use cases. `secret` keys the HMACs of idempotency, `lease_s` is a reservation's, in seconds."""
    region = residency.region.name
    idempotency = Idempotency(reservations, ledger, clock, secret, lease_s)
    releases = CurrentReleases(store, clock, initial_releases)
    write = WriteRecord(region, ledger, idempotency, clock, entropy)
    read_release = ReadRelease(store)
    terms = FindTerms(models, policies, releases)
    return Service(
        region=region,
        default_model=default_model,
        residencies=residency.region.residencies,
        models=models,
        policies=policies,
        releases=releases,
        decide_deals=DecideDeals(residency, default_model, terms, ledger, idempotency, clock, entropy),
        read_decision=ReadDecision(ledger, reservations, write),
        record_label=RecordLabel(ledger, idempotency, write),
        record_review=RecordReview(ledger, idempotency, write),
        read_release=read_release,
        read_metrics=ReadMetrics(read_release, counters),
        change_release=ChangeRelease(store, models, policies, releases, write, clock),
        record_rejection=RecordRejection(write),
    )
