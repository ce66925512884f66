"""What each dependency costs: a table by distribution, the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from local.package.openmp import LIBRARY_PATH, NOTICE_PATH
from local.package.vendor import SITE_PACKAGES

OPENMP = "libgomp (OpenMP for LightGBM)"
MODELS = "models and policies"
CODE = "our code"
KIB = 1024


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one part of the package: unpacked, and in the zip."""

    part: str
    unpacked: int
    zipped: int


def measure_sizes(files: Mapping[str, bytes], zipped: Mapping[str, int], owners: Mapping[str, str]) -> list[Size]:
    """One row a part, the largest first. Raises KeyError for a vendored file that no distribution owns."""
    unpacked_of, zipped_of = Counter[str](), Counter[str]()
    for path, content in files.items():
        part = find_part(path, owners)
        unpacked_of[part] += len(content)
        zipped_of[part] += zipped[path]
    return [Size(part, unpacked, zipped_of[part]) for part, unpacked in unpacked_of.most_common()]


def find_part(path: str, owners: Mapping[str, str]) -> str:
    """The distribution, or the part of our own, that brought a file."""
    if path in {LIBRARY_PATH, NOTICE_PATH}:
        return OPENMP
    if path.startswith(SITE_PACKAGES):
        return owners[path]
    return MODELS if path.startswith(("model_artifacts/", "policies/")) else CODE


def build_table(sizes: list[Size]) -> Table:
    """The rows and their sum, in KiB."""
    table = Table("part", show_footer=True)
    table.columns[0].footer = "all"
    table.add_column("unpacked KiB", _kib(sum(size.unpacked for size in sizes)), justify="right")
    table.add_column("in the zip KiB", _kib(sum(size.zipped for size in sizes)), justify="right")
    for size in sizes:
        table.add_row(size.part, _kib(size.unpacked), _kib(size.zipped))
    return table


def _kib(size: int) -> str:
    return f"{size / KIB:,.0f}"
