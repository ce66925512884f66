"""The terms of a request: which versions of a model stand to judge its deals now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flows.errors import InvalidDeal, NotFound, NotReady, VersionWithdrawn, VouchError
from flows.ports import Models, Policies
from flows.reference.current_references import CurrentReferences
from flows.releasing.current_releases import CurrentReleases, Serving
from scoring.faults import Fault
from scoring.lookups import Tables
from scoring.model import Model
from scoring.policy import Policy
from scoring.release import Target


@dataclass(frozen=True, slots=True)
class Judge:
    """A model version with the policy that judges its scores."""

    model: Model
    policy: Policy


@dataclass(frozen=True, slots=True)
class Terms:
    """`judge` answers (stable, or the pinned version); `candidate` may answer or look on. `tables` are what both look
    into, by dataset: one snapshot for the whole request. `taken` are the features that any version held here takes."""

    serving: Serving
    judge: Judge
    candidate: Judge | None
    is_pinned: bool = False
    tables: Tables = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


class FindTerms:
    """Looks the terms up in memory; storage is read only where the release in memory is too old."""

    def __init__(
        self, models: Models, policies: Policies, releases: CurrentReleases, references: CurrentReferences
    ) -> None:
        self._models = models
        self._policies = policies
        self._releases = releases
        self._references = references
        self._taken: dict[str, tuple[Sequence[str], frozenset[str]]] = {}

    async def __call__(self, model: str, pinned_version: str | None) -> Terms | VouchError:
        """The terms, or the error that is the answer to every deal of that model."""
        versions = self._models.versions(model)
        if not versions:
            return InvalidDeal([Fault("/model", f"No such model: {model}. GET /api/v1/models lists those there are.")])
        try:
            serving = await self._releases.current(model)
        except NotFound:
            return InvalidDeal([Fault("/model", f"{model} is not released in this region.")])
        except NotReady as error:
            return error
        terms = self._resolve(serving, pinned_version, self._names_taken(model, versions))
        return await self._with_tables(terms) if isinstance(terms, Terms) else terms

    async def _with_tables(self, terms: Terms) -> Terms:
        datasets = (*terms.judge.model.datasets, *(terms.candidate.model.datasets if terms.candidate else ()))
        return replace(terms, tables=await self._references.tables_for(datasets)) if datasets else terms

    def _names_taken(self, model: str, versions: Sequence[str]) -> frozenset[str]:
        """Worked out anew only when other versions are in memory."""
        known = self._taken.get(model)
        if known is None or known[0] != versions:
            held = [self._models.find(model, version) for version in versions]
            known = self._taken[model] = versions, frozenset().union(*(found.takes for found in held if found))
        return known[1]

    def _resolve(self, serving: Serving, pinned_version: str | None, taken: frozenset[str]) -> Terms | VouchError:
        release = serving.release
        if pinned_version in release.withdrawn:
            return VersionWithdrawn(f"{release.model} {pinned_version} was withdrawn")
        judge = self._judge(release.model, Target(pinned_version or release.stable.version, release.stable.policy))
        if judge is None:
            if pinned_version is not None:
                return NotFound("model version")
            return NotReady([f"{release.model} {release.stable.version} with {release.stable.policy} is not loaded"])
        candidate = self._judge(release.model, release.candidate) if release.candidate else None
        return Terms(serving, judge, candidate, pinned_version is not None, taken=taken)

    def _judge(self, model: str, target: Target) -> Judge | None:
        version = self._models.find(model, target.version)
        policy = self._policies.find(target.policy)
        return Judge(version, policy) if version and policy else None
