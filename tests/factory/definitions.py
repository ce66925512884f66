"""The factory's definitions as they lie in `deploy/data_factory`: one object a file, in Data Factory's own JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent / "deploy" / "data_factory"
KINDS = ("pipeline", "dataset", "linkedService", "trigger", "integrationRuntime", "managedVirtualNetwork", "factory")
NESTED = ("activities", "ifTrueActivities", "ifFalseActivities")

Json = Any
Properties = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Factory:
    """Every object's properties, by kind and name."""

    objects: Mapping[str, Mapping[str, Properties]]

    def find(self, kind: str, name: str) -> Properties:
        """Raises KeyError where there is no such object."""
        return self.objects[kind][name]

    @property
    def pipelines(self) -> Mapping[str, Properties]:
        return self.objects["pipeline"]

    @property
    def global_parameters(self) -> Properties:
        """What a pipeline's `globalParameters` are, by name, as the one factory declares them."""
        (factory,) = self.objects["factory"].values()
        declared: Properties = factory["globalParameters"]
        return declared


def load_factory(root: Path = ROOT) -> Factory:
    return Factory({kind: {value["name"]: value["properties"] for _, value in files_of(kind, root)} for kind in KINDS})


def files_of(kind: str, root: Path = ROOT) -> Iterator[tuple[Path, Json]]:
    """The files of a kind with their values; not those in folders below it."""
    for path in sorted((root / kind).glob("*.json")):
        yield path, json.loads(path.read_text())


def activities_of(pipeline: Properties) -> Iterator[Properties]:
    """Every activity, those inside others too."""
    return _walk(pipeline["activities"])


def _walk(activities: list[Properties]) -> Iterator[Properties]:
    for activity in activities:
        yield activity
        for key in NESTED:
            yield from _walk(activity["typeProperties"].get(key, []))


def is_expression(value: Json) -> bool:
    """Whether a value is one that Data Factory evaluates, in its long form."""
    return isinstance(value, Mapping) and value.get("type") == "Expression" and set(value) == {"type", "value"}


def texts_of(value: Json) -> Iterator[str]:
    """Every string in a value that is, or holds, an expression."""
    if isinstance(value, str) and (value.startswith("@") or "@{" in value):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
