"""The committed demo bundles, and what a forger would do to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoring.bundle import describe_file
from scoring.manifest import checksum_of

ARTIFACTS = Path(__file__).parents[3] / "model_artifacts"
Files = dict[str, bytes]


def read_demo(version: str = "1.0.0") -> Files:
    return {path.name: path.read_bytes() for path in (ARTIFACTS / "deal-fraud" / version).iterdir()}


def reseal(files: Files, change: Callable[[dict[str, Any]], None] = lambda document: None) -> Files:
    """Change the manifest and make every digest right again, so that only the content can betray it."""
    document = json.loads(files["manifest.json"])
    for name in document["files"]:
        entry = describe_file(files[name])
        document["files"][name] = {"sha256": entry.sha256, "bytes": entry.bytes}
    change(document)
    document["checksum"] = checksum_of(document)
    return {**files, "manifest.json": json.dumps(document).encode()}
