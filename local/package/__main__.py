"""`python -m local.package`: build the deployment zip and print its size by dependency."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from local.package.app_files import read_app_files
from local.package.archive import write_archive
from local.package.faults import PackagingFailed
from local.package.openmp import fetch_openmp
from local.package.sizes import Size, build_table, measure_sizes
from local.package.vendor import read_owners, read_vendored
from local.package.wheels import install_wheels

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK_FILE = ROOT / "requirements.lock"
PACKAGE = ROOT / "build" / "vouch.zip"


def build_package(root: Path, target: Path) -> list[Size]:
    """Build the zip at `target`. Raises PackagingFailed."""
    files = read_app_files(root)
    with tempfile.TemporaryDirectory() as folder:
        installed, wheels = Path(folder, "site-packages"), Path(folder, "wheels")
        wheels.mkdir()
        install_wheels(LOCK_FILE, installed)
        files |= read_vendored(installed) | fetch_openmp(wheels)
        owners = read_owners(installed)
    return measure_sizes(files, write_archive(files, target), owners)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.package", description=__doc__)
    parser.add_argument("--output", type=Path, default=PACKAGE, help="where the zip goes (default: build/vouch.zip)")
    target: Path = parser.parse_args().output
    console = Console()
    try:
        with console.status("Fetching the wheels for Linux x86_64 and Python 3.13"):
            sizes = build_package(ROOT, target)
    except (PackagingFailed, OSError) as error:
        Console(stderr=True).print(f"No package was made: {error}", markup=False, soft_wrap=True)
        return 1
    console.print(build_table(sizes))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    console.print(f"{target}  {target.stat().st_size:,} bytes  sha256:{digest}", soft_wrap=True, highlight=False)
    console.print(
        f"Deploy it: az functionapp deployment source config-zip -g GROUP -n APP --src {target}", soft_wrap=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
