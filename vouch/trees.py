"""Checks one tree of a model text as far as a scorer relies on it.

LightGBM follows children, features and category sets without looking: a wrong index reads foreign memory, and a circle
never ends. What passes here is a tree: every node has one parent, and every index lies inside its array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from vouch.errors import CannotPackage

IS_CATEGORICAL = 1


def check_tree(index: int, block: str, feature_count: int) -> None:
    """Check the tree's block of the text. Raises CannotPackage with the tree's number and the fault."""
    fields = {key: value for key, _, value in (line.partition("=") for line in block.splitlines())}
    try:
        _check_fields(fields, feature_count)
    except (KeyError, ValueError) as error:
        fault = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise CannotPackage(f"Tree {index} is damaged: {fault}. Save the model again.") from error


def _check_fields(fields: Mapping[str, str], feature_count: int) -> None:
    if fields.get("is_linear", "0") != "0":
        raise CannotPackage(
            "The model has linear trees, for which LightGBM gives no contributions, so no decision could be explained. "
            "Train it with linear_tree=False."
        )
    leaves = int(fields["num_leaves"])
    if leaves < 1 or len(_floats(fields, "leaf_value")) != leaves:
        raise ValueError(f"{leaves} leaves don't have as many values")
    if leaves == 1:
        return
    nodes = leaves - 1
    features = _ints(fields, "split_feature", nodes)
    if not all(0 <= feature < feature_count for feature in features):
        raise ValueError("it splits on a feature that the model doesn't have")
    thresholds = _floats(fields, "threshold")
    if len(thresholds) != nodes:
        raise ValueError(f"{nodes} splits have {len(thresholds)} thresholds")
    _check_categories(fields, thresholds, _ints(fields, "decision_type", nodes))
    _check_shape(_ints(fields, "left_child", nodes), _ints(fields, "right_child", nodes))


def _check_shape(left: Sequence[int], right: Sequence[int]) -> None:
    """Every node but the root, and every leaf (written ~leaf), is reached exactly once from the root."""
    nodes = len(left)
    waiting, reached = [0], set[int]()
    while waiting:
        node = waiting.pop()
        if node in reached or not ~nodes <= node < nodes:
            raise ValueError("its nodes don't form a tree")
        reached.add(node)
        if node >= 0:
            waiting += (left[node], right[node])
    if len(reached) != nodes + nodes + 1:
        raise ValueError("its nodes don't form a tree")


def _check_categories(fields: Mapping[str, str], thresholds: Sequence[float], decisions: Sequence[int]) -> None:
    sets = int(fields.get("num_cat", "0"))
    used = [threshold for threshold, decision in zip(thresholds, decisions, strict=True) if decision & IS_CATEGORICAL]
    if not all(threshold.is_integer() and 0 <= threshold < sets for threshold in used):
        raise ValueError("a split uses a set of categories that is not there")
    if sets == 0:
        return
    bounds = _ints(fields, "cat_boundaries", sets + 1)
    words = len(fields["cat_threshold"].split())
    if bounds[0] != 0 or bounds[-1] != words or any(later <= bound for bound, later in pairwise(bounds)):
        raise ValueError("its sets of categories don't fit their bounds")


def _ints(fields: Mapping[str, str], name: str, count: int) -> list[int]:
    values = [int(item) for item in fields[name].split()]
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} entries instead of {count}")
    return values


def _floats(fields: Mapping[str, str], name: str) -> list[float]:
    values = [float(item) for item in fields[name].split()]
    if any(math.isnan(value) for value in values):
        raise ValueError(f"{name} holds no number")
    return values
