"""Reference data of the local system: the demo's snapshot, delivered and activated as Data Factory does in Azure.

The snapshot for claims of 1996 is made of the claims of the year before. It is written to the region's lake, the
manifest last, and then activated over HTTP. Where it lies and is active already, nothing changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import cache

from adapters.azure_storage import connect_by_string
from adapters.blobs_lake import BlobsLake
from flows.errors import StorageFailed
from flows.reference.load_snapshot import snapshot_folder
from local.azurite import Azurite
from local.failures import LocalFailed
from local.plan import Plan
from local.regions import account_of
from local.replay import CLAIMS_FILE, YEAR
from scoring.reference_table import MANIFEST_FILE, digest_of_manifest
from training.claims import read_claims
from training.policy_types import DATASET, build_experience_snapshot, snapshot_name
from vouch.calls import Refused, Region, read_token


def deliver_references(plan: Plan, regions: Iterable[str], azurite: Azurite) -> None:
    """Have the demo's snapshot active in regions that are ready. Raises LocalFailed."""
    for region in regions:
        try:
            write_snapshot(azurite.connection_string(account_of(region)), DATASET, snapshot_name(YEAR), demo_snapshot())
            _activate(plan, region)
        except (StorageFailed, Refused) as error:
            raise LocalFailed(
                f"The demo's reference data could not be activated in {region}: {error} See {plan.log_file(region)}."
            ) from error


@cache
def demo_snapshot() -> Mapping[str, bytes]:
    """The files of the snapshot, the manifest last."""
    return build_experience_snapshot(read_claims(CLAIMS_FILE.read_bytes()), YEAR)


def write_snapshot(connection_string: str, dataset: str, snapshot: str, files: Mapping[str, bytes]) -> None:
    """Write a snapshot's files to a lake, in their order. Raises StorageFailed."""

    async def write() -> None:
        storage = connect_by_string(connection_string)
        try:
            lake = BlobsLake(storage.blobs)
            for name, content in files.items():
                await lake.create(snapshot_folder(dataset, snapshot) + name, content)
        finally:
            await storage.close()

    asyncio.run(write())


def _activate(plan: Plan, region: str) -> None:
    digest = digest_of_manifest(demo_snapshot()[MANIFEST_FILE]).removeprefix("sha256:")
    body = {"snapshot": snapshot_name(YEAR), "manifest_sha256": digest}
    caller = Region(plan.regions[region].base_url, read_token(plan.token_file("deliverer")))
    caller.ask("POST", f"/api/v1/reference/{DATASET}:activate", body, needs=("generation",))
