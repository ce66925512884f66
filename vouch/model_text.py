"""Reads a LightGBM model text (format v3 and v4), and refuses what Vouch can't serve faithfully.

LightGBM trusts such a text: a truncated one loads without a word, a wrong length ends the process. So its structure is
checked here before LightGBM sees it: the header, `tree_sizes` against the trees as they stand, the trees themselves
(`vouch.trees`), the end; and `vouch.probe` then loads it in a process of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from vouch.errors import CannotPackage
from vouch.trees import check_tree

END_OF_TREES = b"end of trees"
PROBABILITY_OBJECTIVES = ("binary", "cross_entropy")
MAX_FEATURES = 10_000


@dataclass(frozen=True, slots=True)
class ModelText:
    """`ranges` holds each feature's range in training, `categories` the codes of each categorical one (by index).

    `pandas_categories` are the categories of the pandas columns of category type, in the order of those columns.
    """

    text: str
    feature_names: tuple[str, ...]
    objective: str
    tree_count: int
    ranges: Mapping[int, tuple[float, float]]
    categories: Mapping[int, tuple[int, ...]]
    pandas_categories: tuple[tuple[object, ...], ...]


def parse_model_text(content: bytes) -> ModelText:
    """Read and check a model text. Raises CannotPackage, which says what is wrong."""
    text = _decode(content)
    header = _read_header(text)
    names = tuple(header.get("feature_names", "").split(" "))
    _check_header(header, names)
    trees = _check_trees(content, header, len(names))
    parameters = _read_parameters(text)
    infos = header.get("feature_infos", "").split(" ")
    if len(infos) != len(names):
        raise CannotPackage(f"The model has {len(names)} feature_names, but {len(infos)} feature_infos: it is damaged.")
    return ModelText(
        text=text,
        feature_names=names,
        objective=header["objective"],
        tree_count=trees,
        ranges={index: _read_range(info) for index, info in enumerate(infos) if info.startswith("[")},
        categories=_read_categories(infos, names, parameters),
        pandas_categories=_read_pandas_categories(text),
    )


def _decode(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise CannotPackage(f"The model is no text ({error}). Save it with booster.save_model('model.txt').") from error
    if not text.startswith("tree\n") or "\0" in text:
        raise CannotPackage("This is no LightGBM model text. Save it with booster.save_model('model.txt').")
    return text


def _read_header(text: str) -> dict[str, str]:
    lines = text.partition("\n\n")[0].splitlines()[1:]
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _check_header(header: Mapping[str, str], names: tuple[str, ...]) -> None:
    if header.get("version") not in ("v3", "v4"):
        raise CannotPackage(f"The model's format is {header.get('version', 'unknown')}; Vouch reads v3 and v4.")
    objective = header.get("objective", "")
    kind = objective.partition(" ")[0]
    if header.get("num_class") != "1" or header.get("num_tree_per_iteration") != "1":
        raise CannotPackage(
            f"The model ({kind}, {header.get('num_class')} classes) gives more than one score a deal. "
            "Vouch serves binary classifiers."
        )
    if not kind:
        raise CannotPackage(
            "The model was trained with an objective of its own, so its output is no probability. "
            "Train it with objective='binary'."
        )
    if kind not in PROBABILITY_OBJECTIVES:
        raise CannotPackage(
            f"The model's objective is {kind}: its output is no probability. Vouch serves binary classifiers "
            f"({', '.join(PROBABILITY_OBJECTIVES)})."
        )
    if not 0 < len(names) <= MAX_FEATURES or header.get("max_feature_idx") != str(len(names) - 1):
        raise CannotPackage(
            f"The model names {len(names)} features, but its max_feature_idx is {header.get('max_feature_idx')}: "
            "it is damaged."
        )


def _check_trees(content: bytes, header: Mapping[str, str], feature_count: int) -> int:
    sizes = header.get("tree_sizes", "").split()
    if not sizes or not all(size.isdecimal() for size in sizes):
        raise CannotPackage("The model has no trees, or no tree_sizes: train it, or save it again.")
    position = content.find(b"\nTree=0\n") + 1
    for index, size in enumerate(map(int, sizes)):
        block = content[position : position + size]
        if not position or len(block) < size or not block.startswith(b"Tree=%d\n" % index):
            raise CannotPackage(f"Tree {index} is not where tree_sizes says: the model is truncated or was changed.")
        check_tree(index, block.decode(), feature_count)
        position += size
    if content[position : position + len(END_OF_TREES)] != END_OF_TREES:
        raise CannotPackage("'end of trees' doesn't follow the last tree: the model is truncated or was changed.")
    if b"\nend of parameters\n" not in content[position:]:
        raise CannotPackage("'end of parameters' is missing at the end of the model: it is truncated or was changed.")
    return len(sizes)


def _read_parameters(text: str) -> dict[str, str]:
    section = text.rpartition("\nparameters:\n")[2].partition("\nend of parameters")[0]
    return dict(re.findall(r"^\[([a-z_]+): (.*)\]$", section, re.MULTILINE))


def _read_range(info: str) -> tuple[float, float]:
    low, _, high = info.strip("[]").partition(":")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise CannotPackage(f"feature_infos holds {info!r}: the model is damaged.") from error


def _read_categories(
    infos: list[str], names: tuple[str, ...], parameters: Mapping[str, str]
) -> dict[int, tuple[int, ...]]:
    """By feature_infos (`3:1:-1`); features without a use say `none` there, but the parameters may name them."""
    found = {index: _read_codes(info) for index, info in enumerate(infos) if info[:1] not in ("[", "n")}
    declared = parameters.get("categorical_feature", "")
    by_name = declared.startswith("name:")
    for item in filter(None, declared.removeprefix("name:").split(",")):
        index = names.index(item) if by_name and item in names else int(item) if item.isdecimal() else -1
        if 0 <= index < len(names) and infos[index] == "none":
            found[index] = ()
    return dict(sorted(found.items()))


def _read_codes(info: str) -> tuple[int, ...]:
    codes = info.split(":")
    if not all(re.fullmatch(r"-?\d+", code) for code in codes):
        raise CannotPackage(f"feature_infos holds {info!r}: the model is damaged.")
    return tuple(sorted(int(code) for code in codes if int(code) >= 0))


def _read_pandas_categories(text: str) -> tuple[tuple[object, ...], ...]:
    line = re.search(r"^pandas_categorical:(.*)$", text[-max(len(text) // 2, 100_000) :], re.MULTILINE)
    if not line or line[1] == "null":
        return ()
    try:
        return tuple(tuple(categories) for categories in json.loads(line[1]))
    except (ValueError, TypeError) as error:
        raise CannotPackage(f"pandas_categorical can't be read ({error}): the model is damaged.") from error
