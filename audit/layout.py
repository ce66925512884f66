"""Where everything lies in a region's lake. `docs/audit-trail.md` says what each file is."""

from __future__ import annotations

from datetime import UTC, datetime

from audit.windows import Window

DECISIONS, RELEASES, PERFORMANCE = "decisions", "releases", "performance"
DATASETS = (DECISIONS, RELEASES, PERFORMANCE)
DECISION_TYPES = ("vouch.decision.", "vouch.subject.", "vouch.audit.")


def dataset_of(record_type: str) -> str:
    """The dataset that a record belongs to."""
    return DECISIONS if record_type.startswith(DECISION_TYPES) else RELEASES


def segment_name(dataset: str, region: str, window: Window, lane: str) -> str:
    return f"audit/{dataset}/v1/{_hour(region, window)}/{window.name}-{lane}.jsonl.gz"


def performance_name(region: str, window: Window, correction: int = 0) -> str:
    return f"audit/{PERFORMANCE}/v1/{_hour(region, window)}/{window.name}{_suffix(correction)}.jsonl.gz"


def manifest_name(region: str, window: Window, correction: int = 0) -> str:
    """The manifest of a window, or of its first, second, ... correction."""
    return f"audit/manifests/v1/{_hour(region, window)}/{window.name}{_suffix(correction)}.json"


def chain_name(region: str, sequence: int) -> str:
    return f"audit/chain/v1/region={region}/{sequence:012}.json"


def witness_name(region: str, size: int) -> str:
    """A checkpoint of `region` in its witness's lake."""
    return f"audit/witness/v1/region={region}/{size:012}.note"


def schema_name(dataset: str) -> str:
    return f"audit/schemas/{dataset}/v1.schema.json"


def _hour(region: str, window: Window) -> str:
    start = datetime.fromtimestamp(window.start_s, UTC)
    return start.strftime(f"region={region}/year=%Y/month=%m/day=%d/hour=%H")


def _suffix(correction: int) -> str:
    return f"-c{correction:02}" if correction else ""
