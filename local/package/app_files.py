"""Our own files that are deployed: those that `.funcignore` lets through."""

from __future__ import annotations

from pathlib import Path

from pathspec import GitIgnoreSpec

from local.package.faults import PackagingFailed

IGNORE_FILE = ".funcignore"
REQUIRED = ("function_app.py", "host.json", "regions.json")


def read_app_files(root: Path) -> dict[str, bytes]:
    """Path in the zip to content. Raises PackagingFailed where a file is missing that no app starts without."""
    files = {path: (root / path).read_bytes() for path in list_app_files(root)}
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise PackagingFailed(
            f"{', '.join(missing)} not found in {root}. Run this from a whole checkout of the project."
        )
    return files


def list_app_files(root: Path) -> list[str]:
    """The paths that are deployed, relative to `root`, sorted. Raises PackagingFailed without a `.funcignore`."""
    try:
        spec = GitIgnoreSpec.from_lines((root / IGNORE_FILE).read_text().splitlines())
    except OSError as error:
        raise PackagingFailed(f"{root / IGNORE_FILE} can't be read: {error}. It says what is deployed.") from error
    return sorted(_walk(root, "", spec))


def _walk(root: Path, folder: str, spec: GitIgnoreSpec) -> list[str]:
    """Goes into no folder that is ignored: the environments and caches hold a hundred thousand files."""
    found = []
    for entry in (root / folder).iterdir():
        path = f"{folder}{entry.name}"
        if entry.is_dir():
            found += [] if spec.match_file(f"{path}/") else _walk(root, f"{path}/", spec)
        elif not spec.match_file(path):
            found.append(path)
    return found
