"""What a plan names, as the control region knows it: whether there is such a version and policy, and their digests."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from flows.errors import LedgerUnavailable, NotFound, NotReady, UnsoundVersion
from flows.ports import Versions
from flows.releasing.current_releases import CurrentReleases
from scoring.faults import Fault
from scoring.release import Release


@dataclass(frozen=True, slots=True)
class Subject:
    """The digests that regions have to find (empty: none is to be pulled), what is not to be had, and what was
    withdrawn."""

    digest: str
    policy_digest: str
    faults: tuple[Fault, ...]
    withdrawn: tuple[Fault, ...]


class LookUpSubject:
    def __init__(self, versions: Versions, releases: CurrentReleases) -> None:
        self._versions = versions
        self._releases = releases

    async def __call__(self, model: str, version: str | None, policy: str | None) -> Subject:
        """What is not named is not looked for. Raises LedgerUnavailable or VersionsUnavailable."""
        faults: list[Fault] = []
        release = await self._release(model) if model else None
        if model and release is None:
            faults.append(Fault("/model", f"No such model: {model}. This region has no release of it."))
        digest = policy_digest = ""
        if model and version:
            digest = await _find("version", f"{model} {version}", self._versions.model_digest(model, version), faults)
        if policy:
            policy_digest = await _find("policy", policy, self._versions.policy_digest(policy), faults)
        named = {"/version": version, "/policy": policy}
        gone = release.withdrawn if release else ()
        withdrawn = [Fault(at, _withdrawn(model, name)) for at, name in named.items() if name in gone]
        return Subject(digest, policy_digest, tuple(faults), tuple(withdrawn))

    async def _release(self, model: str) -> Release | None:
        """What this region serves of a model; None where it is no model. Raises LedgerUnavailable."""
        try:
            return (await self._releases.current(model)).release
        except NotFound:
            return None
        except NotReady as error:
            raise LedgerUnavailable(f"{error}") from error


async def _find(kind: str, name: str, digest: Awaitable[str | None], faults: list[Fault]) -> str:
    """Its digest; where there is none, a fault more."""
    try:
        found = await digest
    except UnsoundVersion as error:
        faults.append(Fault(f"/{kind}", f"This region's copy can't be served: {error}."))
        return ""
    if found is None:
        faults.append(Fault(f"/{kind}", f"No such {kind}: {name}. Publish it first."))
    return found or ""


def _withdrawn(model: str, name: str | None) -> str:
    return f"{model} {name} was withdrawn; an operator has to lift that first"
