"""The app of one region: settings, adapters, flows and blueprints, composed. No logic, no routes.

`build_edge` is apart from `app` so that tests and benchmarks compose the same parts over other storage.

What the start makes lives as long as the process. So nothing is collected meanwhile, which takes an eighth off the
imports, and all of it is kept out of later collections: a full one would go through it for some 40 ms, while callers
wait, and free nothing.
"""

from __future__ import annotations

import gc

gc.disable()

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import azure.functions as func

from adapters.azure_storage import AzureStorage, StorageService, connect_by_identity, connect_by_string
from adapters.blobs_bundles import BlobsBundles
from adapters.blobs_documents import BlobsDocuments
from adapters.blobs_lake import BlobsLake
from adapters.env_settings import Settings, read_settings
from adapters.file_vault import FileVault
from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from adapters.held_models import HeldModels
from adapters.held_policies import HeldPolicies
from adapters.https_notifier import HttpsNotifier
from adapters.https_regions import AppTokens, FileAppTokens, HttpsRegions, IdentityAppTokens
from adapters.jwt_issuer import check_issuer, check_keys_url
from adapters.jwt_keys import JwtKeys
from adapters.jwt_tokens import JwtTokens
from adapters.keyvault_vault import connect_key_vault
from adapters.system_clock import SystemClock
from adapters.system_entropy import SystemEntropy
from adapters.tables_counters import TablesCounters
from adapters.tables_index import TablesIndex
from adapters.tables_lane import WriteLimits
from adapters.tables_lanes import TablesLanes
from adapters.tables_ledger import TablesLedger
from adapters.tables_record_keys import TablesRecordKeys
from adapters.tables_releases import TablesReleases
from adapters.tables_reservations import TablesReservations
from adapters.tables_rows import TablesRows
from flows.compose_service import ControlPorts, build_service
from flows.compose_trail import TrailPorts, TrailSettings
from flows.deciding.admit_deal import Residency
from flows.regions import Region, control_of, parse_regions
from flows.rolling_out.rollouts import RolloutSettings
from flows.trail_ports import Vault
from orchestrations.activities import rollouts_orchestrations, trail_orchestrations
from orchestrations.engine import DurableEngine, DurableSealing
from triggers.blueprints import build_blueprint, durable_blueprint
from triggers.control_timer import control_timer_blueprint
from triggers.decisions import decisions_blueprint
from triggers.edge import Edge
from triggers.health import health_blueprint
from triggers.lake import lake_blueprint
from triggers.models import models_blueprint
from triggers.open_inference import open_inference_blueprint
from triggers.page import page_blueprint
from triggers.privacy import privacy_blueprint
from triggers.purge_timer import purge_timer_blueprint
from triggers.reference import reference_blueprint
from triggers.registry import registry_blueprint
from triggers.releases import releases_blueprint
from triggers.rollouts import elsewhere_blueprint, reading_answers, steering_answers
from triggers.scoring import scoring_blueprint
from triggers.seal_timer import seal_timer_blueprint
from triggers.trail import sealing_answers, trail_answers
from triggers.unmatched import unmatched_blueprint
from triggers.versions import versions_blueprint

ROLLOUTS_TABLE, REFERENCE_TABLE = "rollouts", "reference"
KEPT_CONTAINER, REGISTRY_CONTAINER = "versions", "registry"


def connect_storage(settings: Settings) -> AzureStorage:
    """The region's own storage account."""
    if settings.storage_connection:
        return connect_by_string(settings.storage_connection)
    return connect_by_identity(settings.tables_url, settings.blobs_url, settings.managed_identity_client_id)


def connect_lake(settings: Settings, storage: AzureStorage) -> StorageService:
    """The blobs of the account that the region's lake lies in; its own where nothing else is set."""
    if settings.lake_connection:
        return connect_by_string(settings.lake_connection).blobs
    if settings.lake_blobs_url:
        client_id = settings.managed_identity_client_id
        return connect_by_identity(settings.tables_url, settings.lake_blobs_url, client_id).blobs
    return storage.blobs


def connect_vault(settings: Settings) -> Vault:
    """The vault that the region's keys are in."""
    if settings.vault_folder:
        return FileVault(Path(settings.vault_folder))
    return connect_key_vault(
        settings.vault_url, settings.signing_key, settings.wrapping_key, settings.managed_identity_client_id
    )


def build_edge(settings: Settings, storage: AzureStorage) -> Edge:
    """Everything behind the blueprints. Raises where settings, models or policies can't be served."""
    check_issuer(settings.issuer, settings.in_azure)
    check_keys_url(settings.jwks_url, settings.in_azure)
    clock = SystemClock()
    regions = parse_regions(json.loads(settings.regions_file.read_text()))
    kept = BlobsBundles(storage.blobs, KEPT_CONTAINER)
    lake = BlobsLake(connect_lake(settings, storage))
    service = build_service(
        residency=Residency(regions[settings.region], regions, settings.residency_required),
        default_model=settings.default_model,
        initial_releases=settings.initial_releases,
        models=HeldModels(FolderModels(settings.models_folder), kept),
        policies=HeldPolicies(FolderPolicies(settings.policies_folder), kept),
        ledger=TablesLedger(
            storage,
            clock,
            settings.seal.window_s,
            WriteLimits(settings.write_deadline_s, queue_limit=settings.queue_limit),
        ),
        counters=TablesCounters(storage, clock, settings.seal.window_s),
        reservations=TablesReservations(storage),
        store=TablesReleases(storage),
        clock=clock,
        entropy=SystemEntropy(),
        secret=settings.hmac_key,
        lease_s=settings.idempotency_lease_s,
        call_region=HttpsRegions(regions, connect_identity(settings)),
        kept=kept,
        lake=lake,
        reference_rows=TablesRows(storage, REFERENCE_TABLE),
        registry=connect_registry(settings),
        control=build_control(settings, storage, regions),
        trail=build_trail_ports(settings, storage, lake),
        trail_settings=TrailSettings(
            settings.trail_origin,
            settings.seal,
            settings.seal_pace,
            settings.hot_retention_s,
            settings.reservation_retention_s,
            None if regions[settings.region].control else settings.keep_history_s,
        ),
    )
    keys = JwtKeys(settings.jwks_url, BlobsDocuments(storage), clock)
    return Edge(service, JwtTokens(keys, settings.issuer, settings.audience, clock), clock)


