"""The vaults of the local system, and where their public keys go."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from adapters.file_vault import FileVault
from flows.regions import parse_regions
from local.failures import LocalFailed
from local.plan import Plan, make_plan
from local.vaults import prepare_vaults


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path / "a folder", 7_070)


def keys_told(plan: Plan) -> dict[str, list[str]]:
    regions = parse_regions(json.loads(plan.regions_file.read_text()))
    return {name: [str(key) for key in region.checkpoint_keys] for name, region in regions.items()}


def test_every_region_has_keys_that_all_know(plan: Plan) -> None:
    assert not plan.regions_file.exists()
    prepare_vaults(plan)
    told = keys_told(plan)
    assert len({line for lines in told.values() for line in lines}) == len(plan.regions)
    for name, [line] in told.items():
        assert line.startswith(f"vouch/{name}+")
        assert plan.public_key_file(name).read_text() == f"{line}\n"


def test_second_start_and_another_plan_of_the_folder_keep_the_keys(plan: Plan) -> None:
    prepare_vaults(plan)
    told = keys_told(plan)
    prepare_vaults(plan)
    assert keys_told(plan) == told
    prepare_vaults(make_plan(plan.folder, plan.base_port))
    assert keys_told(plan) == told


def test_key_of_a_vault_that_was_replaced_stays_known(plan: Plan) -> None:
    prepare_vaults(plan)
    [old] = keys_told(plan)["eastus2"]
    shutil.rmtree(plan.vault_folder("eastus2"))
    prepare_vaults(plan)
    first, second = keys_told(plan)["eastus2"]
    assert (first, second == old) == (old, False)


@pytest.mark.parametrize("lost", ["signing.pem", "kek-1.key"])
def test_vault_that_lacks_a_key_stops_the_start_and_says_what_to_do(plan: Plan, lost: str) -> None:
    prepare_vaults(plan)
    (plan.vault_folder("eastus2") / lost).unlink()
    with pytest.raises(LocalFailed, match=r"The vault of eastus2 can't be used: .*put its files back"):
        prepare_vaults(plan)


def test_key_that_is_published_is_the_one_that_signs(plan: Plan) -> None:
    prepare_vaults(plan)
    region = parse_regions(json.loads(plan.regions_file.read_text()))["brazilsouth"]
    signature = asyncio.run(FileVault(plan.vault_folder("brazilsouth")).sign(b"text"))
    assert region.checkpoint_keys[0].has_signed("text", signature)
