"""Where everything lies in a region's lake. `docs/audit-trail.md` says what each file is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.windows import Window, parse_window

DECISIONS, RELEASES, PERFORMANCE = "decisions", "releases", "performance"
DATASETS = (DECISIONS, RELEASES, PERFORMANCE)
MANIFESTS, CHAIN, WITNESS, SCHEMAS = "manifests", "chain", "witness", "schemas"
DECISION_TYPES = ("vouch.decision.", "vouch.subject.", "vouch.audit.")

_REGION = "region=(?P<region>[a-z0-9][a-z0-9-]{0,62})"
_HOUR = "year=(?P<y>[0-9]{4})/month=(?P<m>[0-9]{2})/day=(?P<d>[0-9]{2})/hour=(?P<h>[0-9]{2})"
_WINDOW = "(?P<window>(?P=y)(?P=m)(?P=d)T(?P=h)[0-9]{4}Z)"
_CORRECTION = "(-c(?P<correction>0[1-9]|[1-9][0-9]{1,8}))?"
_NAMES = [
    re.compile(pattern)
    for pattern in (
        rf"audit/(?P<kind>decisions|releases)/v1/{_REGION}/{_HOUR}/{_WINDOW}-(?P<lane>[0-9a-f]{{4}})\.jsonl\.gz",
        rf"audit/(?P<kind>performance)/v1/{_REGION}/{_HOUR}/{_WINDOW}{_CORRECTION}\.jsonl\.gz",
        rf"audit/(?P<kind>manifests)/v1/{_REGION}/{_HOUR}/{_WINDOW}{_CORRECTION}\.json",
        rf"audit/(?P<kind>chain)/v1/{_REGION}/(?P<number>[0-9]{{12}})\.json",
        rf"audit/(?P<kind>witness)/v1/{_REGION}/(?P<number>[0-9]{{12}})\.note",
        r"audit/(?P<kind>schemas)/[a-z]+/v1\.schema\.json",
    )
]


@dataclass(frozen=True, slots=True)
class Place:
    """What a name says: `kind` is a dataset or `manifests`, `chain`, `witness`, `schemas`; `window` a window's name;
    `number` a sequence or a tree size. What a kind doesn't have is empty or 0."""

    kind: str
    region: str = ""
    window: str = ""
    lane: str = ""
    correction: int = 0
    number: int = 0


def read_name(name: str) -> Place | None:
    """The place of a name under `audit/`; None where nothing of ours lies under such a name."""
    for pattern in _NAMES:
        if match := pattern.fullmatch(name):
            said = match.groupdict(default="")
            if "window" in said and not _is_time(said["window"]):
                return None
            return Place(
                kind=said["kind"],
                region=said.get("region", ""),
                window=said.get("window", ""),
                lane=said.get("lane", ""),
                correction=int(said.get("correction") or 0),
                number=int(said.get("number") or 0),
            )
    return None


def _is_time(window: str) -> bool:
    """Whether a calendar has the time that a window is named by."""
    try:
        parse_window(window, 1)
    except ValueError:
        return False
    return True


def dataset_of(record_type: str) -> str:
    """The dataset that a record belongs to."""
    return DECISIONS if record_type.startswith(DECISION_TYPES) else RELEASES


def segment_name(dataset: str, region: str, window: Window, lane: str) -> str:
    return f"audit/{dataset}/v1/{_hour(region, window)}/{window.name}-{lane}.jsonl.gz"


def performance_name(region: str, window: Window, correction: int = 0) -> str:
    return f"audit/{PERFORMANCE}/v1/{_hour(region, window)}/{window.name}{_suffix(correction)}.jsonl.gz"


def folder_of(kind: str, region: str) -> str:
    """What the names of a region's files of a kind begin with."""
    return f"audit/{kind}/v1/region={region}/"


def manifest_name(region: str, window: Window, correction: int = 0) -> str:
    """The manifest of a window, or of its first, second, ... correction."""
    return f"audit/{MANIFESTS}/v1/{_hour(region, window)}/{window.name}{_suffix(correction)}.json"


def chain_name(region: str, sequence: int) -> str:
    return f"{folder_of(CHAIN, region)}{sequence:012}.json"


def witness_name(region: str, size: int) -> str:
    """A checkpoint of `region` in its witness's lake."""
    return f"{folder_of(WITNESS, region)}{size:012}.note"


def schema_name(dataset: str) -> str:
    return f"audit/{SCHEMAS}/{dataset}/v1.schema.json"


def _hour(region: str, window: Window) -> str:
    start = datetime.fromtimestamp(window.start_s, UTC)
    return start.strftime(f"region={region}/year=%Y/month=%m/day=%d/hour=%H")


def _suffix(correction: int) -> str:
    return f"-c{correction:02}" if correction else ""
