"""Models from a folder that came with the app: `<folder>/<name>/<version>/` is one bundle.

Every bundle is read, verified and loaded when the app starts; afterwards nothing touches the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scoring.bundle import InvalidBundle
from scoring.manifest import FILE_NAME
from scoring.model import Model, load_model


class ModelsNotLoaded(RuntimeError):
    """A folder of models that can't be served; the message names the file and what differs."""


class FolderModels:
    """What came with the app, for `HeldModels`."""

    def __init__(self, folder: Path) -> None:
        """Load every bundle under `folder`. Raises ModelsNotLoaded."""
        if not folder.is_dir():
            raise ModelsNotLoaded(f"{folder}: there is no such folder. VOUCH_MODELS_FOLDER must name one with models.")
        self._folder = folder
        self._models = {name.name: _load_versions(name) for name in _subfolders(folder)}
        if not any(self._models.values()):
            raise ModelsNotLoaded(f"{folder}: holds no model. Make one: python -m vouch package, or python -m training")

    def names(self) -> Sequence[str]:
        return tuple(self._models)

    def versions(self, name: str) -> Sequence[str]:
        return tuple(self._models.get(name, ()))

    def find(self, name: str, version: str) -> Model | None:
        return self._models.get(name, {}).get(version)

    def files(self, name: str, version: str) -> dict[str, bytes] | None:
        """A version's files as they lie there; None where there is none."""
        return _read_files(self._folder / name / version) if self.find(name, version) else None


def load_folder(folder: Path) -> Model:
    """Load the one bundle in `folder`, `<name>/<version>`. Raises ModelsNotLoaded."""
    try:
        model = load_model(_read_files(folder))
    except InvalidBundle as error:
        raise ModelsNotLoaded(f"{folder / error.file}: {error.difference}") from error
    except OSError as error:
        raise ModelsNotLoaded(f"{folder}: can't be read: {error}") from error
    if (model.name, model.version) != (folder.parent.name, folder.name):
        raise ModelsNotLoaded(f"{folder / FILE_NAME}: is foreign: it is of {model.name} {model.version}")
    return model


def _read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def version_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Sorts 1.10.0 after 1.9.0; parts that are no numbers come before those that are."""
    return tuple((1, int(part)) if part.isdecimal() else (0, part) for part in version.split("."))


def _load_versions(folder: Path) -> dict[str, Model]:
    folders = sorted(_subfolders(folder), key=lambda path: version_order(path.name))
    return {path.name: load_folder(path) for path in folders}


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
