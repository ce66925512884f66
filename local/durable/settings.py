"""What host.json says about Durable Functions, and which versions of orchestrations this host runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

TASK_HUB = "TestHubName"


class MatchStrategy(StrEnum):
    """Which instances run here, by their version."""

    NONE = "none"
    STRICT = "strict"
    CURRENT_OR_OLDER = "currentorolder"


class FailureStrategy(StrEnum):
    """What happens to the others: they wait, or fail."""

    REJECT = "reject"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class DurableSettings:
    """`extensions.durableTask` of host.json, as far as it matters here."""

    hub: str = TASK_HUB
    default_version: str = ""
    match: MatchStrategy = MatchStrategy.CURRENT_OR_OLDER
    failure: FailureStrategy = FailureStrategy.REJECT
    orchestrators_at_once: int = 20
    activities_at_once: int = 20

    def suits(self, version: str) -> bool:
        """True where an instance of this version runs on this host."""
        if self.match is MatchStrategy.NONE:
            return True
        if self.match is MatchStrategy.STRICT:
            return version.lower() == self.default_version.lower()
        return version_key(version) <= version_key(self.default_version)


def version_key(version: str) -> tuple[int, tuple[int, ...], str]:
    """Orders versions: none, then numbers with dots by their numbers, else by their text."""
    parts = version.split(".")
    if not version:
        return 0, (), ""
    if all(part.isdecimal() for part in parts):
        return 1, tuple(int(part) for part in parts), ""
    return 2, (), version.lower()


def read_settings(host_json: Path) -> DurableSettings:
    """The settings beside an app. Raises ValueError with what is wrong."""
    document = json.loads(host_json.read_text())
    given = document.get("extensions", {}).get("durableTask", {})
    cores = os.cpu_count() or 1
    try:
        return DurableSettings(
            hub=given.get("hubName", TASK_HUB),
            default_version=given.get("defaultVersion", ""),
            match=MatchStrategy(given.get("versionMatchStrategy", MatchStrategy.CURRENT_OR_OLDER).lower()),
            failure=FailureStrategy(given.get("versionFailureStrategy", FailureStrategy.REJECT).lower()),
            orchestrators_at_once=int(given.get("maxConcurrentOrchestratorFunctions", 10 * cores)),
            activities_at_once=int(given.get("maxConcurrentActivityFunctions", 10 * cores)),
        )
    except ValueError as error:
        raise ValueError(f"extensions.durableTask in {host_json}: {error}") from error
