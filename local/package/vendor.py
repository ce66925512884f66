"""The dependencies as they are deployed, under `.python_packages/lib/site-packages`, where the host looks for them.

Left out, by three rules: LightGBM's Python (`scoring/booster.py` calls its C library and imports nothing of it, so that
numpy and scipy stay out too; the lock file doesn't name them), what only a compiler or a type checker reads, and pip's
own records, which would list files that aren't there.
"""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

SITE_PACKAGES = ".python_packages/lib/site-packages"
SOURCES = frozenset({".c", ".h", ".pxd", ".pxi", ".pyi", ".pyx"})
LIGHTGBM = "lightgbm"
LIGHTGBM_LIBRARY = "lightgbm/lib/lib_lightgbm.so"
# find_library asks for the package's place, which a folder without an __init__.py has not.
LIGHTGBM_KEPT = frozenset({"lightgbm/__init__.py", LIGHTGBM_LIBRARY})
PIP_RECORDS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})


def is_loaded(path: str) -> bool:
    """Whether the app, or a licence, has a use for this file of an installed wheel (path below site-packages)."""
    pure = PurePosixPath(path)
    if pure.parts[0] == LIGHTGBM:
        return path in LIGHTGBM_KEPT
    if pure.parts[0].endswith(".dist-info"):
        return pure.name not in PIP_RECORDS
    return pure.suffix not in SOURCES and pure.parts[0] != "bin"


def read_vendored(installed: Path) -> dict[str, bytes]:
    """Path in the zip to content, of a folder that pip installed into."""
    paths = (path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file())
    return {f"{SITE_PACKAGES}/{path}": (installed / path).read_bytes() for path in paths if is_loaded(path)}


def read_owners(installed: Path) -> dict[str, str]:
    """Path in the zip to the distribution that brought it, by pip's records."""
    owners = {}
    for record in installed.glob("*.dist-info/RECORD"):
        distribution = record.parent.name.removesuffix(".dist-info").replace("-", " ")
        with record.open(newline="") as rows:
            owners.update({f"{SITE_PACKAGES}/{row[0]}": distribution for row in csv.reader(rows)})
    return owners
