"""The policies of this instance: those that came with the app, and those it loaded from the region's own copy."""

from __future__ import annotations

import json

from adapters.folder_policies import FolderPolicies
from flows.ports import POLICIES_KIND, POLICY_FILE, BundleStore
from scoring.policy import Policy, parse_policy


class HeldPolicies:
    """Implements `flows.ports.Policies`."""

    def __init__(self, bundled: FolderPolicies, kept: BundleStore) -> None:
        self._bundled = bundled
        self._kept = kept
        self._loaded: dict[str, Policy] = {}

    def names(self) -> list[str]:
        return sorted({*self._bundled.names(), *self._loaded})

    def find(self, policy: str) -> Policy | None:
        return self._loaded.get(policy) or self._bundled.find(policy)

    def is_bundled(self, policy: str) -> bool:
        """Whether it came with the app."""
        return self._bundled.find(policy) is not None

    def bundled_document(self, policy: str) -> bytes | None:
        """The file of a policy that came with the app."""
        return self._bundled.document(policy)

    async def load(self, policy: str) -> Policy | None:
        """The policy, in memory; None where the region keeps none. Raises StorageFailed or InvalidPolicy."""
        found = self.find(policy)
        if found is not None:
            return found
        name, _, version = policy.partition("/")
        kept = await self._kept.find(POLICIES_KIND, name, version)
        if kept is None:
            return None
        files = await self._kept.read(kept)
        return self.hold(parse_policy(json.loads(files[POLICY_FILE])))

    def hold(self, policy: Policy) -> Policy:
        """Hold a policy that was verified just now."""
        return self._loaded.setdefault(f"{policy.name}/{policy.version}", policy)
