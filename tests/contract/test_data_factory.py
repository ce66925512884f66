"""The factory's files agree with each other, with Data Factory's rules, and with what the region writes and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.windows import parse_window
from tests.factory.definitions import (
    KINDS,
    NESTED,
    ROOT,
    activities_of,
    files_of,
    is_expression,
    load_factory,
    texts_of,
)

FACTORY = load_factory()
PIPELINES = sorted(FACTORY.pipelines)
REFERENCES = {
    "PipelineReference": "pipeline",
    "DatasetReference": "dataset",
    "LinkedServiceReference": "linkedService",
    "IntegrationRuntimeReference": "integrationRuntime",
    "ManagedVirtualNetworkReference": "managedVirtualNetwork",
}
CONDITIONS, LOOPS = {"IfCondition", "Switch"}, {"ForEach", "Until"}
OUTSIDE, LEAST_PAUSE_S = {"GetMetadata", "Lookup", "Copy", "WebActivity"}, 30
MOST_ACTIVITIES, LONGEST_NAME, LONGEST_EXPRESSION = 120, 55, 8192
FORBIDDEN = re.compile(r"[.+?/<>*%&:\\]")
SECRETS = re.compile(
    r"accountkey|sharedaccess|sas_?uri|sastoken|connectionstring|password|encryptedcredential|servicePrincipal|sig=|\?sv=",
    re.IGNORECASE,
)
WINDOW = parse_window("20261123T210000Z", 3600)


def objects() -> list[tuple[Path, Any]]:
    nested = ROOT / "managedVirtualNetwork" / "default"
    return [found for kind in KINDS for found in files_of(kind)] + list(files_of("managedPrivateEndpoint", nested))


def references(value: Any, holder: Any = None) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, name and parameters of everything that is referred to. A pipeline's stand beside the reference to it."""
    if isinstance(value, dict):
        if value.get("type") in REFERENCES:
            kind = REFERENCES[value["type"]]
            yield kind, value["referenceName"], (holder if kind == "pipeline" else value).get("parameters", {})
        for inner in value.values():
            yield from references(inner, value)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize(("path", "value"), objects(), ids=lambda found: getattr(found, "stem", ""))
def test_object_is_named_like_its_file_and_as_data_factory_allows(path: Path, value: dict[str, Any]) -> None:
    assert value["name"] == path.stem
    assert re.fullmatch(r"[A-Za-z]\w{0,62}", value["name"])
    assert path.read_text() == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("path", "value"), objects(), ids=lambda found: getattr(found, "stem", ""))
def test_object_refers_to_what_there_is_with_the_parameters_that_it_declares(path: Path, value: dict[str, Any]) -> None:
    for kind, name, given in references(value):
        declared = FACTORY.find(kind, name).get("parameters", {})
        needed = {key for key, about in declared.items() if "defaultValue" not in about}
        assert needed <= set(given) <= set(declared), f"{path.name} gives {name} {sorted(given)}"


@pytest.mark.parametrize(("path", "value"), objects(), ids=lambda found: getattr(found, "stem", ""))
def test_object_holds_no_secret(path: Path, value: object) -> None:
    assert not SECRETS.search(path.read_text())


def test_linked_services_and_web_calls_know_nothing_but_the_managed_identity() -> None:
    for service in FACTORY.objects["linkedService"].values():
        assert set(service["typeProperties"]) == {"serviceEndpoint", "accountKind"}
    calls = [a for p in FACTORY.pipelines.values() for a in activities_of(p) if a["type"] == "WebActivity"]
    assert {call["typeProperties"]["authentication"]["type"] for call in calls} == {"MSI"}
    assert len(calls) >= 3


@pytest.mark.parametrize("name", PIPELINES)
def test_activities_are_named_and_nested_as_data_factory_allows(name: str) -> None:
    pipeline = FACTORY.find("pipeline", name)
    names = [activity["name"] for activity in activities_of(pipeline)]
    assert len(set(names)) == len(names) <= MOST_ACTIVITIES
    for activity in names:
        assert len(activity) <= LONGEST_NAME
        assert not FORBIDDEN.search(activity)
    assert_nested_soundly(pipeline["activities"], ())


