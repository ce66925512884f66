"""Versions on their way: published to the registry, pulled into a region, read back.

A version never changes, whether it was published or came with the app. Publishing verifies it as serving would,
digests and golden deals, before anything is written, and writes an audit record before the version is there. Pulling
fetches it from the registry, verifies it again, keeps it in the region's own storage and in memory: from then on
nothing outside the region is needed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from audit.records import RecordType
from flows.calls import Call
from flows.errors import (
    DigestDiffers,
    NoRegistry,
    NotFound,
    StorageFailed,
    Superseded,
    UnsoundVersion,
    VersionsUnavailable,
)
from flows.ports import MODELS_KIND, POLICIES_KIND, POLICY_FILE, BundleStore, Kept, Models, Policies
from flows.write_record import Note, WriteRecord
from scoring.bundle import InvalidBundle
from scoring.model import Model, load_model
from scoring.policy import InvalidPolicy, Policy, parse_policy


@dataclass(frozen=True, slots=True)
class Published:
    """`is_new` is false where the same had been published before."""

    name: str
    version: str
    digest: str
    is_new: bool


class BringVersion:
    """`registry` None: this region has none. `kept` is the region's own copy."""

    def __init__(
        self, registry: BundleStore | None, kept: BundleStore, models: Models, policies: Policies, write: WriteRecord
    ) -> None:
        self._registry = registry
        self._kept = kept
        self._models = models
        self._policies = policies
        self._write = write

    async def publish_model(self, call: Call, name: str, version: str, files: Mapping[str, bytes]) -> Published:
        """Raises NoRegistry, UnsoundVersion, DigestDiffers, VersionsUnavailable or LedgerUnavailable."""
        model = await _verify_model(files)
        _check_name((model.name, model.version), (name, version))
        held = self._models.find(name, version)
        if held is not None:
            _check_digest(name, version, model.digest, held.digest)
        return await self._publish(call, MODELS_KIND, name, version, files, model.digest)

    async def publish_policy(self, call: Call, name: str, version: str, content: bytes) -> Published:
        """Raises NoRegistry, UnsoundVersion, DigestDiffers, VersionsUnavailable or LedgerUnavailable."""
        policy = _verify_policy(content)
        _check_name((policy.name, policy.version), (name, version))
        digest, bundled = digest_of_file(content), self._policies.bundled_document(f"{name}/{version}")
        if bundled is not None:
            _check_digest(name, version, digest, digest_of_file(bundled))
        return await self._publish(call, POLICIES_KIND, name, version, {POLICY_FILE: content}, digest)

    async def pull_model(self, name: str, version: str, digest: str) -> Model:
        """The version, kept here, in memory and warm. Raises NotFound, DigestDiffers, UnsoundVersion, NoRegistry or
        VersionsUnavailable."""
        model = await self._load_model(name, version)
        if model is None:
            files, kept = await self._fetch(MODELS_KIND, name, version)
            model = await _verify_model(files)
            _check_digest(name, version, digest, kept.digest)
            await _told(self._kept.write(MODELS_KIND, name, version, files, kept.digest), HERE)
            self._models.hold(model)
        _check_digest(name, version, digest, model.digest)
        await asyncio.to_thread(warm_up, model)
        return model

    async def pull_policy(self, name: str, version: str, digest: str) -> Policy:
        """The same for a policy."""
        policy = await self.load_policy(f"{name}/{version}")
        if policy is None:
            files, kept = await self._fetch(POLICIES_KIND, name, version)
            policy = _verify_policy(files[POLICY_FILE])
            _check_digest(name, version, digest, kept.digest)
            await _told(self._kept.write(POLICIES_KIND, name, version, files, kept.digest), HERE)
            self._policies.hold(policy)
        elif digest:
            _check_digest(name, version, digest, await self._policy_digest_here(name, version))
        return policy

    async def list_versions(self, name: str) -> list[dict[str, object]]:
        """Every version of a model that is here or in the registry. Raises VersionsUnavailable."""
        held = set(self._models.versions(name))
        kept = await self._versions_in(self._kept, name, HERE)
        published = await self._versions_in(self._registry, name, REGISTRY) if self._registry else set()
        return [
            {
                "version": version,
                "in_memory": version in held,
                "kept_here": version in kept or self._models.is_bundled(name, version),
                "in_registry": version in published,
            }
            for version in sorted(held | kept | published)
        ]

    async def download_model(self, name: str, version: str) -> dict[str, bytes]:
        """A version's files, from this region or the registry. Raises NotFound or VersionsUnavailable."""
        bundled = self._models.bundled_files(name, version)
        return bundled if bundled is not None else await self._download(MODELS_KIND, name, version)

    async def download_policy(self, name: str, version: str) -> bytes:
        """A policy's document, likewise. Raises NotFound or VersionsUnavailable."""
        bundled = self._policies.bundled_document(f"{name}/{version}")
        return bundled if bundled is not None else (await self._download(POLICIES_KIND, name, version))[POLICY_FILE]

    async def model_digest(self, name: str, version: str) -> str | None:
        """Implements `flows.ports.Versions`."""
        model = await self._load_model(name, version)
        return model.digest if model else await self._digest_in_registry(MODELS_KIND, name, version)

    async def policy_digest(self, policy: str) -> str | None:
        """Implements `flows.ports.Versions`. What came with the app is everywhere: nothing is to be pulled."""
        name, _, version = policy.partition("/")
        if self._policies.is_bundled(policy):
            return ""
        return await self._digest_in_registry(POLICIES_KIND, name, version)

    async def load_policy(self, policy: str) -> Policy | None:
        try:
            return await _told(self._policies.load(policy), HERE)
        except InvalidPolicy as error:
            raise UnsoundVersion(f"{policy}: {error}") from error

    async def _load_model(self, name: str, version: str) -> Model | None:
        try:
            return await _told(self._models.load(name, version), HERE)
        except InvalidBundle as error:
            raise UnsoundVersion(str(error)) from error

    async def _policy_digest_here(self, name: str, version: str) -> str:
        bundled = self._policies.bundled_document(f"{name}/{version}")
        if bundled is not None:
            return digest_of_file(bundled)
        kept = await _told(self._kept.find(POLICIES_KIND, name, version), HERE)
        return kept.digest if kept else ""

    async def _digest_in_registry(self, kind: str, name: str, version: str) -> str | None:
        kept = await _told(self._registry.find(kind, name, version), REGISTRY) if self._registry else None
        return kept.digest if kept else None

    async def _publish(
        self, call: Call, kind: str, name: str, version: str, files: Mapping[str, bytes], digest: str
    ) -> Published:
        if self._registry is None:
            raise NoRegistry
        standing = await _told(self._registry.find(kind, name, version), REGISTRY)
        if standing is not None:
            _check_digest(name, version, digest, standing.digest)
            return Published(name, version, digest, is_new=False)
        data = {"kind": kind, "name": name, "version": version, "digest": digest, "caller": call.caller.id}
        await self._write(Note(RecordType.VERSION_PUBLISHED, {**data, "request_id": call.request_id}, {}))
        try:
            await _told(self._registry.write(kind, name, version, files, digest), REGISTRY)
        except Superseded as error:
            raise DigestDiffers(str(error)) from error
        return Published(name, version, digest, is_new=True)

    async def _download(self, kind: str, name: str, version: str) -> dict[str, bytes]:
        for store, where in ((self._kept, HERE), (self._registry, REGISTRY)):
            kept = await _told(store.find(kind, name, version), where) if store else None
            if store and kept:
                return await _told(store.read(kept), where)
        raise NotFound("version in its storage, nor has the registry")

    async def _fetch(self, kind: str, name: str, version: str) -> tuple[dict[str, bytes], Kept]:
        if self._registry is None:
            raise NoRegistry
        kept = await _told(self._registry.find(kind, name, version), REGISTRY)
        if kept is None:
            raise NotFound("version here or in the registry")
        return await _told(self._registry.read(kept), REGISTRY), kept

    async def _versions_in(self, store: BundleStore, name: str, where: str) -> set[str]:
        return {version for found, version in await _told(store.list(MODELS_KIND), where) if found == name}


