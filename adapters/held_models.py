"""The models of this instance: those that came with the app, and those it loaded from the region's own copy.

A version is loaded off the loop, once however many ask, and verified as at the start: digests first, then its golden
deals. Versions that came with the app stay; a loaded one that no release names any more is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from adapters.folder_models import FolderModels, version_order
from flows.ports import MODELS_KIND, BundleStore
from scoring.model import Model, load_model


class HeldModels:
    """Implements `flows.ports.Models`."""

    def __init__(self, bundled: FolderModels, kept: BundleStore) -> None:
        self._bundled = bundled
        self._kept = kept
        self._loaded: dict[tuple[str, str], Model] = {}
        self._loading: dict[tuple[str, str], asyncio.Task[Model | None]] = {}
        self._versions = self._list_versions()

    def names(self) -> Sequence[str]:
        return tuple(self._versions)

    def versions(self, name: str) -> Sequence[str]:
        return self._versions.get(name, ())

    def find(self, name: str, version: str) -> Model | None:
        return self._loaded.get((name, version)) or self._bundled.find(name, version)

    def is_bundled(self, name: str, version: str) -> bool:
        """Whether it came with the app."""
        return self._bundled.find(name, version) is not None

    def bundled_files(self, name: str, version: str) -> dict[str, bytes] | None:
        """The files of a version that came with the app."""
        return self._bundled.files(name, version)

    async def load(self, name: str, version: str) -> Model | None:
        """The version, in memory; None where the region keeps none. Raises StorageFailed or InvalidBundle."""
        found = self.find(name, version)
        if found is not None:
            return found
        key = (name, version)
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(name, version))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(task)

    def hold(self, model: Model) -> None:
        """Hold a version that was verified just now."""
        if not self.is_bundled(model.name, model.version):
            self._loaded[model.name, model.version] = model
            self._versions = self._list_versions()

    def keep_only(self, named: Collection[tuple[str, str]]) -> None:
        """Drop every loaded version but these."""
        self._loaded = {key: model for key, model in self._loaded.items() if key in named}
        self._versions = self._list_versions()

    def _list_versions(self) -> dict[str, tuple[str, ...]]:
        """By name, in order; every decision asks for them."""
        listed = {name: set(self._bundled.versions(name)) for name in self._bundled.names()}
        for name, version in sorted(self._loaded):
            listed.setdefault(name, set()).add(version)
        return {name: tuple(sorted(versions, key=version_order)) for name, versions in listed.items()}

    async def _load(self, name: str, version: str) -> Model | None:
        kept = await self._kept.find(MODELS_KIND, name, version)
        if kept is None:
            return None
        model = await asyncio.to_thread(load_model, await self._kept.read(kept))
        self.hold(model)
        return model
