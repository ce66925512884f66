"""Vouch with storage in memory: the same flows, edge and blueprints that `function_app.py` composes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import azure.functions as func

from adapters.azure_storage import AzureStorage, connect_by_string
from adapters.blobs_bundles import BlobsBundles
from adapters.blobs_lake import BlobsLake
from adapters.env_settings import Settings, read_settings
from adapters.file_vault import FileVault
from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from adapters.held_models import HeldModels
from adapters.held_policies import HeldPolicies
from adapters.jwt_keys import JwtKeys
from adapters.jwt_tokens import JwtTokens
from adapters.system_clock import SystemClock
from adapters.system_entropy import SystemEntropy
from adapters.tables_index import TablesIndex
from adapters.tables_lanes import TablesLanes
from adapters.tables_record_keys import TablesRecordKeys
from adapters.tables_reservations import TablesReservations
from audit.counters import Counters
from benchmarks.in_memory import MemoryLedger, MemoryReleases, MemoryReservations
from flows.compose_service import build_service
from flows.compose_trail import TrailPorts, TrailSettings
from flows.deciding.admit_deal import Residency
from flows.ports import Ledger, RegionAnswer, RegionUnreachable, Row
from flows.regions import parse_regions
from flows.service import Service
from orchestrations.engine import DurableSealing
from triggers.edge import Edge
from triggers.health import health_blueprint
from triggers.scoring import scoring_blueprint
from triggers.unmatched import unmatched_blueprint

STORAGE = "AccountName=none;AccountKey=bm9uZQ==;TableEndpoint=http://127.0.0.1:1;BlobEndpoint=http://127.0.0.1:1"


class NoDocuments:
    """No blob storage: the issuer's keys come from the issuer."""

    async def read(self, name: str) -> bytes | None:
        return None

    async def write(self, name: str, document: bytes) -> None:
        return None


async def call_no_region(
    region: str,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> RegionAnswer:
    """There is one region only."""
    raise RegionUnreachable(f"there is no {region}")


class NoCounters:
    """Nothing is counted: no benchmark over a ledger in memory reads metrics."""

    async def read(self, since: datetime) -> Counters:
        return Counters()


class NoRows:
    """No reference snapshot is active."""

    async def read(self, partition: str, key: str) -> Row | None:
        return None

    async def list(self, partition: str) -> list[Row]:
        return []

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        raise NotImplementedError

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        raise NotImplementedError

    async def delete(self, partition: str, row: Row) -> None:
        raise NotImplementedError


def build_memory_service(environ: Mapping[str, str], ledger: Ledger | None = None) -> tuple[Service, Settings]:
    """The service as settings say, but for its storage; `ledger` stands for the one in memory."""
    settings = read_settings({**environ, "VOUCH_STORAGE_CONNECTION": STORAGE})
    regions = parse_regions(json.loads(settings.regions_file.read_text()))
    ledger = ledger or MemoryLedger()
    storage = connect_by_string(STORAGE)
    kept = BlobsBundles(storage.blobs, "versions")
    service = build_service(
        residency=Residency(regions[settings.region], regions),
        default_model=settings.default_model,
        initial_releases=settings.initial_releases,
        models=HeldModels(FolderModels(settings.models_folder), kept),
        policies=HeldPolicies(FolderPolicies(settings.policies_folder), kept),
        ledger=ledger,
        counters=NoCounters(),
        reservations=MemoryReservations(),
        store=MemoryReleases(),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        secret=settings.hmac_key,
        lease_s=settings.idempotency_lease_s,
        call_region=call_no_region,
        kept=kept,
        lake=BlobsLake(storage.blobs),
        reference_rows=NoRows(),
        trail=_trail_ports(storage, settings.seal.window_s),
        trail_settings=TrailSettings(
            f"vouch/{settings.region}",
            settings.seal,
            settings.seal_pace,
            settings.hot_retention_s,
            settings.reservation_retention_s,
            settings.keep_history_s,
        ),
    )
    return service, settings


def build_memory_app() -> func.FunctionApp:
    """The app over it, with real tokens."""
    service, settings = build_memory_service(os.environ)
    clock = SystemClock()
    keys = JwtKeys(settings.jwks_url, NoDocuments(), clock)
    edge = Edge(service, JwtTokens(keys, settings.issuer, settings.audience, clock), clock)
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    for blueprint in (scoring_blueprint, health_blueprint, unmatched_blueprint):
        app.register_functions(blueprint(edge))
    return app


def _trail_ports(storage: AzureStorage, window_s: int) -> TrailPorts:
    """The trail's own parts, which no benchmark over storage in memory uses."""
    return TrailPorts(
        lake=BlobsLake(storage.blobs),
        lanes=TablesLanes(storage, window_s),
        record_keys=TablesRecordKeys(storage, window_s),
        index=TablesIndex(storage),
        vault=FileVault(Path("none")),
        keyring_rows=NoRows(),
        subject_rows=NoRows(),
        witness_rows=NoRows(),
        note_rows=NoRows(),
        old_reservations=TablesReservations(storage),
        erasure_rows=NoRows(),
        sealing=DurableSealing(),
    )
