"""Settings, read once from the environment. Every fault is told at once, by its variable's name.

`docs/settings.md` says the same to people, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit

from adapters.setting_values import (
    parse_boolean,
    parse_count,
    parse_hmac_key,
    parse_initial_releases,
    parse_least_approval,
    parse_origin,
    parse_schedule,
    parse_seconds,
    parse_threshold,
    parse_window_length,
)
from flows.sealing.seal_window import SealSettings
from rollouts.plan import Before
from scoring.release import Release

T = TypeVar("T")
SLICES_IN_A_LEASE = 3
SHORTEST_SECRET = 16
CLOCK_SKEW_S = 5.0
APP_FOLDER = Path(__file__).resolve().parent.parent


class InvalidSettings(ValueError):
    """Settings that can't be obeyed; the message lists every variable and its fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one region's app is told. Seconds are in names; a secret never leaves its field."""

    region: str
    regions_file: Path
    storage_connection: str
    tables_url: str
    blobs_url: str
    managed_identity_client_id: str
    issuer: str
    jwks_url: str
    audience: str
    demo_token_url: str
    hmac_key: bytes
    default_model: str
    initial_releases: Mapping[str, Release]
    write_deadline_s: float
    idempotency_lease_s: float
    queue_limit: int
    residency_required: bool
    models_folder: Path
    policies_folder: Path
    registry_connection: str
    registry_blobs_url: str
    app_token_file: str
    vault_folder: str
    vault_url: str
    signing_key: str
    wrapping_key: str
    trail_origin: str
    lake_connection: str
    lake_blobs_url: str
    rollout_pace: Mapping[str, float]
    least_approval: Mapping[str, Before]
    control_schedule: str
    notify_url: str
    notify_secret: bytes
    stuck_after_s: float
    keep_history_s: float
    seal: SealSettings
    seal_schedule: str
    seal_pace: Mapping[str, float]
    hot_retention_s: float
    reservation_retention_s: float
    purge_schedule: str
    in_azure: bool


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises InvalidSettings."""
    reader = _Reader(environ)
    region = reader.text("VOUCH_REGION")
    settings = Settings(
        region=region,
        regions_file=reader.path("VOUCH_REGIONS_FILE", APP_FOLDER / "regions.json"),
        storage_connection=reader.text("VOUCH_STORAGE_CONNECTION", ""),
        tables_url=reader.text("VOUCH_TABLES_URL", ""),
        blobs_url=reader.text("VOUCH_BLOBS_URL", ""),
        managed_identity_client_id=reader.text("VOUCH_MANAGED_IDENTITY_CLIENT_ID", ""),
        issuer=reader.text("VOUCH_ISSUER"),
        jwks_url=reader.text("VOUCH_JWKS_URL"),
        audience=reader.text("VOUCH_AUDIENCE", f"api://vouch-{region}"),
        demo_token_url=reader.text("VOUCH_DEMO_TOKEN_URL", ""),
        hmac_key=reader.parsed("VOUCH_HMAC_KEY", parse_hmac_key, None),
        default_model=reader.text("VOUCH_DEFAULT_MODEL", "deal-fraud"),
        initial_releases=reader.parsed("VOUCH_INITIAL_RELEASES", parse_initial_releases, "deal-fraud=1.0.0@standard/1"),
        write_deadline_s=reader.parsed("VOUCH_WRITE_DEADLINE_S", parse_seconds, "4"),
        idempotency_lease_s=reader.parsed("VOUCH_IDEMPOTENCY_LEASE_S", parse_seconds, "45"),
        queue_limit=reader.parsed("VOUCH_QUEUE_LIMIT", parse_count, "4000"),
        residency_required=reader.parsed("VOUCH_RESIDENCY_REQUIRED", parse_boolean, "false"),
        models_folder=reader.path("VOUCH_MODELS_FOLDER", APP_FOLDER / "model_artifacts"),
        policies_folder=reader.path("VOUCH_POLICIES_FOLDER", APP_FOLDER / "policies"),
        registry_connection=reader.text("VOUCH_REGISTRY_CONNECTION", ""),
        registry_blobs_url=reader.text("VOUCH_REGISTRY_BLOBS_URL", ""),
        app_token_file=reader.text("VOUCH_APP_TOKEN_FILE", ""),
        vault_folder=reader.text("VOUCH_VAULT_FOLDER", ""),
        vault_url=reader.text("VOUCH_VAULT_URL", ""),
        signing_key=reader.text("VOUCH_SIGNING_KEY", "trail-signing"),
        wrapping_key=reader.text("VOUCH_WRAPPING_KEY", "trail-wrapping"),
        trail_origin=reader.parsed("VOUCH_TRAIL_ORIGIN", parse_origin, f"vouch/{region or 'region'}"),
        lake_connection=reader.text("VOUCH_LAKE_CONNECTION", ""),
        lake_blobs_url=reader.text("VOUCH_LAKE_BLOBS_URL", ""),
        rollout_pace={
            "slice_s": reader.parsed("VOUCH_ROLLOUT_SLICE_S", parse_seconds, "30"),
            "attempt_s": reader.parsed("VOUCH_ROLLOUT_ATTEMPT_S", parse_seconds, "60"),
            "lease_s": reader.parsed("VOUCH_ROLLOUT_LEASE_S", parse_seconds, "600"),
            "rollback_s": reader.parsed("VOUCH_ROLLBACK_S", parse_seconds, "1800"),
        },
        least_approval=reader.parsed("VOUCH_LEAST_APPROVAL", parse_least_approval, "*=firstWave"),
        control_schedule=reader.parsed("VOUCH_CONTROL_SCHEDULE", parse_schedule, "0 */5 * * * *"),
        notify_url=reader.text("VOUCH_NOTIFY_URL", ""),
        notify_secret=reader.text("VOUCH_NOTIFY_SECRET", "").encode(),
        stuck_after_s=reader.parsed("VOUCH_STUCK_AFTER_S", parse_seconds, "1800"),
        keep_history_s=reader.parsed("VOUCH_KEEP_HISTORY_S", parse_seconds, "86400"),
        seal=SealSettings(
            window_s=reader.parsed("VOUCH_WINDOW_S", parse_window_length, "3600"),
            grace_s=reader.parsed("VOUCH_SEAL_GRACE_S", parse_seconds, "300"),
            at_once=reader.parsed("VOUCH_SEAL_AT_ONCE", parse_count, "8"),
            look_back_s=reader.parsed("VOUCH_SEAL_LOOK_BACK_S", parse_count, "604800"),
            suppressed_below=reader.parsed("VOUCH_SUPPRESSED_BELOW", parse_threshold, "5"),
        ),
        seal_schedule=reader.parsed("VOUCH_SEAL_SCHEDULE", parse_schedule, "0 */5 * * * *"),
        seal_pace={
            "slice_s": 30.0,
            "attempt_s": reader.parsed("VOUCH_SEAL_ATTEMPT_S", parse_seconds, "900"),
            "lease_s": 30.0,
            "rollback_s": reader.parsed("VOUCH_SEAL_GIVE_UP_S", parse_seconds, "7200"),
        },
        hot_retention_s=reader.parsed("VOUCH_HOT_RETENTION_S", parse_seconds, "7776000"),
        reservation_retention_s=reader.parsed("VOUCH_RESERVATION_RETENTION_S", parse_seconds, "7776000"),
        purge_schedule=reader.parsed("VOUCH_PURGE_SCHEDULE", parse_schedule, "0 30 3 * * *"),
        in_azure="WEBSITE_INSTANCE_ID" in environ,
    )
    reader.check_grace(settings)
    reader.check_retention(settings)
    reader.check_notices(settings)
    reader.check_pace(settings)
    reader.check_storage(settings)
    reader.check_vault(settings)
    reader.check_local_only(settings)
    reader.raise_faults()
    return settings