async def _verify_model(files: Mapping[str, bytes]) -> Model:
    try:
        return await asyncio.to_thread(load_model, files)
    except InvalidBundle as error:
        raise UnsoundVersion(str(error)) from error


def _verify_policy(content: bytes) -> Policy:
    try:
        return parse_policy(json.loads(content))
    except (InvalidPolicy, ValueError, RecursionError) as error:
        raise UnsoundVersion(f"{POLICY_FILE}: {error}") from error


def _check_name(found: tuple[str, str], meant: tuple[str, str]) -> None:
    if found != meant:
        raise UnsoundVersion(f"it is of {found[0]} {found[1]}, not of {meant[0]} {meant[1]}")


def _check_digest(name: str, version: str, meant: str, found: str) -> None:
    if meant and meant != found:
        raise DigestDiffers(f"{name} {version} is {found}, not {meant}")


def digest_of_file(content: bytes) -> str:
    """`sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def warm_up(model: Model) -> None:
    """Score and explain a golden deal, so that the first real one isn't the first of all."""
    row, _ = model.encode(model.golden[0])
    model.score(row.values)
    model.contributions(row.values)


REGISTRY, HERE = "The registry", "The storage that this region keeps versions in"
T = TypeVar("T")


async def _told(step: Awaitable[T], where: str) -> T:
    try:
        return await step
    except StorageFailed as error:
        raise VersionsUnavailable(f"{where} did not answer") from error
