"""The activities that do something, each as Data Factory documents it, as far as our pipelines use it.

An activity takes its evaluated properties and answers its output; what Data Factory would fail raises ActivityFailed.
A property that isn't known here raises NotSupported: nothing is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.factory.definitions import Factory
from tests.factory.expressions import Scope, evaluate
from tests.factory.functions import NotSupported, parse_time
from tests.factory.outside import Clock, Outside, Refused

LOOKUP_BYTES = 4 * 2**20
WEB_PROPERTIES = {
    "method", "url", "headers", "body", "authentication", "httpRequestTimeout", "turnOffAsync", "connectVia",
}  # fmt: skip

Json = Any
Output = dict[str, Any]


class ActivityFailed(Exception):
    """An activity that failed; the message is its error's."""

    def __init__(self, message: str, code: str = "2000") -> None:
        super().__init__(message)
        self.code = code


class Activities:
    """The activities by type, over what is outside."""

    def __init__(self, factory: Factory, outside: Outside, clock: Clock) -> None:
        self._factory = factory
        self._outside = outside
        self._clock = clock
        self._kinds: Mapping[str, Callable[[Json, Json], Awaitable[Output]]] = {
            "Copy": self._copy,
            "Fail": self._fail,
            "GetMetadata": self._get_metadata,
            "Lookup": self._look_up,
            "Wait": self._wait,
            "WebActivity": self._call_web,
        }

    async def do(self, activity: Json, properties: Json) -> Output:
        """Raises ActivityFailed or NotSupported."""
        if activity["type"] not in self._kinds:
            raise NotSupported(f"the activity type {activity['type']}")
        try:
            return await self._kinds[activity["type"]](properties, activity)
        except Refused as refusal:
            raise ActivityFailed(str(refusal)) from refusal

    async def _get_metadata(self, properties: Json, _: Json) -> Output:
        _know(properties, {"dataset", "fieldList", "storeSettings", "formatSettings"})
        fields = set(properties["fieldList"])
        if not {"exists"} <= fields <= {"exists", "size"}:
            raise NotSupported(f"the metadata {sorted(fields)}")
        url, container, name, is_folder = self._place(properties["dataset"])
        if is_folder:
            return {"exists": bool(await self._outside.list(url, container, f"{name}/"))}
        found = await self._outside.list(url, container, name)
        blob = next((blob for blob in found if blob.name == name), None)
        if blob is None:
            return {"exists": False}
        return {"exists": True, **({"size": blob.size} if "size" in fields else {})}

    async def _look_up(self, properties: Json, _: Json) -> Output:
        _know(properties, {"source", "dataset", "firstRowOnly"})
        _expect(properties["source"], "JsonSource")
        if properties["firstRowOnly"] is not True:
            raise NotSupported("a lookup of more than its first row")
        url, container, name, _ = self._place(properties["dataset"])
        content = await self._outside.read(url, container, name)
        if len(content) > LOOKUP_BYTES:
            raise ActivityFailed(
                f"The length {len(content)} of the activity output exceeds the limit of {LOOKUP_BYTES}."
            )
        return {"firstRow": json.loads(content)}

    async def _copy(self, properties: Json, activity: Json) -> Output:
        _know(properties, {"source", "sink", "enableStaging", "validateDataConsistency"})
        _expect(properties["source"], "BinarySource")
        _expect(properties["sink"], "BinarySink")
        if len(activity["inputs"]) != 1 or len(activity["outputs"]) != 1 or not properties["validateDataConsistency"]:
            raise NotSupported("a copy of several datasets, or one that isn't validated")
        source, sink = self._place(activity["inputs"][0]), self._place(activity["outputs"][0])
        if source[3] != sink[3]:
            raise NotSupported("a copy between a file and a folder")
        reading = properties["source"]["storeSettings"]
        names = await self._names_to_copy(source, reading) if source[3] else [(source[2], sink[2])]
        written = 0
        for source_name, sink_name in names:
            target = sink_name if not source[3] else sink[2] + source_name.removeprefix(source[2])
            content = await self._outside.read(source[0], source[1], source_name)
            await self._outside.write(sink[0], sink[1], target, content)
            if await self._outside.read(sink[0], sink[1], target) != content:
                raise ActivityFailed(f"{target} is not consistent with {source_name}")
            written += len(content)
        return {"filesRead": len(names), "filesWritten": len(names), "dataRead": written, "dataWritten": written}

    async def _names_to_copy(self, source: tuple[str, str, str, bool], reading: Json) -> list[tuple[str, str]]:
        """Of a folder: the files below it that were changed in the time given, from its start to before its end."""
        _know(reading, {"type", "recursive", "modifiedDatetimeStart", "modifiedDatetimeEnd"})
        start, end = parse_time(reading["modifiedDatetimeStart"]), parse_time(reading["modifiedDatetimeEnd"])
        blobs = await self._outside.list(source[0], source[1], f"{source[2]}/")
        return [(blob.name, "") for blob in blobs if start <= blob.modified < end]

    async def _call_web(self, properties: Json, _: Json) -> Output:
        known = {
            "method",
            "url",
            "headers",
            "body",
            "authentication",
            "httpRequestTimeout",
            "turnOffAsync",
            "connectVia",
        }
        _know(properties, known)
        if properties["authentication"]["type"] != "MSI":
            raise NotSupported(f"the authentication {properties['authentication']['type']}")
        self._factory.find("integrationRuntime", properties["connectVia"]["referenceName"])
        answer = await self._outside.call(
            properties["method"],
            properties["url"],
            properties["headers"],
            properties["body"],
            properties["authentication"]["resource"],
        )
        try:
            value = json.loads(answer)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {"Response": answer}

    async def _wait(self, properties: Json, _: Json) -> Output:
        _know(properties, {"waitTimeInSeconds"})
        await self._clock.wait(properties["waitTimeInSeconds"])
        return {}

    async def _fail(self, properties: Json, _: Json) -> Output:
        _know(properties, {"message", "errorCode"})
        raise ActivityFailed(properties["message"], properties["errorCode"])

    def _place(self, reference: Json) -> tuple[str, str, str, bool]:
        """Account, container, path, and whether it is a folder, of a dataset with its parameters."""
        dataset = self._factory.find("dataset", reference["referenceName"])
        given = reference["parameters"]
        if set(given) != set(dataset["parameters"]):
            raise ActivityFailed(f"The dataset {reference['referenceName']} takes {sorted(dataset['parameters'])}")
        scope = Scope(self._clock.now, dataset=given)
        linked = evaluate(dataset["linkedServiceName"], scope)
        service = self._factory.find("linkedService", linked["referenceName"])
        url = evaluate(service["typeProperties"], Scope(self._clock.now, linked_service=linked["parameters"]))
        location = evaluate(dataset["typeProperties"]["location"], scope)
        path = "/".join(part for part in (location.get("folderPath"), location.get("fileName")) if part)
        return url["serviceEndpoint"], location["container"], path, "fileName" not in location


def _know(properties: Json, known: set[str]) -> None:
    if extra := set(properties) - known:
        raise NotSupported(f"the properties {sorted(extra)}")


def _expect(part: Json, kind: str) -> None:
    if part["type"] != kind:
        raise NotSupported(f"{part['type']} in place of {kind}")
