"""The app of one region: settings, adapters, flows and blueprints, composed. No logic, no routes.

`build_edge` is apart from `app` so that tests and benchmarks compose the same parts over other storage.
"""

from __future__ import annotations

import json
import logging
import os

import azure.functions as func

from adapters.azure_storage import AzureStorage, connect_by_identity, connect_by_string
from adapters.blobs_documents import BlobsDocuments
from adapters.env_settings import Settings, read_settings
from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from adapters.jwt_issuer import check_issuer, check_keys_url
from adapters.jwt_keys import JwtKeys
from adapters.jwt_tokens import JwtTokens
from adapters.system_clock import SystemClock
from adapters.system_entropy import SystemEntropy
from adapters.tables_counters import TablesCounters
from adapters.tables_lane import WriteLimits
from adapters.tables_ledger import TablesLedger
from adapters.tables_releases import TablesReleases
from adapters.tables_reservations import TablesReservations
from flows.admit_deal import Residency
from flows.compose_service import build_service
from flows.regions import parse_regions
from triggers.decisions import decisions_blueprint
from triggers.edge import Edge
from triggers.health import health_blueprint
from triggers.models import models_blueprint
from triggers.open_inference import open_inference_blueprint
from triggers.page import page_blueprint
from triggers.releases import releases_blueprint
from triggers.scoring import scoring_blueprint
from triggers.unmatched import unmatched_blueprint


def connect_storage(settings: Settings) -> AzureStorage:
    """The region's own storage account."""
    if settings.storage_connection:
        return connect_by_string(settings.storage_connection)
    return connect_by_identity(settings.tables_url, settings.blobs_url)


def build_edge(settings: Settings, storage: AzureStorage) -> Edge:
    """Everything behind the blueprints. Raises where settings, models or policies can't be served."""
    check_issuer(settings.issuer, settings.in_azure)
    check_keys_url(settings.jwks_url, settings.in_azure)
    clock = SystemClock()
    regions = parse_regions(json.loads(settings.regions_file.read_text()))
    service = build_service(
        residency=Residency(regions[settings.region], regions, settings.residency_required),
        default_model=settings.default_model,
        initial_releases=settings.initial_releases,
        models=FolderModels(settings.models_folder),
        policies=FolderPolicies(settings.policies_folder),
        ledger=TablesLedger(
            storage, clock, settings.window_s, WriteLimits(settings.write_deadline_s, queue_limit=settings.queue_limit)
        ),
        counters=TablesCounters(storage, clock, settings.window_s),
        reservations=TablesReservations(storage),
        store=TablesReleases(storage),
        clock=clock,
        entropy=SystemEntropy(),
        secret=settings.hmac_key,
        lease_s=settings.idempotency_lease_s,
    )
    keys = JwtKeys(settings.jwks_url, BlobsDocuments(storage), clock)
    return Edge(service, JwtTokens(keys, settings.issuer, settings.audience, clock), clock)


def build_app(edge: Edge, demo_token_url: str = "") -> func.FunctionApp:
    """The app with every function of the table of endpoints."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.register_functions(scoring_blueprint(edge))
    app.register_functions(decisions_blueprint(edge))
    app.register_functions(models_blueprint(edge))
    app.register_functions(releases_blueprint(edge))
    app.register_functions(open_inference_blueprint(edge))
    app.register_functions(health_blueprint(edge))
    app.register_functions(page_blueprint(edge, demo_token_url))
    app.register_functions(unmatched_blueprint(edge))
    return app


logging.getLogger("vouch").setLevel(logging.INFO)
settings = read_settings(os.environ)
app = build_app(build_edge(settings, connect_storage(settings)), settings.demo_token_url)