def assert_nested_soundly(activities: list[Any], above: tuple[str, ...]) -> None:
    """Conditions stand in loops or alone, loops alone; who is waited for stands beside who waits."""
    beside = {activity["name"] for activity in activities}
    for activity in activities:
        kind = activity["type"]
        assert kind not in CONDITIONS or not set(above) & CONDITIONS, activity["name"]
        assert kind not in LOOPS or not above, activity["name"]
        assert {need["activity"] for need in activity["dependsOn"]} <= beside - {activity["name"]}, activity["name"]
        assert all(len(need["dependencyConditions"]) == 1 for need in activity["dependsOn"])
        for key in NESTED:
            assert_nested_soundly(activity["typeProperties"].get(key, []), (*above, kind))


@pytest.mark.parametrize("name", PIPELINES)
def test_whatever_reaches_outside_is_tried_again_and_ends(name: str) -> None:
    reaching = [activity for activity in activities_of(FACTORY.find("pipeline", name)) if activity["type"] in OUTSIDE]
    policies = [activity["policy"] for activity in reaching]
    assert all((policy["retry"], policy["timeout"]) == (3, "0.01:00:00") for policy in policies)
    assert all(policy["retryIntervalInSeconds"] >= LEAST_PAUSE_S for policy in policies)


@pytest.mark.parametrize("name", PIPELINES)
def test_expressions_speak_of_what_is_declared(name: str) -> None:
    pipeline = FACTORY.find("pipeline", name)
    known = {
        r"activity\('([^']*)'\)": {activity["name"] for activity in activities_of(pipeline)},
        r"variables\('([^']*)'\)": set(pipeline.get("variables", {})),
        r"pipeline\(\)\.parameters\.(\w+)": set(pipeline.get("parameters", {})),
        r"pipeline\(\)\.globalParameters\.(\w+)": set(FACTORY.global_parameters),
        r"pipeline\(\)\.(\w+)": {"parameters", "globalParameters", "RunId"},
    }
    used: dict[str, set[str]] = {pattern: set() for pattern in known}
    for text in texts_of(pipeline):
        assert len(text) <= LONGEST_EXPRESSION
        for pattern in known:
            used[pattern] |= set(re.findall(pattern, text))
    assert all(used[pattern] <= known[pattern] for pattern in known), used
    assert used[r"pipeline\(\)\.parameters\.(\w+)"] == set(pipeline.get("parameters", {})), "a parameter is not used"


@pytest.mark.parametrize("name", PIPELINES)
def test_whatever_looks_like_an_expression_is_declared_as_one(name: str) -> None:
    assert list(texts_of(without_expressions(FACTORY.find("pipeline", name)))) == []


def without_expressions(value: Any) -> Any:
    if is_expression(value) or (isinstance(value, dict) and set(value) == {"type", "content"}):
        return None
    if isinstance(value, dict):
        return {key: without_expressions(inner) for key, inner in value.items()}
    return [without_expressions(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", ["dataset", "linkedService"])
def test_datasets_and_services_speak_of_their_own_parameters(kind: str) -> None:
    for value in FACTORY.objects[kind].values():
        used = {found for text in texts_of(value) for found in re.findall(rf"{kind}\(\)\.(\w+)", text)}
        assert used == set(value["parameters"])


def test_triggers_pass_what_their_kind_of_trigger_has() -> None:
    for trigger in FACTORY.objects["trigger"].values():
        allowed = {
            "TumblingWindowTrigger": {"@trigger().outputs.windowStartTime", "@trigger().outputs.windowEndTime"},
            "BlobEventsTrigger": {"@triggerBody().folderPath"},
        }[trigger["type"]]
        assert set(texts_of(trigger)) <= allowed
