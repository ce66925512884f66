"""`python -m training`: builds every version of the demo model from the claims, the same bytes every time.

The reference snapshot that the newest version looks into is written as the lake holds it: deliver and activate it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path

from adapters.folder_policies import load_policy
from flows.reference.load_snapshot import snapshot_folder
from training.build import NAME, VERSIONS, Quality, build_version, digest_data
from training.claims import read_claims
from training.policy_types import DATASET, build_experience_snapshot, snapshot_name

ROOT = Path(__file__).parent.parent
DATA = ROOT / "training" / "data" / "vehicle_claims.csv.gz"
SNAPSHOT_YEAR = 1996
POLICY = ROOT / "policies" / "standard" / "1.json"


def main() -> None:
    """Build every version into the folder that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "model_artifacts", help="folder for <name>/<version>/")
    parser.add_argument("--lake", type=Path, default=ROOT / "build" / "lake", help="folder for reference/<dataset>/")
    arguments = parser.parse_args()
    out: Path = arguments.out
    content = DATA.read_bytes()
    claims = read_claims(content)
    policy = load_policy(POLICY)
    earlier: dict[str, Quality] = {}
    for version in VERSIONS:
        print(f"{NAME} {version.version}: fitting on {', '.join(map(str, version.years))} ...", flush=True)
        folder = out / NAME / version.version
        files, earlier[version.version] = build_version(version, claims, digest_data(content), policy, earlier)
        write_bundle(folder, files)
        print(f"{NAME} {version.version}: written to {folder}; its card is {folder / 'CARD.md'}")
    folder = arguments.lake / snapshot_folder(DATASET, snapshot_name(SNAPSHOT_YEAR))
    write_bundle(folder, build_experience_snapshot(claims, SNAPSHOT_YEAR))
    print(f"{DATASET}: the snapshot for claims of {SNAPSHOT_YEAR} is written to {folder}")


def write_bundle(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace the folder by the files."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
