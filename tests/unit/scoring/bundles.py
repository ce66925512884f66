"""The committed demo bundles, and what a forger would do to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
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


STUMP = """num_leaves=2
num_cat=0
split_feature={feature}
split_gain=1
threshold={threshold}
decision_type=10
left_child=-1
right_child=-2
leaf_value=0 {value}
leaf_weight=999999 1
leaf_count=999999 1
internal_value=0
internal_weight=1000000
internal_count=1000000
is_linear=0
shrinkage=1"""


def stump(feature: int, threshold: float, value: str) -> str:
    """A tree of two leaves: 0 up to a threshold of a number, and for what is missing; beyond it this value."""
    return STUMP.format(feature=feature, threshold=threshold, value=value)


def trees_of(text: str) -> list[str]:
    """The trees of a model text, without their numbers."""
    body = text.partition("\nTree=0\n")[2].partition("end of trees")[0]
    return [tree.strip() for tree in re.split(r"Tree=\d+\n", body)]


def replace_trees(text: str, trees: Sequence[str]) -> str:
    """A model text with these trees instead of its own."""
    blocks = [f"Tree={number}\n{tree}\n\n\n" for number, tree in enumerate(trees)]
    sizes = " ".join(str(len(block)) for block in blocks)
    head = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", text.partition("\nTree=0\n")[0])
    return f"{head}\n\n{''.join(blocks)}end of trees{text.partition('end of trees')[2]}"
