"""Folders and ports of a system, and the tokens that its issuer mints."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import jwt
import pytest

from adapters.env_settings import read_settings
from flows.calls import ROLES
from flows.regions import parse_regions
from local.azurite import Azurite
from local.failures import LocalFailed
from local.issuer import open_issuer, serve_issuer, write_tokens
from local.newcomer import curl_to, describe_ready, write_first_claim
from local.plan import DEFAULT_FOLDER, ROOT, Plan, make_plan
from local.regions import account_of, region_environment
from scoring.deals import read_deal
from tests.unit.local.conftest import free_port

REGIONS = json.loads((ROOT / "regions.json").read_text())


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(tmp_path, free_port())


def test_plan_moves_every_region_to_the_base_port(plan: Plan) -> None:
    assert [plan.port_of(name) for name in plan.regions] == [plan.base_port + offset for offset in (1, 2, 3, 4)]
    assert parse_regions(plan.document) == plan.regions
    assert len(plan.ports(plan.regions)) == 8


def test_plan_of_one_more_region_has_one_more_port(tmp_path: Path) -> None:
    file = tmp_path / "regions.json"
    one_more = {"jurisdiction": "in", "residencies": ["IN"], "base_url": "http://127.0.0.1:7075"}
    file.write_text(json.dumps({**REGIONS, "centralindia": one_more}))
    assert make_plan(tmp_path / "state", 7_070, file).port_of("centralindia") == 7_075


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:7071", "http://127.0.0.1", "http://127.0.0.1:7300"])
def test_plan_of_a_region_on_an_unusable_port_is_refused(tmp_path: Path, base_url: str) -> None:
    file = tmp_path / "regions.json"
    file.write_text(json.dumps({**REGIONS, "x": {"jurisdiction": "x", "residencies": ["IN"], "base_url": base_url}}))
    with pytest.raises(LocalFailed, match=r"regions\.json"):
        make_plan(tmp_path / "state", 7_070, file)


@pytest.mark.parametrize("base_port", [-1, 80, 65_434, 70_000])
def test_plan_of_ports_that_there_are_not_says_which_there_are(tmp_path: Path, base_port: int) -> None:
    with pytest.raises(LocalFailed, match=rf"must be 1024 to 65433, not {base_port}: make run BASE_PORT=8070"):
        make_plan(tmp_path, base_port)


def test_plan_on_the_highest_ports_is_one(tmp_path: Path) -> None:
    assert max(make_plan(tmp_path, 65_433).azurite_ports) == 65_535


def test_plan_in_a_folder_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LocalFailed, match=r"can't be made \(Not a directory\)\. Name another FOLDER"):
        make_plan(tmp_path / "file" / "state", 7_070)


def test_shipped_regions_have_one_control_and_witnesses_in_another_jurisdiction() -> None:
    regions = parse_regions(REGIONS)
    assert [region.name for region in regions.values() if region.control] == ["westeurope"]
    for region in regions.values():
        assert region.witness is not None
        assert regions[region.witness].jurisdiction != region.jurisdiction
        assert region.pair is None or regions[region.pair].jurisdiction == region.jurisdiction


def test_tokens_verify_by_the_served_keys_and_name_every_region(plan: Plan) -> None:
    issuer = open_issuer(plan)
    server = serve_issuer(issuer)
    try:
        write_tokens(issuer, int(time.time()))
        keys = jwt.PyJWKClient(f"{plan.issuer}/keys")
        for role in ROLES:
            token = plan.token_file(role).read_text()
            key = keys.get_signing_key_from_jwt(token).key
            for region in plan.regions:
                claims = jwt.decode(token, key, ["RS256"], audience=f"api://vouch-{region}", issuer=plan.issuer)
                assert claims["roles"] == [role]
            assert claims["exp"] - claims["iat"] == 30 * 24 * 3600
            assert {"tid", "azp", "oid", "nbf"} <= claims.keys()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("rebound.example", 404)])
def test_issuer_asked_by_another_name_tells_nothing(plan: Plan, host: str, status: int) -> None:
    server = serve_issuer(open_issuer(plan))
    try:
        connection = HTTPConnection("127.0.0.1", plan.base_port, timeout=10)
        connection.request("GET", "/vouch-local/v2.0/demo-token", headers={"Host": f"{host}:{plan.base_port}"})
        assert connection.getresponse().status == status
        connection.close()
    finally:
        server.shutdown()
        server.server_close()


def test_issuer_opened_again_has_the_same_key(plan: Plan) -> None:
    assert open_issuer(plan).key_id == open_issuer(plan).key_id


def test_issuer_over_a_broken_key_says_what_to_delete(plan: Plan) -> None:
    open_issuer(plan)
    file = plan.folder / "issuer" / "key.pem"
    file.write_text("not a key")
    with pytest.raises(LocalFailed, match="Delete it"):
        open_issuer(plan)


def test_region_environment_is_what_the_app_reads(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOUCH_TABLES_URL", "https://stray.example")
    azurite = Azurite(process=None, blob_port=1, queue_port=2, table_port=3)  # type: ignore[arg-type]
    environ = region_environment(plan, "eastus2", azurite)
    settings = read_settings(environ)
    assert (settings.region, settings.seal.window_s, settings.tables_url) == ("eastus2", 60, "")
    assert settings.audience == "api://vouch-eastus2"
    assert region_environment(plan, "eastus2", azurite) == environ, "secrets stay from start to start"


def test_region_serves_a_model_of_ones_own_beside_the_demo_s(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    azurite = Azurite(process=None, blob_port=1, queue_port=2, table_port=3)  # type: ignore[arg-type]
    monkeypatch.delenv("LOCAL_RELEASES", raising=False)
    assert set(read_settings(region_environment(plan, "westeurope", azurite)).initial_releases) == {"deal-fraud"}
    monkeypatch.setenv("LOCAL_RELEASES", "my-model=1.0.1@standard/1")
    releases = read_settings(region_environment(plan, "westeurope", azurite)).initial_releases
    assert {name: release.stable.version for name, release in releases.items()} == {
        "deal-fraud": "1.0.0",
        "my-model": "1.0.1",
    }


def test_region_tells_nobody_of_rollouts_unless_somebody_is_named(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    azurite = Azurite(process=None, blob_port=1, queue_port=2, table_port=3)  # type: ignore[arg-type]
    monkeypatch.delenv("LOCAL_NOTIFY_URL", raising=False)
    assert read_settings(region_environment(plan, "westeurope", azurite)).notify_url == ""
    monkeypatch.setenv("LOCAL_NOTIFY_URL", "http://127.0.0.1:9000")
    settings = read_settings(region_environment(plan, "westeurope", azurite))
    assert settings.notify_url == "http://127.0.0.1:9000"
    assert settings.notify_secret == (plan.folder / "issuer" / "notify.hex").read_bytes()


@pytest.mark.parametrize("region", ["westeurope", "a-very-long-name-of-some-region", "Mixed-Case"])
def test_account_name_is_one_that_storage_takes(region: str) -> None:
    name = account_of(region)
    assert 3 <= len(name) <= 24
    assert name.isalnum()
    assert name == name.lower()


@pytest.mark.parametrize("region", REGIONS)
def test_first_claim_is_a_sound_deal_that_the_region_accepts(plan: Plan, region: str) -> None:
    deal, faults = read_deal(json.loads(write_first_claim(plan, region).read_text()))
    assert faults == []
    assert deal.residency in plan.regions[region].residencies


def test_first_claim_of_an_unknown_region_is_refused_with_the_known_ones(plan: Plan) -> None:
    with pytest.raises(LocalFailed, match="westeurope, northeurope, eastus2, brazilsouth"):
        write_first_claim(plan, "atlantis")


def test_ready_message_names_every_region_and_the_curl(plan: Plan) -> None:
    said = describe_ready(plan, 1.0)
    assert all(region.base_url in said for region in plan.regions.values())
    assert curl_to(plan, "westeurope") in said


@pytest.mark.skipif(os.name == "nt", reason="there is no make there")
@pytest.mark.parametrize(
    ("folder", "base_port", "command"),
    [
        (DEFAULT_FOLDER, 7_070, "make demo"),
        (DEFAULT_FOLDER, 8_070, "make demo BASE_PORT=8070"),
        (DEFAULT_FOLDER / "second", 7_070, "make demo FOLDER=.local/second"),
    ],
)
def test_ready_message_names_the_demo_of_this_system(plan: Plan, folder: Path, base_port: int, command: str) -> None:
    assert f"through the regions: {command}\n" in describe_ready(replace(plan, folder=folder, base_port=base_port), 1.0)