class _Reader:
    """Reads variables and gathers their faults."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name) or default
        if value is None:
            self._faults.append(f"{name}: is required")
            return ""
        return value

    def path(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default)))

    def parsed(self, name: str, parse: Callable[[str], T], default: str | None) -> T:
        try:
            return parse(self.text(name, default))
        except ValueError as error:
            if name in self._environ or default is not None:
                self._faults.append(f"{name}: {error}")
            return cast("T", None)  # never seen: a fault raises before the settings are handed out

    def check_storage(self, settings: Settings) -> None:
        if bool(settings.storage_connection) == bool(settings.tables_url and settings.blobs_url):
            self._faults.append("set either VOUCH_STORAGE_CONNECTION, or VOUCH_TABLES_URL and VOUCH_BLOBS_URL")
        if settings.in_azure and settings.storage_connection:
            self._faults.append("VOUCH_STORAGE_CONNECTION: is for local use; in Azure the managed identity is used")

    def check_vault(self, settings: Settings) -> None:
        if bool(settings.vault_folder) == bool(settings.vault_url):
            self._faults.append("set either VOUCH_VAULT_FOLDER or VOUCH_VAULT_URL")
        if settings.in_azure and settings.vault_folder:
            self._faults.append("VOUCH_VAULT_FOLDER: is for local use; in Azure keys lie in a key vault")
        if settings.in_azure and settings.vault_url and not settings.vault_url.startswith("https://"):
            self._faults.append("VOUCH_VAULT_URL: must begin with https://")
        if settings.in_azure and settings.lake_connection:
            self._faults.append("VOUCH_LAKE_CONNECTION: is for local use; in Azure the managed identity is used")
        if settings.lake_connection and settings.lake_blobs_url:
            self._faults.append("set VOUCH_LAKE_CONNECTION or VOUCH_LAKE_BLOBS_URL, not both")

    def check_local_only(self, settings: Settings) -> None:
        if settings.in_azure and settings.demo_token_url:
            self._faults.append("VOUCH_DEMO_TOKEN_URL: is for local use; in Azure nobody is given a token unasked")
        if settings.in_azure and settings.registry_connection:
            self._faults.append("VOUCH_REGISTRY_CONNECTION: is for local use; in Azure the managed identity is used")
        if settings.in_azure and settings.app_token_file:
            self._faults.append("VOUCH_APP_TOKEN_FILE: is for local use; in Azure the managed identity is used")

    def check_grace(self, settings: Settings) -> None:
        if not self._faults and settings.seal.grace_s < settings.write_deadline_s + CLOCK_SKEW_S:
            self._faults.append(
                f"VOUCH_SEAL_GRACE_S: must be at least the write deadline and {CLOCK_SKEW_S:g} s for the clocks' skew"
            )

    def check_retention(self, settings: Settings) -> None:
        if not self._faults and settings.reservation_retention_s > settings.hot_retention_s:
            self._faults.append(
                "VOUCH_RESERVATION_RETENTION_S: must be at most VOUCH_HOT_RETENTION_S, so that nobody finds a "
                "reservation without its record"
            )

    def check_pace(self, settings: Settings) -> None:
        pace = settings.rollout_pace
        if not self._faults and pace["lease_s"] < SLICES_IN_A_LEASE * pace["slice_s"]:
            self._faults.append(
                f"VOUCH_ROLLOUT_LEASE_S: must be at least {SLICES_IN_A_LEASE} times VOUCH_ROLLOUT_SLICE_S, so that no "
                "candidate's lease runs out between two looks"
            )

    def check_notices(self, settings: Settings) -> None:
        if settings.notify_url and not _is_http(settings.notify_url):
            self._faults.append("VOUCH_NOTIFY_URL: must be a URL such as https://hooks.example/vouch")
        elif settings.in_azure and settings.notify_url and not settings.notify_url.startswith("https://"):
            self._faults.append("VOUCH_NOTIFY_URL: must begin with https://")
        if settings.notify_url and len(settings.notify_secret) < SHORTEST_SECRET:
            self._faults.append(
                f"VOUCH_NOTIFY_SECRET: is required with VOUCH_NOTIFY_URL, {SHORTEST_SECRET} bytes or more"
            )

    def raise_faults(self) -> None:
        if self._faults:
            raise InvalidSettings("; ".join(self._faults) + ". See docs/settings.md.")


def _is_http(url: str) -> bool:
    """Whether it is the URL of a host, by HTTP."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
