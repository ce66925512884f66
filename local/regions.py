"""The processes of the local system: Azurite and one host a region, each on a leash and with a log file of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.azurite import Azurite
from local.issuer import demo_token_url, jwks_url, write_secret
from local.plan import ROOT, Plan

WINDOW_S = os.environ.get("LOCAL_WINDOW_S") or "60"
STOP_SECONDS = 10
REGISTRY_ACCOUNT = "vouchregistry"
DEMO_RELEASE = "deal-fraud=1.0.0@standard/1"
ROLLOUT_SETTINGS = {
    "VOUCH_ROLLOUT_SLICE_S": "1",
    "VOUCH_ROLLOUT_ATTEMPT_S": "10",
    "VOUCH_ROLLOUT_LEASE_S": "30",
    "VOUCH_ROLLBACK_S": "60",
    "VOUCH_LEAST_APPROVAL": "*=never",
    "VOUCH_CONTROL_SCHEDULE": "*/5 * * * * *",
    "VOUCH_STUCK_AFTER_S": "60",
}
"""A rollout's pace on one machine, where nobody waits for an hour."""

SEAL_SETTINGS = {
    "VOUCH_SEAL_GRACE_S": "10",
    "VOUCH_SEAL_SCHEDULE": "*/5 * * * * *",
    "VOUCH_SEAL_AT_ONCE": "12",
    "VOUCH_SEAL_ATTEMPT_S": "30",
    "VOUCH_SEAL_GIVE_UP_S": "300",
    "VOUCH_HOT_RETENTION_S": "3600",
    "VOUCH_RESERVATION_RETENTION_S": "3600",
    "VOUCH_PURGE_SCHEDULE": "0 */5 * * * *",
}
"""The same for windows of a minute, which stay in the ledger for an hour."""


@dataclass(slots=True)
class RegionProcess:
    """A running region."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def has_ended(self) -> bool:
        """True once the process is gone."""
        return self.process.poll() is not None

    def last_lines(self, count: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def account_of(region: str) -> str:
    """The region's storage account (3 to 24 lower-case letters and digits)."""
    return f"vouch{region.replace('-', '').lower()}"[:24]


def region_environment(plan: Plan, region: str, azurite: Azurite) -> dict[str, str]:
    """This process's environment with the settings (see `docs/settings.md`) of a region's app and no others."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("VOUCH_")},
        "VOUCH_REGION": region,
        "VOUCH_REGIONS_FILE": str(plan.regions_file),
        "VOUCH_STORAGE_CONNECTION": azurite.connection_string(account_of(region)),
        "VOUCH_ISSUER": plan.issuer,
        "VOUCH_JWKS_URL": jwks_url(plan),
        "VOUCH_DEMO_TOKEN_URL": demo_token_url(plan),
        "VOUCH_HMAC_KEY": _secret(plan, f"hmac-{region}"),
        "VOUCH_WINDOW_S": WINDOW_S,
        "VOUCH_VAULT_FOLDER": str(plan.vault_folder(region)),
        "VOUCH_REGISTRY_CONNECTION": azurite.connection_string(REGISTRY_ACCOUNT),
        "VOUCH_APP_TOKEN_FILE": str(plan.token_file("control")),
        "VOUCH_INITIAL_RELEASES": ",".join(filter(None, (DEMO_RELEASE, os.environ.get("LOCAL_RELEASES")))),
        **_notify_settings(plan),
        **ROLLOUT_SETTINGS,
        **SEAL_SETTINGS,
    }


def host_command(plan: Plan, region: str, leash: int | None = None) -> list[str]:
    """The command that runs a region's app, on a leash that is this descriptor."""
    command = [sys.executable, "-m", "local.host", str(ROOT / "function_app.py"), "--port", str(plan.port_of(region))]
    command += ["--durable", str(plan.durable_file(region))]
    return command if leash is None else [*command, "--leash", str(leash)]


def start_region(plan: Plan, region: str, azurite: Azurite) -> RegionProcess:
    """Start a region's host; it is not ready yet."""
    log = plan.log_file(region)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            host_command(plan, region, leash=0),
            cwd=ROOT,
            env=region_environment(plan, region, azurite),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    return RegionProcess(region, process, log)


def stop_regions(regions: list[RegionProcess]) -> None:
    """Ask all to stop, wait, and kill what doesn't."""
    for region in regions:
        region.process.terminate()
    for region in regions:
        try:
            region.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            region.process.kill()
            region.process.wait(STOP_SECONDS)
        if region.process.stdin is not None:
            region.process.stdin.close()


def _notify_settings(plan: Plan) -> dict[str, str]:
    """Where people are told of rollouts, if `LOCAL_NOTIFY_URL` names somebody; the secret is that of `notify.hex`."""
    url = os.environ.get("LOCAL_NOTIFY_URL", "")
    return {"VOUCH_NOTIFY_URL": url, "VOUCH_NOTIFY_SECRET": _secret(plan, "notify")} if url else {}


def _secret(plan: Plan, name: str) -> str:
    """32 random bytes in hex, the same from start to start."""
    file = plan.folder / "issuer" / f"{name}.hex"
    if not file.exists():
        write_secret(file, secrets.token_hex(32).encode())
    return file.read_text()