def connect_identity(settings: Settings) -> AppTokens:
    """What this app calls other regions with."""
    if settings.app_token_file:
        return FileAppTokens(Path(settings.app_token_file))
    return IdentityAppTokens(settings.managed_identity_client_id)


def connect_registry(settings: Settings) -> BlobsBundles | None:
    """The registry of versions, which every region shares; None where there is none."""
    if settings.registry_connection:
        return BlobsBundles(connect_by_string(settings.registry_connection).blobs, REGISTRY_CONTAINER)
    if settings.registry_blobs_url:
        client_id = settings.managed_identity_client_id
        registry = connect_by_identity(settings.tables_url, settings.registry_blobs_url, client_id)
        return BlobsBundles(registry.blobs, REGISTRY_CONTAINER)
    return None


def build_control(settings: Settings, storage: AzureStorage, regions: Mapping[str, Region]) -> ControlPorts | None:
    """What the control region needs besides."""
    if not regions[settings.region].control:
        return None
    pairs = {region.name: region.pair for region in regions.values() if region.pair}
    return ControlPorts(
        rows=TablesRows(storage, ROLLOUTS_TABLE),
        engine=DurableEngine(),
        settings=RolloutSettings(
            tuple(regions), pairs, settings.region, settings.rollout_pace, settings.least_approval
        ),
        notify=HttpsNotifier(settings.notify_url) if settings.notify_url else None,
        notify_secret=settings.notify_secret,
        stuck_after_s=settings.stuck_after_s,
        keep_s=settings.keep_history_s,
    )


def build_trail_ports(settings: Settings, storage: AzureStorage, lake: BlobsLake) -> TrailPorts:
    """What the audit trail stands on."""
    return TrailPorts(
        lake=lake,
        lanes=TablesLanes(storage, settings.seal.window_s),
        record_keys=TablesRecordKeys(storage, settings.seal.window_s),
        index=TablesIndex(storage),
        vault=connect_vault(settings),
        keyring_rows=TablesRows(storage, "keyring"),
        subject_rows=TablesRows(storage, "subjects"),
        witness_rows=TablesRows(storage, "witness"),
        note_rows=TablesRows(storage, "trail"),
        old_reservations=TablesReservations(storage),
        erasure_rows=TablesRows(storage, "erasures"),
        sealing=DurableSealing(),
    )


def register_trail(app: func.FunctionApp, edge: Edge, settings: Settings) -> None:
    """Sealing and what people see of it, in every region."""
    room = edge.service.trail
    app.register_functions(build_blueprint(edge, trail_answers(room)))
    app.register_functions(durable_blueprint(edge, sealing_answers(room)))
    app.register_functions(trail_orchestrations(room))
    app.register_functions(seal_timer_blueprint(room, settings.seal_schedule))
    app.register_functions(purge_timer_blueprint(room.purge, settings.purge_schedule))


def register_rollouts(app: func.FunctionApp, edge: Edge, settings: Settings) -> None:
    """Rollouts: driven here in the control region, elsewhere the caller is told where that is."""
    room = edge.service.control
    if room is None:
        regions = parse_regions(json.loads(settings.regions_file.read_text()))
        app.register_functions(elsewhere_blueprint(edge, control_of(regions)))
        return
    app.register_functions(build_blueprint(edge, reading_answers(room)))
    app.register_functions(durable_blueprint(edge, steering_answers(room, DurableEngine())))
    app.register_functions(rollouts_orchestrations(room))
    app.register_functions(control_timer_blueprint(room, settings.control_schedule))


def build_app(edge: Edge, settings: Settings) -> func.FunctionApp:
    """The app with every function of the table of endpoints."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    register_rollouts(app, edge, settings)
    register_trail(app, edge, settings)
    app.register_functions(versions_blueprint(edge))
    app.register_functions(registry_blueprint(edge))
    app.register_functions(reference_blueprint(edge))
    app.register_functions(scoring_blueprint(edge))
    app.register_functions(decisions_blueprint(edge))
    app.register_functions(lake_blueprint(edge))
    app.register_functions(privacy_blueprint(edge))
    app.register_functions(models_blueprint(edge))
    app.register_functions(releases_blueprint(edge))
    app.register_functions(open_inference_blueprint(edge))
    app.register_functions(health_blueprint(edge))
    app.register_functions(page_blueprint(edge, settings.demo_token_url))
    app.register_functions(unmatched_blueprint(edge))
    return app


logging.getLogger("vouch").setLevel(logging.INFO)
settings = read_settings(os.environ)
app = build_app(build_edge(settings, connect_storage(settings)), settings)
gc.freeze()
gc.enable()
