"""What the benchmark of sealing times is a window that was sealed: its rows, its manifest, its chain, its index."""

from __future__ import annotations

from pathlib import Path

from adapters.azure_storage import connect_by_string
from adapters.blobs_lake import BlobsLake
from adapters.file_vault import create_vault
from audit.layout import manifest_name
from audit.manifests import read_manifest
from benchmarks.sealed_lake import FIRST, REGION, record_decisions
from benchmarks.sealing_on_azurite import open_region

ROWS, LANES = 240, 2


async def test_window_that_is_timed_is_sealed_whole_and_committed(connection_string: str, tmp_path: Path) -> None:
    create_vault(tmp_path / "vault")
    storage = connect_by_string(connection_string)
    try:
        region = open_region(storage, tmp_path / "vault")
        await region.write(FIRST, LANES, ROWS, await record_decisions(), subjects=True)
        sealed = await region.seal(FIRST)
        assert sealed.rows == ROWS
        assert sealed.asked["subject keys"].requests >= 2 * ROWS
        assert sealed.seconds > sealed.reading_s > 0
        manifest = read_manifest(await BlobsLake(storage.blobs).read(manifest_name(REGION, FIRST)) or b"")
        assert not manifest.differences
        assert sum(lane.records for lane in manifest.lanes) == ROWS
        assert all(lane.is_sealed for lane in await region.lanes.registered(FIRST, FIRST))
    finally:
        await storage.close()
