"""Reads recordings of a host and takes out of them what differs from run to run: times, GUIDs, addresses, stacks."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HISTORIES = Path(__file__).parent / "histories"
Record = dict[str, Any]
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
GUID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
ADDRESS = re.compile(r"http://(localhost|127\.0\.0\.1):\d+(/durabletask(-[\w-]+)?/)?")
KEY = re.compile(r"code=[\w-]+")
ORCHESTRATOR_STARTED, ORCHESTRATOR_COMPLETED = 12, 13
COMPLETIONS = (5, 6, 8, 9)


def read_recording(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def normal(value: Any, key: str = "") -> Any:
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: normal(part, name) for name, part in value.items() if name not in ("startTime", "duration")}
    if isinstance(value, list):
        return [normal(part) for part in value]
    if not isinstance(value, str):
        return value
    if key in ("Details", "RemoteStackTrace", "StackTrace", "raised"):
        return _without_stack(value)
    if key == "Message" and "\nStack:" in value:
        return value.split("\nStack:", maxsplit=1)[0]
    for pattern, stand_in in ((TIME, "<time>"), (GUID, "<guid>"), (ADDRESS, "<host>/"), (KEY, "code=<key>")):
        value = pattern.sub(stand_in, value)
    return value


def _without_stack(text: str) -> Any:
    if text.startswith("{"):
        return normal(json.loads(text))
    if "$OutOfProcData$:" in text:
        message, _, state = text.partition("$OutOfProcData$:")
        return [message, normal(json.loads(state))]
    return text.split("StackTrace:", maxsplit=1)[0] if "StackTrace:" in text else "<stack>"


def turns_by_instance(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Orchestrator turns in order, by function and instance."""
    found: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record["kind"] == "orchestrator":
            found[record["name"], record["input"]["instanceId"]].append(record)
    return dict(found)


def split_turn(history: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The history before this turn, and what arrived in it."""
    start = max(i for i, event in enumerate(history) if event["EventType"] == ORCHESTRATOR_STARTED)
    arrived = [event for event in history[start + 1 :] if event["EventType"] != ORCHESTRATOR_COMPLETED]
    return list(history[:start]), arrived


def merged(history: Sequence[Record]) -> list[Record]:
    """A history as if messages had come in any batches: no turns, completions that stand together by their number."""
    merged_events: list[Record] = []
    together: list[Record] = []
    for event in [*history, None]:
        if event is not None and event["EventType"] in (ORCHESTRATOR_STARTED, ORCHESTRATOR_COMPLETED):
            continue
        if event is not None and event["EventType"] in COMPLETIONS:
            together.append(event)
            continue
        merged_events += sorted(together, key=lambda one: one["TaskScheduledId"])
        together = []
        if event is not None:
            merged_events.append(event)
    return [{name: value for name, value in event.items() if name != "IsPlayed"} for event in merged_events]


def last_polls(records: Sequence[Record]) -> list[Record]:
    """Management calls, of polls for the same thing in a row only the last."""
    calls = [record for record in records if record["kind"] == "management"]
    following = [*calls[1:], None]
    return [
        call
        for call, after in zip(calls, following, strict=True)
        if after is None or (call["verb"], call["url"]) != (after["verb"], after["url"]) or call["verb"] != "get"
    ]
