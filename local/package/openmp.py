"""The OpenMP library for LightGBM, because Azure's image has none: a `libgomp.so.1` beside `lib_lightgbm.so`.

It is taken from scikit-learn's wheel, pinned by hash: the same bytes on every machine that builds, and built against
a glibc (2.17) that is older than any image, where the build machine's own libgomp may be newer than Azure's. That
wheel renamed the library; LightGBM asks for it as libgomp.so.1, so its name inside is put back: the ELF string table
holds it once, and a shorter name fits in its place. The licence (GPL 3 with the GCC Runtime Library Exception) comes
along as a notice.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from local.package.faults import PackagingFailed
from local.package.vendor import LIGHTGBM_LIBRARY, SITE_PACKAGES
from local.package.wheels import download_wheels

# The wheel of CPython 3.13 for manylinux_2_28_x86_64.
WHEEL = "scikit-learn==1.9.1 --hash=sha256:55e79d6e9b0923f1a978179822bd43d7f5543f45e970a00fe861f43486380aba"
SONAME = b"libgomp.so.1"
RENAMED = re.compile(rb"libgomp-[0-9a-f]+\.so\.[0-9.]+")
FOLDER = f"{SITE_PACKAGES}/{LIGHTGBM_LIBRARY.rpartition('/')[0]}"
LIBRARY_PATH = f"{FOLDER}/libgomp.so.1"
NOTICE_PATH = f"{FOLDER}/libgomp.NOTICE.txt"
NOTICE_START = "Name: GCC runtime library"
NOTICE = """\
libgomp.so.1 in this folder is the GNU Offloading and Multi Processing Runtime Library of GCC, licensed under the
GNU General Public License, version 3 (https://www.gnu.org/licenses/gpl-3.0.txt), with the GCC Runtime Library
Exception below. It was taken unchanged from the scikit-learn wheel that names it so, but for its name (DT_SONAME).

"""


def fetch_openmp(folder: Path) -> dict[str, bytes]:
    """Path in the zip to content: the library and its notice. Raises PackagingFailed."""
    requirements = folder / "openmp.txt"
    requirements.write_text(f"{WHEEL}\n")
    download_wheels(requirements, folder)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        library = wheel.read(_only(wheel, r"\.libs/libgomp-.*\.so"))
        licence = wheel.read(_only(wheel, r"/licenses/COPYING$")).decode()
    return {LIBRARY_PATH: restore_soname(library), NOTICE_PATH: build_notice(licence).encode()}


def restore_soname(library: bytes) -> bytes:
    """The library under the name that LightGBM asks for. Raises PackagingFailed unless its name is there just once."""
    names = RENAMED.findall(library)
    if len(names) != 1:
        raise PackagingFailed(
            f"libgomp holds {len(names)} names of its own instead of 1. Pin another wheel in {__name__}."
        )
    return library.replace(names[0], SONAME.ljust(len(names[0]), b"\0"))


def build_notice(licence: str) -> str:
    """Our notice, then what the wheel's licence file says of libgomp. Raises PackagingFailed where it says nothing."""
    _, start, text = licence.partition(NOTICE_START)
    if not start:
        raise PackagingFailed(f"The wheel's licence file doesn't speak of libgomp. Pin another wheel in {__name__}.")
    return f"{NOTICE}{start}{text}"


def _only(wheel: zipfile.ZipFile, pattern: str) -> str:
    names = [name for name in wheel.namelist() if re.search(pattern, name)]
    if len(names) != 1:
        raise PackagingFailed(
            f"{wheel.filename} holds {len(names)} files like {pattern}. Pin another wheel in {__name__}."
        )
    return names[0]
