"""Compose whatever reads the records of a region's trail, opens them, or makes them unreadable."""

from __future__ import annotations

from dataclasses import dataclass

from flows.compose_trail import TrailKeys, TrailPorts
from flows.idempotency import Idempotency
from flows.keys.rewrap_keys import RewrapKeys
from flows.ports import Clock, Entropy, Lake, Ledger, Reservations
from flows.privacy.access_subject import AccessSubject
from flows.privacy.erase_subject import EraseSubject, Erasing
from flows.privacy.erasure_log import ErasureLog
from flows.privacy.finish_erasures import FinishErasures
from flows.privacy.forget_records import ForgetRecords
from flows.privacy.hold_subject import HoldSubject
from flows.privacy.legal_holds import LegalHolds
from flows.privacy.privacy_room import PrivacyRoom
from flows.records.mentions import FindMentions
from flows.records.open_window import OpenWindow
from flows.records.prove_record import ProveRecord
from flows.records.read_decision import ReadDecision, ShowDecisions
from flows.records.read_lake import ReadLake
from flows.records.read_records import ReadRecords
from flows.records.record_label import RecordLabel
from flows.records.record_review import RecordReview
from flows.records.search_decisions import SearchDecisions
from flows.records.unsealed import Unsealed
from flows.write_record import WriteRecord


@dataclass(frozen=True, slots=True)
class RecordPorts:
    """What records are read from and written to, beside the trail's own ports."""

    region: str
    window_s: int
    ledger: Ledger
    lake: Lake
    reservations: Reservations
    idempotency: Idempotency
    write: WriteRecord
    clock: Clock
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class RecordRoom:
    """The use cases about records that are there already."""

    read_decision: ReadDecision
    search_decisions: SearchDecisions
    open_window: OpenWindow
    read_lake: ReadLake
    record_label: RecordLabel
    record_review: RecordReview
    rewrap_keys: RewrapKeys
    privacy: PrivacyRoom


def build_records(ports: RecordPorts, trail: TrailPorts, keys: TrailKeys) -> RecordRoom:
    """One region's."""
    keyring, subject_keys = keys.keyring, keys.subjects
    records = ReadRecords(
        ports.region, ports.window_s, ports.ledger, ports.lake, keyring, keys.records, subject_keys
    )  # fmt: skip
    unsealed = Unsealed(trail.lanes, ports.clock, ports.window_s)
    mentions = FindMentions(keyring, trail.index, unsealed)
    show = ShowDecisions(records, mentions, ports.reservations)
    prove = ProveRecord(ports.region, ports.window_s, ports.lake)
    log = ErasureLog(trail.erasure_rows)
    erasing = Erasing(
        log=log,
        holds=LegalHolds(log, subject_keys, trail.index),
        mentions=mentions,
        subject_keys=subject_keys,
        keyring=keyring,
        index=trail.index,
        unsealed=unsealed,
        records=records,
        forget=ForgetRecords(ports.ledger, trail.lanes, trail.record_keys),
        write=ports.write,
        clock=ports.clock,
        entropy=ports.entropy,
        window_s=ports.window_s,
    )
    return RecordRoom(
        read_decision=ReadDecision(records, show, prove, ports.write),
        search_decisions=SearchDecisions(mentions, records, show, ports.write),
        open_window=OpenWindow(ports.region, ports.lake, records, ports.write),
        read_lake=ReadLake(ports.lake, ports.write, ports.clock),
        record_label=RecordLabel(records, ports.idempotency, ports.write),
        record_review=RecordReview(records, ports.idempotency, ports.write),
        rewrap_keys=RewrapKeys(keyring, ports.write),
        privacy=_compose_privacy(erasing),
    )


def _compose_privacy(erasing: Erasing) -> PrivacyRoom:
    erase = EraseSubject(erasing)
    finish = FinishErasures(erasing.log, erase)
    hold = HoldSubject(
        erasing.log, erasing.holds, erasing.mentions, finish, erasing.write, erasing.clock, erasing.entropy
    )
    access = AccessSubject(erasing.mentions, erasing.records, erasing.write, erasing.entropy)
    return PrivacyRoom(erasing.log, erase, finish, hold, access)
