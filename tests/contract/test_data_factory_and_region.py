"""The factory reads what the region writes, calls what it answers, and is deployed whole, once for every region."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from audit.chain import ChainEntry, ManifestRef
from audit.layout import chain_name, manifest_name, schema_name, segment_name, witness_name
from audit.manifests import Manifest
from audit.segments import FileEntry
from audit.windows import parse_window
from flows.reference.load_snapshot import snapshot_folder
from scoring.reference_table import SnapshotFile, SnapshotManifest
from tests.contract.test_data_factory import FACTORY, objects
from tests.factory.definitions import ROOT, activities_of, files_of, is_expression, texts_of
from tests.factory.expressions import Scope, evaluate_text
from triggers.endpoints import ENDPOINTS
from triggers.schemas import Activation, ActiveSnapshot

WINDOW = parse_window("20261123T210000Z", 3600)


def declared_fields(value: Any, path: str = "") -> set[str]:
    """Every path to a value, `window.name`; lists and free keys end one."""
    found = {path} if path else set()
    if isinstance(value, dict) and path != "types":
        for key, inner in value.items():
            found |= declared_fields(inner, f"{path}.{key}" if path else key)
    return found


def manifest_fields() -> set[str]:
    return declared_fields(json.loads(Manifest("westeurope", WINDOW).to_bytes()))


def entry_fields() -> set[str]:
    entry = ChainEntry("westeurope", 0, ManifestRef("", "", 0), "", "window", 0, 1, "", [], "", "")
    return declared_fields(json.loads(entry.to_bytes()))


def fields_of(struct: type) -> set[str]:
    return {field.name for field in msgspec.inspect.type_info(struct).fields}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("pipeline", "activity", "fields"),
    [
        ("ingest_entry", "Read the chain entry", entry_fields()),
        ("ingest_entry", "Read the manifest", manifest_fields()),
        ("ingest_chain", "Read where it ended", {"next", "window"}),
        ("deliver_snapshot", "Read the manifest", fields_of(SnapshotManifest)),
        ("deliver_snapshot", "Read the order", fields_of(Activation)),
    ],
)
def test_fields_that_are_read_are_fields_that_are_written(pipeline: str, activity: str, fields: set[str]) -> None:
    pattern = rf"activity\('{activity}'\)\.output\.firstRow\.([\w.]+)"
    used = {found for text in texts_of(FACTORY.find("pipeline", pipeline)) for found in re.findall(pattern, text)}
    assert used
    assert used <= fields


@pytest.mark.parametrize(
    ("pipeline", "fields"), [("ingest_entry", fields_of(FileEntry)), ("deliver_snapshot", fields_of(SnapshotFile))]
)
def test_fields_of_files_are_those_of_the_manifest(pipeline: str, fields: set[str]) -> None:
    used = {f for text in texts_of(FACTORY.find("pipeline", pipeline)) for f in re.findall(r"item\(\)\.(\w+)", text)}
    assert {"name", "bytes"} <= used <= fields


def test_snapshot_is_activated_where_and_as_the_api_says() -> None:
    (call,) = [
        a for a in activities_of(FACTORY.find("pipeline", "deliver_snapshot")) if a["name"].startswith("Activate")
    ]
    settings = {name: about["value"] for name, about in FACTORY.global_parameters.items()}
    scope = Scope(lambda: datetime.now(UTC), {"parameters": {"dataset": "agents"}, "globalParameters": settings})
    url = evaluate_text(call["typeProperties"]["url"]["value"], scope)
    (endpoint,) = [one for one in ENDPOINTS if one.name == "reference_activate"]
    assert url == f"{settings['api_url']}/{endpoint.route.replace('{dataset}', 'agents')}"
    assert call["typeProperties"]["method"] in endpoint.methods
    assert set(re.findall(r'"(\w+)":', call["typeProperties"]["body"]["value"])) == fields_of(Activation)
    answered = re.findall(r"activity\('Activate the snapshot'\)\.output\??\.(\w+)", str(FACTORY.pipelines))
    assert set(answered) <= fields_of(ActiveSnapshot)


def names_in(pipeline: str, activity: str, **variables: str) -> str:
    """The file that an activity looks at."""
    (found,) = [a for a in activities_of(FACTORY.find("pipeline", pipeline)) if a["name"] == activity]
    about = {"globalParameters": {"region": "westeurope"}, "parameters": {"dataset": "agents", "snapshot": "s-1"}}
    given = found["typeProperties"].get("dataset") or found["outputs"][0]
    scope = Scope(lambda: datetime.now(UTC), about, variables, item=("decisions",))
    name = given["parameters"]["name"]
    return str(evaluate_text(name["value"] if is_expression(name) else name, scope))


def test_names_of_files_are_those_of_the_lake() -> None:
    assert names_in("ingest_chain", "Look for the next entry", next="0") == chain_name("westeurope", 0)
    assert names_in("ingest_chain", "Look for the next entry", next="87600") == chain_name("westeurope", 87600)
    assert names_in("ingest_chain", "Copy the schema") == schema_name("decisions")
    assert witness_name("eastus2", 1).startswith(names_in("ingest_witness", "Look for checkpoints") + "/")
    landed = names_in("deliver_snapshot", "Look for the manifest in the lake")
    assert landed == f"{snapshot_folder('agents', 's-1')}manifest.json"
    texts = " ".join(texts_of(FACTORY.find("pipeline", "ingest_entry")))
    assert manifest_name("westeurope", WINDOW).startswith("audit/manifests/v1/region=westeurope/")
    assert segment_name("decisions", "westeurope", WINDOW, "0001").startswith("audit/decisions/v1/region=westeurope/")
    assert "'audit/manifests/v1/region='" in texts
    assert "concat('audit/', item().dataset, '/v1/region='" in texts


# Deployment


def bicep_text() -> str:
    return (ROOT / "factory.bicep").read_text()


def test_bicep_deploys_every_object() -> None:
    loaded = set(re.findall(r"loadJsonContent\('([^']+)'\)", bicep_text()))
    assert loaded == {path.relative_to(ROOT).as_posix() for path, _ in objects()}
    globals_of_bicep = re.search(r"globalParameters: \{\n(.*?)\n    \}", bicep_text(), re.DOTALL)
    assert globals_of_bicep
    assert re.findall(r"^ +(\w+):", globals_of_bicep[1], re.MULTILINE) == list(FACTORY.global_parameters)


def test_every_region_has_its_parameters() -> None:
    regions = json.loads((ROOT.parent.parent / "regions.json").read_text())
    needed = set(re.findall(r"^param (\w+) \w+$", bicep_text(), re.MULTILINE))
    found = {path.stem: value["parameters"] for path, value in files_of("parameters")}
    assert set(found) == set(regions)
    for region, parameters in found.items():
        assert set(parameters) == needed
        assert parameters["region"]["value"] == region
        assert region in parameters["lakeAccount"]["value"]
        assert parameters["apiAudience"]["value"] == f"api://vouch-{region}"


def test_regions_of_one_jurisdiction_share_a_platform_and_others_do_not() -> None:
    regions = json.loads((ROOT.parent.parent / "regions.json").read_text())
    platforms: dict[str, set[str]] = {}
    for path, value in files_of("parameters"):
        jurisdiction = regions[path.stem]["jurisdiction"]
        platforms.setdefault(jurisdiction, set()).add(value["parameters"]["platformAccount"]["value"])
    assert all(len(accounts) == 1 for accounts in platforms.values())
    assert len(set.union(*platforms.values())) == len(platforms)


def test_windows_of_triggers_are_the_ledgers() -> None:
    settings = (ROOT.parent.parent / "docs" / "settings.md").read_text()
    (length_s,) = re.findall(r"\| `VOUCH_WINDOW_S` \| `(\d+)` \|", settings)
    (grace_s,) = re.findall(r"\| `VOUCH_SEAL_GRACE_S` \| `(\d+)` \|", settings)
    for trigger in FACTORY.objects["trigger"].values():
        if trigger["type"] == "TumblingWindowTrigger":
            about = trigger["typeProperties"]
            assert (about["frequency"], about["interval"] * 3600) == ("Hour", int(length_s))
            assert about["maxConcurrency"] == 1
            hours, minutes, seconds = map(int, about["delay"].split(":"))
            assert hours * 3600 + minutes * 60 + seconds >= int(grace_s)
            assert about["retryPolicy"]["count"] > 0
